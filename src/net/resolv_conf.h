/*
 * resolv.conf(5): which name servers are asked, and for which names in turn.
 *
 * The file is read as the C library reads it (glibc, resolv/res_init.c), and
 * the names to ask for are those that it would ask for (resolv/res_query.c).
 * What concerns how a server is asked (timeout, attempts, rotate and others) is
 * left out.
 */
#ifndef NET_RESOLV_CONF_H
#define NET_RESOLV_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

enum {
    RESOLV_SERVERS_MAX = 3, /* those behind them are not asked: MAXNS */
    RESOLV_SERVER_SIZE = 64,
    RESOLV_DOMAINS_MAX = 32,
    RESOLV_NAME_SIZE = 254,
};

struct resolv_conf {
    char servers[RESOLV_SERVERS_MAX][RESOLV_SERVER_SIZE]; /* numeric, an IPv6
                                        address perhaps with a %zone */
    size_t server_count;
    char domains[RESOLV_DOMAINS_MAX][RESOLV_NAME_SIZE]; /* "": the root */
    size_t domain_count;
    unsigned ndots;
};

/* `text` need not end with a NUL; a missing file is an empty one.  A name
 * server that is missing is 127.0.0.1, and missing domains are that of
 * `own_name`, this machine's name (NULL: unknown).  What is not in order is
 * left out. */
void resolv_conf_parse(struct resolv_conf *conf, const char *text,
    size_t length, const char *own_name);

/* The `index`th name to ask the servers for, to find `host`: the first that
 * exists is the one that is meant.  False: there is none more. */
NODISCARD bool resolv_conf_candidate(const struct resolv_conf *conf,
    const char *host, size_t index, char name[RESOLV_NAME_SIZE]);

#endif
