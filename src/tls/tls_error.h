/*
 * OpenSSL's errors in words.
 */
#ifndef TLS_TLS_ERROR_H
#define TLS_TLS_ERROR_H

#include <stddef.h>

#include "base/base.h"

struct error;

/* Adds "FORMAT...: REASON" where REASON is the most telling entry of OpenSSL's
 * error queue, and empties the queue. */
void tls_error_add(struct error *error, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* The most telling entry of the queue (the first one put in) as text, e.g.
 * "wrong version number" or "tlsv1 alert unknown ca"; empties the queue.
 * Returns `text`; "" when the queue is empty. */
const char *tls_error_reason(char *text, size_t size);

#endif
