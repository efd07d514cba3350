/*
 * What a service does, in a line for reading: where it listens, whose certificates it
 * shows, where it connects to, and by what it verifies peers.
 */
#ifndef RELAY_PLAN_H
#define RELAY_PLAN_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"

struct service_config;
struct strings;
struct tls_cert_facts;

/* The certificates of a leg; none: nothing is known of them. */
struct plan_certs {
    const struct tls_cert_facts *items;
    size_t count;
};

struct plan_facts {
    struct plan_certs listen;
    struct plan_certs connect;
    int64_t now; /* seconds of time(2) */
};

/* Such as
 *     web  tls://[::]:443 (web.test, until 2027-02-27, chain of 2) -> a:8080 plain
 * with a newline; the name has at least `width` columns. */
void plan_write(const struct service_config *service,
    const struct plan_facts *facts, int width, FILE *out);

/* What `ca` and its like name: files without their folders, ", " between them. */
void plan_write_paths(const struct strings *paths, FILE *out);

/* The servers in the order in which they are tried, "tls://a:1, then b:2"; ends with
 * "..." if there are more than fit.  Returns `text`. */
enum { PLAN_SERVERS_SIZE = 512 };
const char *plan_servers(
    const struct service_config *service, char text[PLAN_SERVERS_SIZE]);

#endif
