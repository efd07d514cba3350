/*
 * What is wrong with a file that should hold PEM blocks (RFC 7468) and in which
 * none of the wanted kind can be read: the accidents that happen to such files,
 * each with its remedy.
 */
#ifndef TLS_TLS_PEM_SLIP_H
#define TLS_TLS_PEM_SLIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

enum tls_pem_wanted { TLS_PEM_CERTIFICATE, TLS_PEM_PRIVATE_KEY };

/* Words that go behind the file's name, a verb first; "FILE" in them stands for
 * that name.  Static.  NULL: none of the known accidents.  Leaves OpenSSL's
 * error queue empty. */
NODISCARD const char *tls_pem_slip(
    const char *text, size_t length, enum tls_pem_wanted wanted);

#endif
