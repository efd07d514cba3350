#include "tls/tls_allow.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <string.h>

#include "config/config_allow.h"
#include "tls/tls_pin.h"

/* An attribute of the subject, each of its values as UTF-8. */
static bool
has_attribute(const X509 *leaf, int nid, const struct allow_word *word)
{
    const X509_NAME *subject = X509_get_subject_name(leaf);
    bool found = false;
    int at = -1;

    while (!found &&
        (at = X509_NAME_get_index_by_NID(subject, nid, at)) >= 0) {
        unsigned char *utf8 = NULL;
        int length = ASN1_STRING_to_UTF8(&utf8,
            X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));

        found = length > 0 &&
            config_allow_matches(word, (const char *)utf8, (size_t)length);
        OPENSSL_free(utf8);
    }
    return found;
}

/* A chain as the words see it.  A peer chooses how much is in its certificate, so
 * each part is decoded once for all words, when the first one asks for it. */
struct judged {
    const STACK_OF(X509) *chain;
    const X509 *leaf;
    GENERAL_NAMES *names; /* NULL: none, or not decoded yet */
    bool has_names;       /* they have been decoded */
    char (*pins)[TLS_PIN_SIZE]; /* of the chain; NULL: not made yet */
};

static void
decode_names(struct judged *judged)
{
    if (!judged->has_names)
        judged->names = X509_get_ext_d2i(
            judged->leaf, NID_subject_alt_name, NULL, NULL);
    judged->has_names = true;
}

static bool
has_alternative(
    struct judged *judged, int kind, const struct allow_word *word)
{
    bool found = false;

    decode_names(judged);
    for (int i = 0; i < sk_GENERAL_NAME_num(judged->names) && !found; i++) {
        int its;
        const ASN1_STRING *value = GENERAL_NAME_get0_value(
            sk_GENERAL_NAME_value(judged->names, i), &its);

        found = its == kind && ASN1_STRING_length(value) > 0 &&
            config_allow_matches(word,
                (const char *)ASN1_STRING_get0_data(value),
                (size_t)ASN1_STRING_length(value));
    }
    return found;
}

/* False: out of memory. */
static bool
digest_keys(struct judged *judged)
{
    int count = sk_X509_num(judged->chain);

    if (judged->pins != NULL)
        return true;
    judged->pins = OPENSSL_zalloc((size_t)count * sizeof(*judged->pins));
    for (int i = 0; i < count && judged->pins != NULL; i++)
        tls_pin_of(sk_X509_value(judged->chain, i), judged->pins[i]);
    return judged->pins != NULL;
}

/* Of a certificate from `first` to `last` in the chain. */
static bool
has_pin(struct judged *judged, int first, int last, const char *pin)
{
    if (!digest_keys(judged))
        return false;
    for (int i = first; i <= last; i++)
        if (strcmp(pin, judged->pins[i]) == 0)
            return true;
    return false;
}

static bool
is_word_true(const struct allow_word *word, struct judged *judged)
{
    switch (word->kind) {
    case ALLOW_CN:
        return has_attribute(judged->leaf, NID_commonName, word);
    case ALLOW_OU:
        return has_attribute(judged->leaf, NID_organizationalUnitName, word);
    case ALLOW_DNS:
        return has_alternative(judged, GEN_DNS, word);
    case ALLOW_URI:
        return has_alternative(judged, GEN_URI, word);
    case ALLOW_EMAIL:
        return has_alternative(judged, GEN_EMAIL, word);
    case ALLOW_IP:
        return has_alternative(judged, GEN_IPADD, word);
    case ALLOW_SPKI:
        return has_pin(judged, 0, 0, word->value);
    case ALLOW_ISSUER:
        return has_pin(
            judged, 1, sk_X509_num(judged->chain) - 1, word->value);
    default:
        return false;
    }
}

static bool
is_rule_true(const struct allow_rule *rule, struct judged *judged)
{
    for (size_t i = 0; i < rule->count; i++)
        if (!is_word_true(&rule->words[i], judged))
            return false;
    return true;
}

size_t
tls_allow_judge(
    const struct allow_rules *rules, const STACK_OF(X509) *chain)
{
    struct judged judged = { .chain = chain };
    size_t line = 0;

    if (sk_X509_num(chain) > 0) {
        judged.leaf = sk_X509_value(chain, 0);
        for (size_t i = 0; i < rules->count && line == 0; i++)
            line = is_rule_true(&rules->items[i], &judged) ? i + 1 : 0;
    }
    GENERAL_NAMES_free(judged.names);
    OPENSSL_free(judged.pins);
    ERR_clear_error();
    return line;
}
