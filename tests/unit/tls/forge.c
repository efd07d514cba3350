#include "forge.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "far.h"

enum { TAG = 16, HEADER = 5, RECORD_MAX = 16384 };

static void
need(int met)
{
    if (met)
        return;
    fprintf(stderr, "cannot forge a record\n");
    abort();
}

/* HKDF-Expand-Label of RFC 8446 7.1, for at most one block. */
static void
expand(const uint8_t secret[32], const char *label, uint8_t *out, size_t size)
{
    uint8_t info[64], block[EVP_MAX_MD_SIZE];
    size_t length = strlen(label), at = 0;

    info[at++] = 0;
    info[at++] = (uint8_t)size;
    info[at++] = (uint8_t)(6 + length);
    memcpy(info + at, "tls13 ", 6);
    memcpy(info + at + 6, label, length);
    at += 6 + length;
    info[at++] = 0;
    info[at++] = 1;
    need(HMAC(EVP_sha256(), secret, 32, info, at, block, NULL) != NULL);
    memcpy(out, block, size);
}

static void
use_secret(struct forge *forge)
{
    expand(forge->secret, "key", forge->key, sizeof(forge->key));
    expand(forge->secret, "iv", forge->iv, sizeof(forge->iv));
    forge->sequence = 0;
}

void
forge_start(struct forge *forge, const struct far *far)
{
    need(strlen(far->secret) == 2 * sizeof(forge->secret));
    for (size_t i = 0; i < sizeof(forge->secret); i++) {
        unsigned byte;

        need(sscanf(far->secret + 2 * i, "%2x", &byte) == 1);
        forge->secret[i] = (uint8_t)byte;
    }
    use_secret(forge);
}

void
forge_next_key(struct forge *forge)
{
    uint8_t next[32];

    expand(forge->secret, "traffic upd", next, sizeof(next));
    memcpy(forge->secret, next, sizeof(next));
    use_secret(forge);
}

void
forge_send(struct forge *forge, struct far *far, uint8_t type,
    const void *data, size_t size)
{
    static uint8_t record[HEADER + RECORD_MAX + 1 + TAG], inner[RECORD_MAX + 1];
    size_t body = size + 1 + TAG;
    uint8_t nonce[12];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    need(ctx != NULL && size <= RECORD_MAX);
    memcpy(nonce, forge->iv, sizeof(nonce));
    for (int i = 0; i < 8; i++)
        nonce[11 - i] ^= (uint8_t)(forge->sequence >> (8 * i));
    forge->sequence++;
    memcpy(inner, data, size);
    inner[size] = type;
    memcpy(record, "\x17\x03\x03", 3);
    record[3] = (uint8_t)(body >> 8);
    record[4] = (uint8_t)body;
    need(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, forge->key, nonce));
    need(EVP_EncryptUpdate(ctx, NULL, &n, record, HEADER));
    need(EVP_EncryptUpdate(ctx, record + HEADER, &n, inner, (int)size + 1));
    need(EVP_EncryptFinal_ex(ctx, record + HEADER + n, &n));
    need(EVP_CIPHER_CTX_ctrl(
        ctx, EVP_CTRL_GCM_GET_TAG, TAG, record + HEADER + size + 1));
    EVP_CIPHER_CTX_free(ctx);
    far_send_raw(far, record, HEADER + body);
}
