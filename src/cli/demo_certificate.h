/*
 * The demo's certificates: an authority that signs one server and is then
 * forgotten.
 */
#ifndef CLI_DEMO_CERTIFICATE_H
#define CLI_DEMO_CERTIFICATE_H

#include <stdbool.h>

#include "base/base.h"

struct error;

/* Writes PEM: to `ca_fd` the authority's certificate, to `server_fd` that of a
 * server on this machine (localhost, 127.0.0.1, ::1) and its private key.  Both
 * are valid for a few days.  The authority's key is never written.  False: the
 * reason is in `error`. */
NODISCARD bool demo_certificate_write(
    int ca_fd, int server_fd, struct error *error);

#endif
