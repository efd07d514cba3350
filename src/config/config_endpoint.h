/*
 * Endpoints as text: HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, unix:PATH,
 * unix:@NAME, tls+unix:PATH, to listen on also systemd:NAME and
 * tls+systemd:NAME.  Nothing else decides whether a leg is TLS.
 */
#ifndef CONFIG_CONFIG_ENDPOINT_H
#define CONFIG_CONFIG_ENDPOINT_H

#include <stdbool.h>

#include "base/base.h"

struct endpoint;
struct endpoints;
struct fault;
struct files;

enum endpoint_use {
    ENDPOINT_LISTEN,    /* "*:PORT" and ":PORT" are any address; sockets
                           that systemd passes have names */
    ENDPOINT_CONNECT,
};

/* Fills `endpoint` but for its origin; config_endpoint_clear() frees what it
 * holds.  False: `fault` says why, and nothing is to be freed.  `files` (NULL:
 * the disk) are asked for the port of a service that has a name. */
NODISCARD bool config_endpoint_parse(struct files *files,
    struct endpoint *endpoint, const char *text, enum endpoint_use use,
    struct fault *fault);
void config_endpoint_clear(struct endpoint *endpoint);

/* The same for a list, which grows by one; and all of it. */
NODISCARD bool config_endpoint_add(struct files *files,
    struct endpoints *list, const char *text, enum endpoint_use use,
    struct fault *fault);
void config_endpoint_clear_all(struct endpoints *list);

/* True if both are the same place, however it is written. */
bool config_endpoint_same(const struct endpoint *a, const struct endpoint *b);

/* An order in which the same places are neighbours; 0 if they are the same. */
int config_endpoint_compare(const struct endpoint *a,
    const struct endpoint *b);

#endif
