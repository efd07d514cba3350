/* Sealed memory with any bytes in it, and what is wrong with it. */
#ifndef TESTS_UNIT_CONFIG_SEALED_H
#define TESTS_UNIT_CONFIG_SEALED_H

#include <stddef.h>

#define SEALED_ALL (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* A memfd with these bytes and seals. */
int sealed_make(const void *data, size_t length, int seals);

/* What the memfd holds, allocated. */
char *sealed_bytes(int fd, size_t *length);

#endif
