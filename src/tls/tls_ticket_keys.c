#include "tls/tls_ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls/tls_secret.h"

enum {
    NAME_BYTES = 16, /* OpenSSL's callback has so many */
    IV_BYTES = 16,
    MAC_KEY_BYTES = 32,
    CIPHER_KEY_BYTES = 32,
    HOUR_S = 60 * 60,
    HOURS = 3, /* the hour before, this one, the next one */
    MEMBERS_MAX = TLS_TICKET_SECRETS_MAX * HOURS,
};

/* So that no other use of the secret gives the same bytes. */
static const char purpose[] = "sallyport session tickets";

struct ticket_key {
    unsigned char name[NAME_BYTES];
    unsigned char mac_key[MAC_KEY_BYTES];
    unsigned char cipher_key[CIPHER_KEY_BYTES];
};

/* Of one context. */
struct key_ring {
    const struct tls_ticket_secrets *secrets;
    unsigned char id[EVP_MAX_MD_SIZE];
    size_t id_length;
    uint32_t version; /* of the secrets that the keys are made of */
    int64_t hour;     /* that they are made for; 0: there are none */
    size_t count;
    struct ticket_key keys[MEMBERS_MAX]; /* the first one seals */
};

static bool
derive_key(const struct key_ring *ring, const struct tls_secret *secret,
    int64_t hour, struct ticket_key *key)
{
    unsigned char info[sizeof(purpose) + sizeof(hour) + EVP_MAX_MD_SIZE];
    unsigned char *at = info;

    memcpy(at, purpose, sizeof(purpose));
    at += sizeof(purpose);
    for (size_t i = 0; i < sizeof(hour); i++)
        *at++ = (unsigned char)((uint64_t)hour >> (8 * i));
    memcpy(at, ring->id, ring->id_length);
    at += ring->id_length;
    return tls_secret_derive(secret, info, (size_t)(at - info),
        (unsigned char *)key, sizeof(*key));
}

static bool
derive_keys(struct key_ring *ring, int64_t hour)
{
    static const int64_t hours[HOURS] = { 0, -1, 1 };
    const struct tls_ticket_secrets *secrets = ring->secrets;

    ring->count = 0;
    for (size_t i = 0; i < secrets->count; i++)
        for (size_t j = 0; j < COUNT(hours); j++)
            if (!derive_key(ring, &secrets->items[i], hour + hours[j],
                    &ring->keys[ring->count++]))
                return false;
    ring->hour = hour;
    ring->version = secrets->version;
    return true;
}

/* False: out of memory. */
static bool
bring_up_to_date(struct key_ring *ring)
{
    int64_t hour = (int64_t)time(NULL) / HOUR_S;

    if (ring->hour == hour && ring->version == ring->secrets->version)
        return true;
    ring->hour = 0;
    return derive_keys(ring, hour);
}

static void
free_ring(void *parent, void *ring, CRYPTO_EX_DATA *data, int index,
    long argument, void *pointer)
{
    (void)parent, (void)data, (void)index, (void)argument, (void)pointer;
    OPENSSL_clear_free(ring, sizeof(struct key_ring));
}

static int
ring_index(void)
{
    static int index = -1;

    if (index < 0)
        index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_ring);
    return index;
}

static bool
load_key(const struct ticket_key *key, const unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY,
            (unsigned char *)key->mac_key, sizeof(key->mac_key)),
        OSSL_PARAM_utf8_string(
            OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", sizeof("SHA256") - 1),
        OSSL_PARAM_END,
    };

    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher_key,
               iv, seals) == 1 &&
        EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* NULL: the ticket is another's, or too old. */
static const struct ticket_key *
find_key(const struct key_ring *ring, const unsigned char *name)
{
    for (size_t i = 0; i < ring->count; i++)
        if (CRYPTO_memcmp(ring->keys[i].name, name, NAME_BYTES) == 0)
            return &ring->keys[i];
    return NULL;
}

/* SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 0 has the handshake go on without the
 * ticket, and 2 has the client be given another one. */
static int
on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv,
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals)
{
    struct key_ring *ring =
        SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ring_index());
    const struct ticket_key *key;

    if (!bring_up_to_date(ring)) {
        ERR_clear_error();
        return 0;
    }
    key = seals ? &ring->keys[0] : find_key(ring, name);
    if (key == NULL)
        return 0;
    if (seals && RAND_bytes(iv, IV_BYTES) != 1)
        return -1;
    if (seals)
        memcpy(name, key->name, NAME_BYTES);
    if (!load_key(key, iv, cipher, mac, seals))
        return -1;
    return key == &ring->keys[0] ? 1 : 2;
}

bool
tls_ticket_keys_use(SSL_CTX *ctx, const struct tls_ticket_secrets *secrets,
    const unsigned char *id, size_t length)
{
    struct key_ring *ring;

    if (length > sizeof(ring->id))
        return false;
    ring = OPENSSL_zalloc(sizeof(*ring));
    if (ring == NULL)
        return false;
    ring->secrets = secrets;
    ring->id_length = length;
    memcpy(ring->id, id, length);
    if (SSL_CTX_set_ex_data(ctx, ring_index(), ring) != 1) {
        OPENSSL_free(ring);
        return false;
    }
    return SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key) == 1;
}

const unsigned char *
tls_ticket_keys_id(SSL_CTX *ctx, size_t *length)
{
    const struct key_ring *ring = SSL_CTX_get_ex_data(ctx, ring_index());

    *length = ring != NULL ? ring->id_length : 0;
    return ring != NULL ? ring->id : NULL;
}

int64_t
tls_ticket_keys_left(SSL_CTX *ctx, int64_t now)
{
    if (SSL_CTX_get_ex_data(ctx, ring_index()) == NULL)
        return INT64_MAX;
    return (now / HOUR_S + 2) * HOUR_S - now;
}
