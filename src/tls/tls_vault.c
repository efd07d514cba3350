#include "tls/tls_vault.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "tls/tls_certkey.h"
#include "tls/tls_ciphers.h"
#include "tls/tls_error.h"
#include "tls/tls_key_kind.h"
#include "tls/tls_load.h"
#include "tls/tls_remote_key.h"
#include "tls/tls_shared.h"

struct held {
    struct tls_key_id id;
    enum tls_kind kind;
    EVP_PKEY *key;
    /* Ready to sign, since it was first wanted; EdDSA has none. */
    EVP_PKEY_CTX *ready[TLS_SIGN_SCHEME_COUNT][TLS_DIGEST_COUNT];
};

struct tls_vault {
    struct held **keys; /* in the order of their names */
    size_t count, size;
    struct tls_shared_item **items; /* a reference for each pair that was read,
                                       so that the next vault finds it */
    size_t item_count;
};

/* The place of a key of that name, or where one would come in. */
static size_t
find_place(const struct tls_vault *vault, const struct tls_key_id *id)
{
    size_t low = 0, high = vault->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (memcmp(&vault->keys[middle]->id, id, sizeof(*id)) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct held *
find_held_key(const struct tls_vault *vault, const struct tls_key_id *id)
{
    size_t at = find_place(vault, id);

    return at < vault->count &&
            memcmp(&vault->keys[at]->id, id, sizeof(*id)) == 0
        ? vault->keys[at]
        : NULL;
}

/* With a digest, as what is signed is one.  NULL: the key cannot sign so. */
static EVP_PKEY_CTX *
make_ready(EVP_PKEY *key, const struct tls_sign_request *request)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    bool pss = request->scheme == TLS_SIGN_RSA_PSS;
    bool good = ctx != NULL && EVP_PKEY_sign_init(ctx) == 1;

    if (good && request->scheme != TLS_SIGN_ECDSA)
        good = EVP_PKEY_CTX_set_rsa_padding(ctx,
            pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1;
    if (good && pss)
        good = EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx,
            RSA_PSS_SALTLEN_DIGEST) == 1;
    if (good && EVP_PKEY_CTX_set_signature_md(
        ctx, tls_kind_digest(request->digest)) == 1)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

/* A context signs as often as it is asked to (EVP_PKEY_sign(3)). */
static size_t
sign_digest(struct held *held, const struct tls_sign_request *request,
    unsigned char signature[TLS_SIGNATURE_MAX])
{
    EVP_PKEY_CTX **ctx = &held->ready[request->scheme][request->digest];
    size_t length = TLS_SIGNATURE_MAX;

    if (*ctx == NULL)
        *ctx = make_ready(held->key, request);
    return *ctx != NULL && EVP_PKEY_sign(*ctx, signature, &length,
        request->bytes, request->length) == 1 ? length : 0;
}

/* EdDSA, which digests by itself, and twice (RFC 8032). */
static size_t
sign_message(struct held *held, const struct tls_sign_request *request,
    unsigned char signature[TLS_SIGNATURE_MAX])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t length = TLS_SIGNATURE_MAX;
    bool good = ctx != NULL &&
        EVP_DigestSignInit(ctx, NULL, NULL, NULL, held->key) == 1 &&
        EVP_DigestSign(ctx, signature, &length, request->bytes,
            request->length) == 1;

    EVP_MD_CTX_free(ctx);
    return good ? length : 0;
}

static size_t
sign_with_held_key(struct held *held, const struct tls_sign_request *request,
    unsigned char signature[TLS_SIGNATURE_MAX])
{
    size_t length;

    length = (request->scheme == TLS_SIGN_EDDSA ? sign_message : sign_digest)(
        held, request, signature);
    ERR_clear_error(); /* the key is too small for the digest, at worst */
    return length;
}

size_t
tls_vault_sign(const struct tls_vault *vault,
    const struct tls_sign_request *request,
    unsigned char signature[TLS_SIGNATURE_MAX])
{
    struct held *held;

    if (!tls_sign_is_sound(request->scheme, request->digest, request->length))
        return 0;
    held = find_held_key(vault, &request->key);
    if (held == NULL || !tls_kind_signs(held->kind, request->scheme))
        return 0;
    return sign_with_held_key(held, request, signature);
}

static bool
verify_signature(EVP_PKEY *key, const EVP_MD *md, const unsigned char *message,
    size_t message_length, const unsigned char *signature, size_t length)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx != NULL &&
        EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1 &&
        EVP_DigestVerify(ctx, signature, length, message, message_length) == 1;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return good;
}

/* The way that a handshake goes, for each kind of key in one scheme. */
static bool
signs_for(struct held *held, X509 *cert)
{
    static const unsigned char message[] = "Sallyport tries a key";
    static const enum tls_sign_scheme schemes[TLS_KIND_COUNT] = {
        TLS_SIGN_RSA_PKCS1, TLS_SIGN_ECDSA, TLS_SIGN_EDDSA, TLS_SIGN_EDDSA,
    };
    struct tls_sign_request request = { .key = held->id,
        .scheme = schemes[held->kind], .bytes = message,
        .length = sizeof(message) };
    const EVP_MD *md = NULL;
    unsigned char hash[EVP_MAX_MD_SIZE], signature[TLS_SIGNATURE_MAX];
    unsigned count = 0;
    size_t length;

    if (request.scheme != TLS_SIGN_EDDSA) {
        request.digest = TLS_DIGEST_SHA256;
        md = tls_kind_digest(request.digest);
        if (EVP_Digest(message, sizeof(message), hash, &count, md, NULL) != 1)
            return false;
        request.bytes = hash;
        request.length = count;
    }
    length = sign_with_held_key(held, &request, signature);
    return length > 0 && verify_signature(X509_get0_pubkey(cert), md, message,
        sizeof(message), signature, length);
}

static void
clear_ready(struct held *held)
{
    for (size_t i = 0; i < TLS_SIGN_SCHEME_COUNT; i++)
        for (size_t j = 0; j < TLS_DIGEST_COUNT; j++) {
            EVP_PKEY_CTX_free(held->ready[i][j]);
            held->ready[i][j] = NULL;
        }
}

/* Takes a reference to its key, and what is ready.  False: out of memory. */
static bool
insert_held_key(struct tls_vault *vault, const struct held *held)
{
    size_t at = find_place(vault, &held->id), size = vault->size;
    struct held **keys, *copy;

    if (vault->count == size) {
        size = size == 0 ? 4 : 2 * size;
        keys = reallocarray(vault->keys, size, sizeof(struct held *));
        if (keys == NULL)
            return false;
        vault->keys = keys;
        vault->size = size;
    }
    copy = malloc(sizeof(*copy));
    if (copy == NULL || EVP_PKEY_up_ref(held->key) != 1) {
        free(copy);
        return false;
    }
    *copy = *held;
    keys = vault->keys;
    memmove(keys + at + 1, keys + at,
        (vault->count - at) * sizeof(struct held *));
    keys[at] = copy;
    vault->count++;
    return true;
}

static void
release_held(struct held *held)
{
    clear_ready(held);
    EVP_PKEY_free(held->key);
    free(held);
}

/* False: out of memory. */
static bool
refer_to_item(struct tls_vault *vault, struct tls_shared_item *item)
{
    struct tls_shared_item **items = reallocarray(
        vault->items, vault->item_count + 1, sizeof(struct tls_shared_item *));

    if (items == NULL)
        return false;
    vault->items = items;
    items[vault->item_count++] = tls_shared_ref(item);
    return true;
}

/* Once for each pair, however many vaults it comes into. */
static bool
is_certkey_tried(struct held *held, struct tls_certkey *pair)
{
    if (!pair->tried)
        pair->tried = signs_for(held, pair->leaf);
    return pair->tried;
}

/* tls_certkey_see_fn: a pair whose halves belong together. */
static void
add_certkey(const struct tls_load *load, struct tls_certkey *pair, void *arg)
{
    struct tls_vault *vault = arg;
    struct held held = { .kind = tls_kind_of(pair->key), .key = pair->key };

    if (!refer_to_item(vault, pair->item))
        tls_load_fault(load, "cert", "%s: out of memory", pair->path);
    else if (held.kind == TLS_KIND_COUNT)
        tls_certkey_fault_unkept(load, pair);
    else if (!tls_remote_key_name(pair->leaf, &held.id))
        tls_load_fault(load, "cert", "%s: out of memory", pair->path);
    else if (find_held_key(vault, &held.id) != NULL)
        return;
    else if (!is_certkey_tried(&held, pair))
        tls_load_fault(load, "cert", "%s: this certificate does not verify "
            "what its key signs", pair->path);
    else if (insert_held_key(vault, &held))
        return;
    else
        tls_load_fault(load, "cert", "%s: out of memory", pair->path);
    clear_ready(&held);
}

static bool
needs_keys(const struct service_config *service, bool accepts)
{
    return accepts ? config_endpoints_have_tls(&service->listen) &&
            service->listen_leg.cert.count > 0
                   : config_endpoints_have_tls(&service->connect) &&
            service->connect_leg.cert.count > 0;
}

static void
load_leg(struct tls_vault *vault, const struct service_config *service,
    bool accepts, struct tls_shared *shared, struct error *error)
{
    const struct tls_load load = {
        .service = service,
        .leg = accepts ? &service->listen_leg : &service->connect_leg,
        .files = tls_load_files(service),
        .side = accepts ? "listen" : "connect",
        .accepts = accepts,
        .shared = shared,
        .error = error,
    };

    if (!needs_keys(service, accepts))
        return;
    if (accepts)
        tls_ciphers_check_keeper(&load);
    tls_pairs_load(&load, add_certkey, vault);
}

bool
tls_vault_is_needed(const struct config *config)
{
    for (size_t i = 0; i < config->service_count; i++)
        if (needs_keys(&config->services[i], true) ||
            needs_keys(&config->services[i], false))
            return true;
    return false;
}

struct tls_vault *
tls_vault_begin(struct error *error)
{
    struct tls_vault *vault = calloc(1, sizeof(*vault));

    if (vault == NULL)
        error_no_memory(error);
    return vault;
}

void
tls_vault_load(struct tls_vault *vault, const struct service_config *service,
    struct tls_shared *shared, struct error *error)
{
    ERR_clear_error();
    load_leg(vault, service, true, shared, error);
    load_leg(vault, service, false, shared, error);
    ERR_clear_error();
}

struct tls_vault *
tls_vault_new(const struct config *config, struct tls_shared *shared,
    struct error *error)
{
    struct tls_vault *vault = tls_vault_begin(error);
    size_t before = error->count + error->dropped;

    for (size_t i = 0; vault != NULL && i < config->service_count; i++)
        tls_vault_load(vault, &config->services[i], shared, error);
    if (error->count + error->dropped == before)
        return vault;
    tls_vault_free(vault);
    return NULL;
}

bool
tls_vault_would_load(const struct config *config, struct tls_shared *shared,
    struct error *error)
{
    struct tls_vault *vault;

    if (config->global.keeper == KEEPER_OFF)
        return true;
    log_hush(true);
    vault = tls_vault_new(config, shared, error);
    log_hush(false);
    tls_vault_free(vault);
    return vault != NULL;
}

/* OpenSSL overwrites what it frees of a private key. */
void
tls_vault_free(struct tls_vault *vault)
{
    if (vault == NULL)
        return;
    for (size_t i = 0; i < vault->count; i++)
        release_held(vault->keys[i]);
    for (size_t i = 0; i < vault->item_count; i++)
        tls_shared_put(vault->items[i]);
    free(vault->items);
    free(vault->keys);
    free(vault);
}

size_t
tls_vault_count(const struct tls_vault *vault)
{
    return vault->count;
}
