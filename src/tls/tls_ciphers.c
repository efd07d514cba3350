#include "tls/tls_ciphers.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "tls/tls_error.h"
#include "tls/tls_groups.h"
#include "tls/tls_load.h"
#include "tls/tls_sigalgs.h"
#include "tls/tls_words.h"

enum { REASON_SIZE = 256 };

/* TLS 1.2 with forward secrecy and authenticated encryption, or not at all. */
static const char default_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* Ends every list: without a certificate, or without encryption, there is
 * nothing to verify and nothing to protect.  "!" removes for good, wherever a
 * list names the cipher (openssl-ciphers(1)). */
#define NEVER ":!aNULL:!eNULL:!PSK:!SRP"

#define CIPHER_SEPARATORS ":, ;"

static int
protocol_version(enum tls_version version)
{
    return version == TLS_VERSION_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

static void
set_versions(const struct tls_load *load)
{
    int min = protocol_version(load->leg->min_version);
    int max = protocol_version(load->leg->max_version);

    if (min > max)
        tls_load_fault(load, "min_version", "is higher than %s.max_version",
            load->side);
    else if (SSL_CTX_set_min_proto_version(load->ctx, min) != 1 ||
        SSL_CTX_set_max_proto_version(load->ctx, max) != 1)
        tls_load_fault(load, "min_version", "the OpenSSL library cannot do "
            "these versions of TLS");
}

/* A word takes part of a list by itself if some cipher answers to it. */
static bool
is_cipher(const char *word)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    bool known = ctx != NULL && SSL_CTX_set_cipher_list(ctx, word) == 1;

    SSL_CTX_free(ctx);
    ERR_clear_error();
    return known;
}

static bool
has_cipher(SSL_CTX *ctx, const char *name)
{
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx);

    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        if (strcmp(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)),
            name) == 0)
            return true;
    }
    return false;
}

static bool
is_ciphersuite(const char *word)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    bool known = ctx != NULL && SSL_CTX_set_ciphersuites(ctx, word) == 1 &&
        has_cipher(ctx, word);

    SSL_CTX_free(ctx);
    ERR_clear_error();
    return known;
}

/* "!X" and "-X" often name what this library was built without, and then do
 * what they should; commands begin with '@'. */
static bool
is_cipher_word(const char *word)
{
    if (*word == '!' || *word == '-' || *word == '@')
        return true;
    return is_cipher(*word == '+' ? word + 1 : word);
}

/* OpenSSL's own name for what the standards call otherwise; NULL: none. */
static const char *
own_name(const char *word)
{
    const char *name = OPENSSL_cipher_name(word);

    return name != NULL && is_cipher(name) ? name : NULL;
}

/* A tls_words_judge_fn. */
static bool
knows_cipher(
    const struct tls_load *load, const char *list, const char *word)
{
    const char *name;

    if (is_cipher_word(word))
        return true;
    if (is_ciphersuite(word))
        tls_load_fault_word(load, "ciphers", word, "\"%s\": %s is a cipher "
            "suite of TLS 1.3; move it to %s.ciphersuites", list, word,
            load->side);
    else if ((name = own_name(word)) != NULL)
        tls_load_fault_word(load, "ciphers", word, "\"%s\": write %s for %s, "
            "as OpenSSL calls it", list, name, word);
    else
        tls_load_fault_word(load, "ciphers", word, "\"%s\": OpenSSL knows no "
            "\"%s\"", list, word);
    return false;
}

/* A tls_words_judge_fn. */
static bool
knows_ciphersuite(
    const struct tls_load *load, const char *list, const char *word)
{
    if (is_ciphersuite(word))
        return true;
    if (is_cipher(word) || own_name(word) != NULL)
        tls_load_fault_word(load, "ciphersuites", word, "\"%s\": %s is a "
            "cipher of TLS 1.2; move it to %s.ciphers", list, word,
            load->side);
    else
        tls_load_fault_word(load, "ciphersuites", word, "\"%s\": OpenSSL "
            "knows no \"%s\"", list, word);
    return false;
}

static bool
has_key_transport(SSL_CTX *ctx)
{
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx);

    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
        if (SSL_CIPHER_get_kx_nid(sk_SSL_CIPHER_value(ciphers, i)) ==
            NID_kx_rsa)
            return true;
    return false;
}

/* The one place where a context gets its list for TLS 1.2.  `more`: what else
 * to take out, as in ":!kRSA".  False: nothing of the list is left. */
static bool
use_list(SSL_CTX *ctx, const char *list, const char *more)
{
    char *safe = NULL;
    bool set;

    if (asprintf(&safe, "%s" NEVER "%s", list, more) < 0)
        return false;
    ERR_clear_error();
    set = SSL_CTX_set_cipher_list(ctx, safe) == 1;
    free(safe);
    return set;
}

/* A tls_words_judge_fn; a word that is there to take something out has done so. */
static bool
warn_of_word(const struct tls_load *load, const char *list, const char *word)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    (void)list;
    if (strchr("!-+@", *word) == NULL && ctx != NULL &&
        !use_list(ctx, word, ""))
        tls_load_warn(load, "ciphers", "\"%s\" has no effect: ciphers "
            "without a certificate or without encryption are never used",
            word);
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return true;
}

static const char *
list_of(const struct tls_load *load)
{
    return load->leg->ciphers != NULL ? load->leg->ciphers : default_ciphers;
}

/* Key transport has a server decrypt with its key (RFC 5246 7.4.7.1); a client
 * encrypts with the server's. */
static void
sign_only(const struct tls_load *load, SSL_CTX *ctx)
{
    if (!load->accepts || !has_key_transport(ctx))
        return;
    if (!use_list(ctx, list_of(load), ":!kRSA"))
        tls_load_fault(load, "ciphers", "\"%s\": has nothing but RSA key "
            "exchange, which the keeper does not do; add ECDHE, or set "
            "keeper = off in [global]", list_of(load));
    ERR_clear_error();
}

/* "no cipher match" where OpenSSL alone would have found some. */
static void
explain_list(const struct tls_load *load)
{
    const char *list = list_of(load);
    char reason[REASON_SIZE];

    tls_error_reason(reason, sizeof(reason));
    if (is_cipher(list))
        tls_load_fault(load, "ciphers", "\"%s\": no cipher in this list has "
            "both a certificate and encryption (aNULL, eNULL, PSK and SRP are "
            "never used); add ECDHE+AESGCM", list);
    else
        tls_load_fault(load, "ciphers", "\"%s\": %s", list, reason);
}

/* What forums advise for old peers ("@SECLEVEL=0") lets in keys and digests
 * that can be forged. */
static void
warn_of_level(const struct tls_load *load, int usual)
{
    int level = SSL_CTX_get_security_level(load->ctx);

    if (level < usual)
        tls_load_warn(load, "ciphers", "sets security level %d, below the "
            "OpenSSL library's %d: WEAK keys, signatures and ciphers are "
            "accepted", level, usual);
}

static void
set_ciphers(const struct tls_load *load)
{
    const char *list = load->leg->ciphers;
    int usual = SSL_CTX_get_security_level(load->ctx);

    if (list != NULL &&
        !tls_words_each(
            load, "ciphers", list, CIPHER_SEPARATORS, knows_cipher))
        return;
    if (!use_list(load->ctx, list_of(load), "")) {
        explain_list(load);
        return;
    }
    if (list != NULL)
        (void)!tls_words_each(
            load, "ciphers", list, CIPHER_SEPARATORS, warn_of_word);
    warn_of_level(load, usual);
    if (load->signer != NULL && load->leg->cert.count > 0)
        sign_only(load, load->ctx);
}

void
tls_ciphers_check_keeper(const struct tls_load *load)
{
    SSL_CTX *ctx;

    if (load->leg->ciphers == NULL)
        return;     /* the default is ECDHE only */
    ctx = SSL_CTX_new(TLS_server_method());
    if (ctx != NULL && use_list(ctx, list_of(load), ""))
        sign_only(load, ctx);
    SSL_CTX_free(ctx);
    ERR_clear_error();
}

static void
set_ciphersuites(const struct tls_load *load)
{
    const char *list = load->leg->ciphersuites;
    char reason[REASON_SIZE];

    if (list == NULL ||
        !tls_words_each(load, "ciphersuites", list, ":", knows_ciphersuite))
        return;
    if (SSL_CTX_set_ciphersuites(load->ctx, list) != 1)
        tls_load_fault(load, "ciphersuites", "\"%s\": %s", list,
            tls_error_reason(reason, sizeof(reason)));
}

/* RFC 9150 has suites for TLS 1.3 that encrypt nothing, and OpenSSL 3.4 has
 * them; whatever a later library adds, the list is judged as it is. */
static void
insist_on_encryption(const struct tls_load *load)
{
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(load->ctx);

    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);

        if (SSL_CIPHER_get_cipher_nid(cipher) == NID_undef ||
            SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null)
            tls_load_fault(load, SSL_CIPHER_get_kx_nid(cipher) == NID_kx_any ?
                "ciphersuites" : "ciphers", "%s has no encryption or no "
                "certificate; take it out", SSL_CIPHER_get_name(cipher));
    }
}

void
tls_ciphers_load(const struct tls_load *load)
{
    set_versions(load);
    set_ciphers(load);
    set_ciphersuites(load);
    tls_groups_load(load);
    tls_sigalgs_load(load);
    insist_on_encryption(load);
    /* For ciphers with DHE, should the operator want them. */
    SSL_CTX_set_dh_auto(load->ctx, 1);
}
