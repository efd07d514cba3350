/*
 * A resolver whose source is the DNS, and what else libc would ask
 * (/etc/hosts), with c-ares.
 */
#ifndef NET_RESOLVER_DNS_H
#define NET_RESOLVER_DNS_H

#include "base/base.h"

struct error;
struct loop;
struct resolver;
struct resolver_dns;

/* NULL: the reason is in `error`. */
NODISCARD struct resolver_dns *resolver_dns_new(
    struct loop *loop, struct error *error);

/* Every query must have ended or been cancelled. */
void resolver_dns_free(struct resolver_dns *dns);

/* Borrowed: it goes with `dns`. */
struct resolver *resolver_dns_resolver(const struct resolver_dns *dns);

#endif
