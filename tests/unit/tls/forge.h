/*
 * Makes TLS 1.3 records that no honest library would send, with the keys of a
 * client peer (far.h) that has sent no data of its own.
 */
#ifndef TESTS_TLS_FORGE_H
#define TESTS_TLS_FORGE_H

#include <stddef.h>
#include <stdint.h>

struct far;

struct forge {
    uint8_t secret[32];
    uint8_t key[16];
    uint8_t iv[12];
    uint64_t sequence;
};

void forge_start(struct forge *forge, const struct far *far);

/* Sends one record to the stream. */
void forge_send(struct forge *forge, struct far *far, uint8_t type,
    const void *data, size_t size);

/* After a KeyUpdate was sent. */
void forge_next_key(struct forge *forge);

#endif
