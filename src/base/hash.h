/*
 * FNV-1a (draft-eastlake-fnv), with 32 and 64 bits: for tables, and to tell texts
 * apart.  Whoever picks the text can make two meet: not for the bytes of peers
 * where that would matter.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdint.h>

/* The hash of nothing: what the first call goes on from. */
#define HASH32_BASIS UINT32_C(0x811c9dc5)
#define HASH64_BASIS UINT64_C(0xcbf29ce484222325)

static inline uint32_t
hash32_byte(uint32_t hash, uint8_t byte)
{
    return (hash ^ byte) * UINT32_C(0x01000193);
}

static inline uint64_t
hash64_byte(uint64_t hash, uint8_t byte)
{
    return (hash ^ byte) * UINT64_C(0x00000100000001b3);
}

/* Of the text, without its NUL, behind what `hash` is of. */
static inline uint32_t
hash32_text(uint32_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = hash32_byte(hash, (uint8_t)*text);
    return hash;
}

static inline uint64_t
hash64_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = hash64_byte(hash, (uint8_t)*text);
    return hash;
}

#endif
