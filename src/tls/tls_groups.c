#include "tls/tls_groups.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/config_suggest.h"
#include "tls/tls_load.h"
#include "tls/tls_words.h"

enum { NAMES_SIZE = 256, ADVICE_SIZE = 128 };

/* OpenSSL 3.5 parts tuples by '/', and marks words: '*' key share, '?' if known,
 * '-' not. */
#define SEPARATORS ":/"
#define MARKS "*?-"

/* The first is for libraries that know the hybrid of ML-KEM: recorded traffic
 * should stay secret from the machines of later years.  A '*' marks groups
 * that a client sends a key share of.  P-521 comes last: with TLS 1.2 the list
 * also says which curves a certificate may be on (RFC 8422 5.1). */
static const char *const default_groups[] = {
    "*X25519MLKEM768:*X25519:P-256:P-384:P-521",
    "X25519:P-256:P-384:P-521",
};

/* What operators may mean; not every library has all of them. */
static const char *const usual_groups[] = {
    "X25519", "P-256", "P-384", "P-521", "X448", "X25519MLKEM768",
    "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "ffdhe2048", "ffdhe3072",
    "ffdhe4096", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1",
};

static bool
is_group(const char *word)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    bool known = ctx != NULL && SSL_CTX_set1_groups_list(ctx, word) == 1;

    SSL_CTX_free(ctx);
    ERR_clear_error();
    return known;
}

/* "X25519, P-256, P-384": of the usual ones those that this library has. */
static const char *
list_known(char text[NAMES_SIZE])
{
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < COUNT(usual_groups); i++)
        if (is_group(usual_groups[i]) && length < NAMES_SIZE)
            length += (size_t)snprintf(text + length, NAMES_SIZE - length,
                "%s%s", length > 0 ? ", " : "", usual_groups[i]);
    return text;
}

static const char *
nearest_group(const char *word)
{
    struct suggestion suggestion = { .word = word };

    for (size_t i = 0; i < COUNT(usual_groups); i++)
        if (is_group(usual_groups[i]))
            config_suggest_consider(&suggestion, usual_groups[i]);
    return suggestion.best;
}

/* A tls_words_judge_fn. */
static bool
knows_group(const struct tls_load *load, const char *list, const char *word)
{
    const char *name = word + strspn(word, MARKS), *near;
    char known[NAMES_SIZE], advice[ADVICE_SIZE] = "";

    if (memchr(word, '?', (size_t)(name - word)) != NULL || is_group(name))
        return true;
    near = nearest_group(name);
    if (near != NULL)
        snprintf(advice, sizeof(advice), "; did you mean \"%s\"?", near);
    tls_load_fault_word(load, "groups", word, "\"%s\": OpenSSL %s knows no "
        "group \"%s\"%s (it knows %s, and more)", list,
        OpenSSL_version(OPENSSL_VERSION_STRING), name, advice,
        list_known(known));
    return false;
}

const char *
tls_groups_list(const struct tls_load *load)
{
    return load->leg->groups != NULL ? load->leg->groups : default_groups[1];
}

static void
set_own_groups(const struct tls_load *load)
{
    const char *list = load->leg->groups;

    if (SSL_CTX_set1_groups_list(load->ctx, list) == 1 ||
        !tls_words_each(load, "groups", list, SEPARATORS, knows_group))
        return;
    tls_load_fault(load, "groups", "\"%s\": OpenSSL %s cannot use this list: "
        "each group may stand there once, in front of others only with "
        "\":\" between; marks (* ? - /) are for OpenSSL 3.5", list,
        OpenSSL_version(OPENSSL_VERSION_STRING));
}

void
tls_groups_load(const struct tls_load *load)
{
    bool set = false;

    if (load->leg->groups != NULL) {
        set_own_groups(load);
    } else {
        for (size_t i = 0; !set && i < COUNT(default_groups); i++)
            set = SSL_CTX_set1_groups_list(load->ctx, default_groups[i]) == 1;
        if (!set)
            tls_load_fault(load, "groups", "the OpenSSL library has none of "
                "%s; name those that it has", default_groups[1]);
    }
    ERR_clear_error();
}
