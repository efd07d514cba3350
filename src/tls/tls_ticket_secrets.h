/*
 * The secrets of session tickets that [global] ticket_secret names: machines with
 * the same file open each other's tickets.
 */
#ifndef TLS_TLS_TICKET_SECRETS_H
#define TLS_TLS_TICKET_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "tls/tls_secret.h"

struct config;
struct error;
struct fault;

/* Of one or two lines, each of TLS_TICKET_LINE_LEAST printable bytes or more without
 * a blank: the first one seals.  False: `fault` says what is wrong, and `*secrets`
 * is undefined.  Leaves the version alone. */
enum { TLS_TICKET_LINE_LEAST = 32, TLS_TICKET_LINE_MOST = 1024 };
NODISCARD bool tls_ticket_secrets_parse(const char *text, size_t length,
    struct tls_ticket_secrets *secrets, struct fault *fault);

/* Reads the file that the configuration names from the disk; without one there is
 * one secret, `own`.  False: `error` says why, with the option's place. */
NODISCARD bool tls_ticket_secrets_read(const struct config *config,
    const struct tls_secret *own, struct tls_ticket_secrets *secrets,
    struct error *error);

#endif
