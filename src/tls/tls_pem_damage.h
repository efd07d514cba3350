/*
 * Where a PEM block (RFC 7468) that cannot be read stands in its file, and which
 * line of it is damaged.
 */
#ifndef TLS_TLS_PEM_DAMAGE_H
#define TLS_TLS_PEM_DAMAGE_H

#include <stddef.h>

/* " (it begins in line 3, and line 5 is damaged)" for the block of that number,
 * from 1, among those whose label ends with `label`; without the damaged line if
 * none looks so, "" if there is no such block.  Repeats nothing of the text.
 * Returns `words`. */
enum { TLS_PEM_DAMAGE_SIZE = 80 };
const char *tls_pem_damage(const char *text, size_t length, const char *label,
    unsigned number, char words[TLS_PEM_DAMAGE_SIZE]);

#endif
