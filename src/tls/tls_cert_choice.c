#include "tls/tls_cert_choice.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "tls/tls_cert_names.h"
#include "tls/tls_certificate.h"
#include "tls/tls_certkey.h"
#include "tls/tls_failure.h"
#include "tls/tls_key_kind.h"
#include "tls/tls_state.h"

enum {
    SLOTS = TLS_KIND_COUNT + 1, /* a kind of keys each, as OpenSSL has it */
    CANDIDATES_MAX = 32,        /* the work of one handshake is bounded */
};

struct entry {
    const struct tls_certkey *pair;
    int64_t from, until; /* seconds of time(2) */
    unsigned slot;
    bool listed;
    struct tls_shown shown;
};

/* How good a certificate is for a client: the less the better. */
enum rank {
    RANK_EXACT,
    RANK_WILDCARD,
    RANK_EXACT_OUT_OF_DATE,
    RANK_WILDCARD_OUT_OF_DATE,
    RANK_LEFT,     /* of other names than the default's */
    RANK_UNUSABLE, /* the client could not verify what its key signs */
};

struct candidate {
    const struct entry *entry;
    enum rank rank; /* if it is in date and can be used */
};

struct candidates {
    struct candidate items[CANDIDATES_MAX];
    size_t count;
};

struct tls_cert_choice {
    struct entry *entries;
    size_t count, size;
    struct tls_cert_names names;
    struct candidates fallback; /* where no name decides */
    bool refuses;
};

static CRYPTO_ONCE slot_once = CRYPTO_ONCE_STATIC_INIT;
static int choice_slot = -1;

struct tls_cert_choice *
tls_cert_choice_new(bool refuses)
{
    struct tls_cert_choice *choice = calloc(1, sizeof(*choice));

    if (choice != NULL)
        choice->refuses = refuses;
    return choice;
}

void
tls_cert_choice_free(struct tls_cert_choice *choice)
{
    if (choice == NULL)
        return;
    tls_cert_names_clear(&choice->names);
    free(choice->entries);
    free(choice);
}

size_t
tls_cert_choice_count(const struct tls_cert_choice *choice)
{
    return choice->count;
}

const struct tls_certkey *
tls_cert_choice_at(const struct tls_cert_choice *choice, size_t index)
{
    return choice->entries[index].pair;
}

bool
tls_cert_choice_is_listed(const struct tls_cert_choice *choice, size_t index)
{
    return choice->entries[index].listed;
}

static bool
digest_shown(const X509 *cert, struct tls_shown *shown)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    if (X509_digest(cert, EVP_sha256(), digest, &length) != 1)
        return false;
    memcpy(shown->digest, digest, sizeof(shown->digest));
    return true;
}

struct naming {
    struct tls_cert_names *names;
    uint32_t cert;
};

/* tls_certificate_host_fn */
static bool
add_host(const char *name, size_t length, bool is_address, void *arg)
{
    const struct naming *naming = arg;

    return is_address ? tls_cert_names_add_address(naming->names, name, length,
                            naming->cert)
                      : tls_cert_names_add_host(naming->names, name, length,
                            naming->cert);
}

static bool
make_entry_room(struct tls_cert_choice *choice)
{
    size_t size = choice->size == 0 ? 4 : 2 * choice->size;
    struct entry *entries;

    if (choice->count < choice->size)
        return true;
    entries = reallocarray(choice->entries, size, sizeof(*entries));
    if (entries == NULL)
        return false;
    choice->entries = entries;
    choice->size = size;
    return true;
}

bool
tls_cert_choice_add(struct tls_cert_choice *choice,
    const struct tls_certkey *pair, bool listed)
{
    struct naming naming = { &choice->names, (uint32_t)choice->count };
    struct entry entry = {
        .pair = pair,
        .from = tls_certificate_time(X509_get0_notBefore(pair->leaf)),
        .until = tls_certificate_time(X509_get0_notAfter(pair->leaf)),
        .slot = tls_kind_of(X509_get0_pubkey(pair->leaf)),
        .listed = listed,
    };

    if (!make_entry_room(choice) || !digest_shown(pair->leaf, &entry.shown) ||
        !tls_certificate_hosts(pair->leaf, add_host, &naming))
        return false;
    choice->entries[choice->count++] = entry;
    return true;
}

static void
add_candidate(struct candidates *candidates, const struct entry *entry,
    enum rank rank)
{
    if (candidates->count < CANDIDATES_MAX)
        candidates->items[candidates->count++] =
            (struct candidate){ entry, rank };
}

static bool
has_candidate(const struct candidates *candidates, const struct entry *entry)
{
    for (size_t i = 0; i < candidates->count; i++)
        if (candidates->items[i].entry == entry)
            return true;
    return false;
}

static bool
has_slot(const struct candidates *candidates, unsigned slot)
{
    for (size_t i = 0; i < candidates->count; i++)
        if (candidates->items[i].entry->slot == slot)
            return true;
    return false;
}

static void
add_items(const struct tls_cert_choice *choice,
    const struct tls_cert_name *items, size_t count, enum rank rank,
    struct candidates *candidates)
{
    for (size_t i = 0; i < count; i++)
        add_candidate(
            candidates, &choice->entries[items[i].cert], rank);
}

/* The first certificate and those that have a name of it; then the first of each
 * kind of keys that is none of these, for clients that can verify no other. */
static void
choose_fallback(struct tls_cert_choice *choice)
{
    const struct tls_cert_names *names = &choice->names;
    struct candidates *fallback = &choice->fallback;

    if (choice->count > 0)
        add_candidate(fallback, &choice->entries[0], RANK_EXACT);
    for (size_t i = 0; i < names->count; i++) {
        size_t run = tls_cert_names_run(names, i);

        for (size_t j = 1; names->items[i].cert == 0 && j < run; j++) {
            const struct entry *entry =
                &choice->entries[names->items[i + j].cert];

            if (!has_candidate(fallback, entry))
                add_candidate(fallback, entry, RANK_EXACT);
        }
    }
    for (size_t i = 0; i < choice->count; i++)
        if (!has_slot(fallback, choice->entries[i].slot))
            add_candidate(fallback, &choice->entries[i], RANK_LEFT);
}

/* `name` NULL: the client sent none. */
static void
find_candidates(const struct tls_cert_choice *choice, const char *name,
    struct candidates *candidates)
{
    struct tls_cert_found found;

    if (name == NULL || !tls_cert_names_find(&choice->names, name, &found)) {
        *candidates = choice->fallback;
        return;
    }
    candidates->count = 0;
    add_items(
        choice, found.exact, found.exact_count, RANK_EXACT, candidates);
    add_items(choice, found.wildcard, found.wildcard_count, RANK_WILDCARD,
        candidates);
}

/* Whether the client can verify what the certificate's key signs; in TLS 1.2 that
 * its curve is one of the client's, too. */
static bool
can_be_verified(SSL *ssl, const struct tls_certkey *pair)
{
    int wanted = CERT_PKEY_SIGN | CERT_PKEY_EE_PARAM |
        (SSL_version(ssl) == TLS1_3_VERSION ? CERT_PKEY_EE_SIGNATURE : 0);
    int checks = SSL_check_chain(ssl, pair->leaf, pair->key, pair->chain);

    ERR_clear_error();
    return (checks & wanted) == wanted;
}

static enum rank
rank_candidate(SSL *ssl, const struct candidate *candidate, int64_t now)
{
    const struct entry *entry = candidate->entry;
    bool in_date = entry->from <= now && now <= entry->until;

    if (!can_be_verified(ssl, entry->pair))
        return RANK_UNUSABLE;
    if (in_date || candidate->rank == RANK_LEFT)
        return candidate->rank;
    return candidate->rank == RANK_EXACT ? RANK_EXACT_OUT_OF_DATE
                                         : RANK_WILDCARD_OUT_OF_DATE;
}

static bool
show_entry(SSL *ssl, const struct entry *entry)
{
    const struct tls_certkey *pair = entry->pair;

    return SSL_use_cert_and_key(
               ssl, pair->leaf, pair->key, pair->chain, 1) == 1;
}

/* Of each kind of keys the first that is as good as any: OpenSSL takes the one
 * that suits the client's ciphers and signature algorithms best. */
static bool
show_best(SSL *ssl, const struct candidates *candidates)
{
    enum rank ranks[CANDIDATES_MAX], best = RANK_UNUSABLE;
    bool shown[SLOTS] = { false };
    int64_t now = time(NULL);

    for (size_t i = 0; i < candidates->count; i++) {
        ranks[i] = rank_candidate(ssl, &candidates->items[i], now);
        if (ranks[i] < best)
            best = ranks[i];
    }
    for (size_t i = 0; i < candidates->count; i++) {
        const struct entry *entry = candidates->items[i].entry;

        if (ranks[i] != best || shown[entry->slot])
            continue;
        shown[entry->slot] = true;
        if (!show_entry(ssl, entry))
            return false;
    }
    return true;
}

/* SSL_CTX_set_cert_cb(3): for a handshake in full, when the client's algorithms
 * are known. */
static int
on_cert_wanted(SSL *ssl, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    struct candidates candidates;

    find_candidates(arg, name, &candidates);
    SSL_certs_clear(ssl);
    if (candidates.count == 1)
        return show_entry(ssl, candidates.items[0].entry);
    return show_best(ssl, &candidates);
}

static void
keep_refusal(const SSL *ssl, const char *name)
{
    struct tls_state *tls = SSL_get_app_data(ssl);
    char text[TLS_FAILURE_SIZE];

    snprintf(text, sizeof(text), "unknown-name: no certificate has the name %s "
        "that the client asks for", name);
    if (tls != NULL)
        tls_state_keep_failure(tls, TLS_CAUSE_UNKNOWN_NAME, text);
}

/* SSL_CTX_set_tlsext_servername_callback(3), of every ClientHello, also one with
 * which a session is resumed. */
static int
on_name_seen(SSL *ssl, int *alert, void *arg)
{
    const struct tls_cert_choice *choice = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    struct tls_cert_found found;

    if (!choice->refuses || name == NULL ||
        tls_cert_names_find(&choice->names, name, &found))
        return SSL_TLSEXT_ERR_OK;
    keep_refusal(ssl, name);
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* CRYPTO_EX_free */
static void
free_attached_choice(void *parent, void *choice, CRYPTO_EX_DATA *data,
    int index, long l, void *arg)
{
    (void)parent, (void)data, (void)index, (void)l, (void)arg;
    tls_cert_choice_free(choice);
}

static void
make_choice_slot(void)
{
    choice_slot =
        SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_attached_choice);
}

bool
tls_cert_choice_install(SSL_CTX *ctx, struct tls_cert_choice *choice)
{
    CRYPTO_THREAD_run_once(&slot_once, make_choice_slot);
    if (choice_slot < 0 || SSL_CTX_set_ex_data(ctx, choice_slot, choice) != 1) {
        tls_cert_choice_free(choice);
        return false;
    }
    tls_cert_names_sort(&choice->names);
    choose_fallback(choice);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_name_seen);
    SSL_CTX_set_tlsext_servername_arg(ctx, choice);
    if (choice->count > 1)
        SSL_CTX_set_cert_cb(ctx, on_cert_wanted, choice);
    return true;
}

const struct tls_cert_choice *
tls_cert_choice_of(const SSL_CTX *ctx)
{
    return choice_slot >= 0 ? SSL_CTX_get_ex_data(ctx, choice_slot) : NULL;
}

/* NULL: there is nothing to choose. */
static const struct tls_cert_choice *
choice_of_connection(const SSL *ssl)
{
    const struct tls_cert_choice *choice =
        tls_cert_choice_of(SSL_get_SSL_CTX(ssl));

    return choice != NULL && choice->count > 1 ? choice : NULL;
}

void
tls_cert_choice_shown(const SSL *ssl, struct tls_shown *shown)
{
    const X509 *cert = SSL_get_certificate(ssl);

    *shown = (struct tls_shown){ { 0 } };
    if (choice_of_connection(ssl) != NULL && cert != NULL &&
        !digest_shown(cert, shown))
        ERR_clear_error();
}

/* RFC 6066 3: a list's length, and of its first name type, length and bytes;
 * OpenSSL refuses what is written in another way.  False: there is no name. */
static bool
read_asked_name(SSL *ssl, char name[TLS_HOST_SIZE])
{
    const unsigned char *data;
    size_t length;

    if (SSL_client_hello_get0_ext(
            ssl, TLSEXT_TYPE_server_name, &data, &length) != 1 ||
        length <= 5 || length - 5 > TLS_HOST_MAX ||
        memchr(data + 5, '\0', length - 5) != NULL)
        return false;
    memcpy(name, data + 5, length - 5);
    name[length - 5] = '\0';
    return true;
}

static size_t
has_root_dot(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && name[length - 1] == '.';
}

/* NULL: none. */
static bool
agrees_with_name(const char *one, const char *other)
{
    size_t length;

    if (one == NULL || other == NULL)
        return one == other;
    length = strlen(one) - has_root_dot(one);
    return length == strlen(other) - has_root_dot(other) &&
        strncasecmp(one, other, length) == 0;
}

/* Until TLS 1.2 a session is of one name (RFC 6066 3): OpenSSL goes on with that
 * one, whatever the client asks for now. */
static bool
is_of_name(const SSL_SESSION *session, const char *name)
{
    return SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION ||
        agrees_with_name(SSL_SESSION_get0_hostname(session), name);
}

bool
tls_cert_choice_allows(
    SSL *ssl, const SSL_SESSION *session, const struct tls_shown *shown)
{
    const struct tls_cert_choice *choice = choice_of_connection(ssl);
    char asked[TLS_HOST_SIZE];
    const char *name = read_asked_name(ssl, asked) ? asked : NULL;
    struct candidates candidates;

    if (!is_of_name(session, name))
        return false;
    if (choice == NULL)
        return true;
    find_candidates(choice, name, &candidates);
    for (size_t i = 0; i < candidates.count; i++)
        if (memcmp(&candidates.items[i].entry->shown, shown,
            sizeof(*shown)) == 0)
            return true;
    return false;
}
