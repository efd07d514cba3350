/*
 * A resolver that knows what hosts(5) says, and asks the servers of
 * resolv.conf(5) for the rest, with c-ares, which sees nothing but the DNS:
 * neither of the two files is opened here, their contents are handed in.
 */
#ifndef NET_RESOLVER_DNS_H
#define NET_RESOLVER_DNS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct error;
struct loop;
struct resolver;
struct resolver_dns;

/* The two files' contents, borrowed for a call; a missing file is empty. */
struct resolver_files {
    const char *hosts;
    size_t hosts_length;
    const char *resolv_conf;
    size_t resolv_conf_length;
};

/* Opens whatever c-ares opens: nothing later on does.  Until the files are set
 * it knows no host, and asks 127.0.0.1.  NULL: the reason is in `error`. */
NODISCARD struct resolver_dns *resolver_dns_new(
    struct loop *loop, struct error *error);

/* Both files from now on; every name is asked for anew, and what has been asked
 * already is asked again.  False: out of memory, nothing has changed. */
NODISCARD bool resolver_dns_set_files(
    struct resolver_dns *dns, const struct resolver_files *files);

/* Every query must have ended or been cancelled. */
void resolver_dns_free(struct resolver_dns *dns);

/* Borrowed: it goes with `dns`. */
struct resolver *resolver_dns_resolver(const struct resolver_dns *dns);

#endif
