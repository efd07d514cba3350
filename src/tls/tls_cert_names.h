/*
 * Which certificates have a name: a table of the names of all certificates of a
 * leg, in which the one that a client asks for is found with two binary searches.
 *
 * Names are compared as TLS clients do (RFC 9525 6.3): letters in either case, a
 * dot at the end is nothing, and "*." stands for exactly one label, in front.
 * An address is compared with addresses, in any way of writing it.
 */
#ifndef TLS_TLS_CERT_NAMES_H
#define TLS_TLS_CERT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/* RFC 1035 2.3.4, and what a text of it takes with its NUL. */
enum { TLS_HOST_MAX = 253, TLS_HOST_SIZE = TLS_HOST_MAX + 1 };

struct tls_cert_name {
    size_t at;        /* in the table's bytes */
    uint8_t kind;     /* of tls_cert_names.c */
    uint8_t length;
    uint32_t cert;    /* the caller's number of it */
};

/* Zero-initialise before use. */
struct tls_cert_names {
    struct tls_cert_name *items; /* in order once tls_cert_names_sort() was called */
    size_t count, size;
    char *bytes;
    size_t used, room;
};

/* The numbers of certificates, each found name's in the order of numbers. */
struct tls_cert_found {
    const struct tls_cert_name *exact, *wildcard;
    size_t exact_count, wildcard_count;
};

/* Adds a DNS name of a certificate, "*.NAME" among them.  What no client takes
 * for a host's name (empty, too long, a NUL or a blank in it, a '*' anywhere else)
 * is passed over.  False: out of memory. */
NODISCARD bool tls_cert_names_add_host(struct tls_cert_names *names,
    const char *name, size_t length, uint32_t cert);

/* Adds an address of 4 or 16 bytes; other lengths are passed over.  False: out of
 * memory. */
NODISCARD bool tls_cert_names_add_address(struct tls_cert_names *names,
    const void *address, size_t length, uint32_t cert);

/* To be called after the last name was added, and before one is looked for.  A
 * name that a certificate has twice counts once. */
void tls_cert_names_sort(struct tls_cert_names *names);

/* How many items from `index` on have the name of that one; `names` is sorted. */
size_t tls_cert_names_run(const struct tls_cert_names *names, size_t index);

/* Finds the certificates that have `name`, which may be any text.  True: there is
 * at least one. */
bool tls_cert_names_find(const struct tls_cert_names *names, const char *name,
    struct tls_cert_found *found);

/* Empties it. */
void tls_cert_names_clear(struct tls_cert_names *names);

#endif
