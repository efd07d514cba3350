#include "tls/tls_sigalgs.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/config_suggest.h"
#include "tls/tls_curves.h"
#include "tls/tls_load.h"
#include "tls/tls_words.h"

enum { ADVICE_SIZE = 128, IN_1_2 = 1, IN_1_3 = 2, IN_BOTH = IN_1_2 | IN_1_3 };

/* Both ways in which OpenSSL takes them.  TLS 1.3 ties each ECDSA algorithm to a
 * curve, TLS 1.2 does not; only in TLS 1.2 an RSA key makes PKCS #1 v1.5
 * signatures. */
static const struct sigalg {
    const char *word;
    int key;   /* EVP_PKEY_get_base_id() */
    int curve; /* in TLS 1.3 */
    unsigned versions;
} sigalgs[] = {
    { "ECDSA+SHA256", EVP_PKEY_EC, NID_X9_62_prime256v1, IN_BOTH },
    { "ECDSA+SHA384", EVP_PKEY_EC, NID_secp384r1, IN_BOTH },
    { "ECDSA+SHA512", EVP_PKEY_EC, NID_secp521r1, IN_BOTH },
    { "ECDSA+SHA224", EVP_PKEY_EC, NID_undef, IN_1_2 },
    { "ECDSA+SHA1", EVP_PKEY_EC, NID_undef, IN_1_2 },
    { "ecdsa_secp256r1_sha256", EVP_PKEY_EC, NID_X9_62_prime256v1, IN_BOTH },
    { "ecdsa_secp384r1_sha384", EVP_PKEY_EC, NID_secp384r1, IN_BOTH },
    { "ecdsa_secp521r1_sha512", EVP_PKEY_EC, NID_secp521r1, IN_BOTH },
    { "ecdsa_sha224", EVP_PKEY_EC, NID_undef, IN_1_2 },
    { "ecdsa_sha1", EVP_PKEY_EC, NID_undef, IN_1_2 },
    { "ecdsa_brainpoolP256r1tls13_sha256", EVP_PKEY_EC, NID_brainpoolP256r1,
        IN_1_3 },
    { "ecdsa_brainpoolP384r1tls13_sha384", EVP_PKEY_EC, NID_brainpoolP384r1,
        IN_1_3 },
    { "ecdsa_brainpoolP512r1tls13_sha512", EVP_PKEY_EC, NID_brainpoolP512r1,
        IN_1_3 },
    { "RSA-PSS+SHA256", EVP_PKEY_RSA, NID_undef, IN_BOTH },
    { "RSA-PSS+SHA384", EVP_PKEY_RSA, NID_undef, IN_BOTH },
    { "RSA-PSS+SHA512", EVP_PKEY_RSA, NID_undef, IN_BOTH },
    { "PSS+SHA256", EVP_PKEY_RSA, NID_undef, IN_BOTH },
    { "PSS+SHA384", EVP_PKEY_RSA, NID_undef, IN_BOTH },
    { "PSS+SHA512", EVP_PKEY_RSA, NID_undef, IN_BOTH },
    { "rsa_pss_rsae_sha256", EVP_PKEY_RSA, NID_undef, IN_BOTH },
    { "rsa_pss_rsae_sha384", EVP_PKEY_RSA, NID_undef, IN_BOTH },
    { "rsa_pss_rsae_sha512", EVP_PKEY_RSA, NID_undef, IN_BOTH },
    { "RSA+SHA256", EVP_PKEY_RSA, NID_undef, IN_1_2 },
    { "RSA+SHA384", EVP_PKEY_RSA, NID_undef, IN_1_2 },
    { "RSA+SHA512", EVP_PKEY_RSA, NID_undef, IN_1_2 },
    { "RSA+SHA224", EVP_PKEY_RSA, NID_undef, IN_1_2 },
    { "RSA+SHA1", EVP_PKEY_RSA, NID_undef, IN_1_2 },
    { "rsa_pkcs1_sha256", EVP_PKEY_RSA, NID_undef, IN_1_2 },
    { "rsa_pkcs1_sha384", EVP_PKEY_RSA, NID_undef, IN_1_2 },
    { "rsa_pkcs1_sha512", EVP_PKEY_RSA, NID_undef, IN_1_2 },
    { "rsa_pkcs1_sha224", EVP_PKEY_RSA, NID_undef, IN_1_2 },
    { "rsa_pkcs1_sha1", EVP_PKEY_RSA, NID_undef, IN_1_2 },
    { "rsa_pss_pss_sha256", EVP_PKEY_RSA_PSS, NID_undef, IN_BOTH },
    { "rsa_pss_pss_sha384", EVP_PKEY_RSA_PSS, NID_undef, IN_BOTH },
    { "rsa_pss_pss_sha512", EVP_PKEY_RSA_PSS, NID_undef, IN_BOTH },
    { "ed25519", EVP_PKEY_ED25519, NID_undef, IN_BOTH },
    { "ed448", EVP_PKEY_ED448, NID_undef, IN_BOTH },
};

/* OpenSSL 3.3 marks words that may be unknown. */
static const char *
skip_mark(const char *word)
{
    return *word == '?' ? word + 1 : word;
}

static bool
is_sigalg(const char *word)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    bool known = ctx != NULL && SSL_CTX_set1_sigalgs_list(ctx, word) == 1;

    SSL_CTX_free(ctx);
    ERR_clear_error();
    return known;
}

/* A tls_words_judge_fn. */
static bool
knows_sigalg(const struct tls_load *load, const char *list, const char *word)
{
    struct suggestion suggestion = { .word = word };
    char advice[ADVICE_SIZE] = "";

    if (*word == '?' || is_sigalg(word))
        return true;
    for (size_t i = 0; i < COUNT(sigalgs); i++)
        if (is_sigalg(sigalgs[i].word))
            config_suggest_consider(&suggestion, sigalgs[i].word);
    if (suggestion.best != NULL)
        snprintf(
            advice, sizeof(advice), "; did you mean \"%s\"?", suggestion.best);
    tls_load_fault_word(load, "sigalgs", word, "\"%s\": OpenSSL %s knows no "
        "signature algorithm \"%s\"%s", list,
        OpenSSL_version(OPENSSL_VERSION_STRING), word, advice);
    return false;
}

void
tls_sigalgs_load(const struct tls_load *load)
{
    const char *list = load->leg->sigalgs;

    if (list != NULL && SSL_CTX_set1_sigalgs_list(load->ctx, list) != 1 &&
        tls_words_each(load, "sigalgs", list, ":", knows_sigalg))
        tls_load_fault(load, "sigalgs", "\"%s\": OpenSSL %s cannot use this "
            "list; each algorithm may stand there once", list,
            OpenSSL_version(OPENSSL_VERSION_STRING));
    ERR_clear_error();
}

static const struct sigalg *
find_sigalg(const char *word)
{
    for (size_t i = 0; i < COUNT(sigalgs); i++)
        if (strcasecmp(sigalgs[i].word, skip_mark(word)) == 0)
            return &sigalgs[i];
    return NULL;
}

/* In which versions a key of this kind makes that signature. */
static unsigned
versions_of(const struct sigalg *sigalg, int key, int curve)
{
    if (sigalg->key != key)
        return 0;
    return key == EVP_PKEY_EC && sigalg->curve != curve
        ? sigalg->versions & IN_1_2
        : sigalg->versions;
}

/* False: the list has a word that is not known here. */
static bool
find_versions(const char *list, int key, int curve, unsigned *versions)
{
    char *copy = strdup(list), *rest = copy, *word;
    bool known = copy != NULL;

    *versions = 0;
    while (known && (word = strsep(&rest, ":")) != NULL) {
        const struct sigalg *sigalg = find_sigalg(word);

        if (sigalg != NULL)
            *versions |= versions_of(sigalg, key, curve);
        known = sigalg != NULL || *word == '\0';
    }
    free(copy);
    return known;
}

/* The algorithm to add for such a key, in as many versions as there are. */
static const char *
advise_sigalg(int key, int curve, unsigned missing)
{
    for (size_t i = 0; i < COUNT(sigalgs); i++)
        if ((versions_of(&sigalgs[i], key, curve) & missing) == missing)
            return sigalgs[i].word;
    return NULL;
}

/* `missing`: the versions in which the certificate can do nothing. */
static void
explain_unusable_key(const struct tls_load *load, const char *path,
    const EVP_PKEY *key, unsigned missing, bool all)
{
    int kind = EVP_PKEY_get_base_id(key), curve = tls_curves_of(key);
    const char *add = advise_sigalg(kind, curve, missing);
    const char *name = OBJ_nid2sn(curve != NID_undef ? curve : kind);

    if (add == NULL)
        return; /* of its curve more is told elsewhere */
    if (all)
        tls_load_fault(load, "sigalgs", "\"%s\": none of these can be made "
            "with the key of %s (%s), so that no peer could use its "
            "certificate; add %s", load->leg->sigalgs, path, name, add);
    else
        tls_load_warn(load, "sigalgs", "\"%s\": none of these can be made with "
            "the key of %s (%s) in TLS %s; add %s", load->leg->sigalgs, path,
            name, missing == IN_1_2 ? "1.2" : "1.3", add);
}

void
tls_sigalgs_check(
    const struct tls_load *load, const char *path, const X509 *cert)
{
    const struct leg_config *leg = load->leg;
    EVP_PKEY *key = X509_get0_pubkey(cert);
    unsigned wanted = (leg->min_version < TLS_VERSION_1_3 ? IN_1_2 : 0) |
        (leg->max_version > TLS_VERSION_1_2 ? IN_1_3 : 0);
    unsigned usable;

    if (leg->sigalgs == NULL || key == NULL ||
        !find_versions(leg->sigalgs, EVP_PKEY_get_base_id(key),
            tls_curves_of(key), &usable))
        return;
    if ((usable & wanted) != wanted)
        explain_unusable_key(load, path, key, wanted & ~usable,
            (usable & wanted) == 0);
    ERR_clear_error();
}
