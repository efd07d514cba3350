#include "tls/tls_ciphers.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "tls/tls_error.h"
#include "tls/tls_load.h"

enum { REASON_SIZE = 256, WORD_SIZE = 128 };

/* TLS 1.2 with forward secrecy and authenticated encryption, or not at all. */
static const char default_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK";

/* The first is for libraries that know the hybrid of ML-KEM: recorded traffic
 * should stay secret from the machines of later years.  A '*' marks groups
 * that a client sends a key share of. */
static const char *const default_groups[] = {
    "*X25519MLKEM768:*X25519:P-256:P-384",
    "X25519:P-256:P-384",
};

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

static bool
knows_words(const struct tls_load *load, const char *option, const char *list,
    const char *separators, bool (*is_known)(const char *word))
{
    char word[WORD_SIZE];
    size_t length;

    for (const char *at = list; *at != '\0'; at += length) {
        at += strspn(at, separators);
        length = strcspn(at, separators);
        if (length == 0)
            break;
        if (length < sizeof(word)) {
            memcpy(word, at, length);
            word[length] = '\0';
        }
        if (length >= sizeof(word) || !is_known(word)) {
            tls_load_fault(load, option, "\"%s\": OpenSSL knows no \"%.*s\"",
                list, (int)length, at);
            return false;
        }
    }
    return true;
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

/* Key transport has a server decrypt with its key (RFC 5246 7.4.7.1); a client
 * encrypts with the server's. */
void
tls_ciphers_sign_only(const struct tls_load *load, SSL_CTX *ctx)
{
    char *list = NULL;

    if (!load->accepts || !has_key_transport(ctx))
        return;
    if (asprintf(&list, "%s:!kRSA", load->leg->ciphers) < 0)
        list = NULL;
    if (list == NULL || SSL_CTX_set_cipher_list(ctx, list) != 1)
        tls_load_fault(load, "ciphers", "\"%s\": has nothing but RSA key "
            "exchange, which the keeper does not do; add ECDHE, or set "
            "keeper = off in [global]", load->leg->ciphers);
    ERR_clear_error();
    free(list);
}

static void
set_ciphers(const struct tls_load *load)
{
    const char *list = load->leg->ciphers;
    char reason[REASON_SIZE];

    if (list != NULL &&
        !knows_words(load, "ciphers", list, ":, ;", is_cipher_word))
        return;
    if (SSL_CTX_set_cipher_list(load->ctx,
        list != NULL ? list : default_ciphers) != 1)
        tls_load_fault(load, "ciphers", "\"%s\": %s",
            list != NULL ? list : default_ciphers,
            tls_error_reason(reason, sizeof(reason)));
    else if (load->signer != NULL && load->leg->cert.count > 0)
        tls_ciphers_sign_only(load, load->ctx);
}

static void
set_ciphersuites(const struct tls_load *load)
{
    const char *list = load->leg->ciphersuites;
    char reason[REASON_SIZE];

    if (list == NULL ||
        !knows_words(load, "ciphersuites", list, ":", is_ciphersuite))
        return;
    if (SSL_CTX_set_ciphersuites(load->ctx, list) != 1)
        tls_load_fault(load, "ciphersuites", "\"%s\": %s", list,
            tls_error_reason(reason, sizeof(reason)));
}

static void
set_groups(const struct tls_load *load)
{
    const char *list = load->leg->groups;
    char reason[REASON_SIZE];
    bool set = false;

    if (list != NULL)
        set = SSL_CTX_set1_groups_list(load->ctx, list) == 1;
    for (size_t i = 0; list == NULL && !set && i < COUNT(default_groups); i++)
        set = SSL_CTX_set1_groups_list(load->ctx, default_groups[i]) == 1;
    if (!set)
        tls_load_fault(load, "groups", "\"%s\": OpenSSL cannot use this list "
            "of groups: %s", list != NULL ? list : default_groups[1],
            tls_error_reason(reason, sizeof(reason)));
    ERR_clear_error();
}

static void
set_sigalgs(const struct tls_load *load)
{
    const char *list = load->leg->sigalgs;
    char reason[REASON_SIZE];

    if (list != NULL && SSL_CTX_set1_sigalgs_list(load->ctx, list) != 1)
        tls_load_fault(load, "sigalgs", "\"%s\": OpenSSL cannot use this list "
            "of signature algorithms: %s", list,
            tls_error_reason(reason, sizeof(reason)));
    ERR_clear_error();
}

void
tls_ciphers_load(const struct tls_load *load)
{
    set_versions(load);
    set_ciphers(load);
    set_ciphersuites(load);
    set_groups(load);
    set_sigalgs(load);
    /* For ciphers with DHE, should the operator want them. */
    SSL_CTX_set_dh_auto(load->ctx, 1);
}
