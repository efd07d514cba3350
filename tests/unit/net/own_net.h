/*
 * A network and an /etc of a test's own: names as it says, a DNS server that
 * it is itself.  Needs rights that only root has.
 */
#ifndef TESTS_NET_OWN_NET_H
#define TESTS_NET_OWN_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Leaves the machine's network and puts these texts in place of /etc/hosts and
 * /etc/resolv.conf, for this process only.  False: not allowed. */
bool own_net_enter(const char *hosts, const char *resolv_conf);

/* Replaces one of the two, once more. */
void own_net_put(const char *text, const char *path);

/* Gives the network this address, in host byte order, too. */
void own_net_add(uint32_t address);

/* How the server answers for a name. */
struct own_net_dns {
    enum { DNS_ANSWERS, DNS_UNKNOWN, DNS_FAILS, DNS_IS_DEAD } mood;
    uint32_t address; /* of A, host byte order; AAAA has none */
    uint32_t ttl_s;
    unsigned asked; /* for A */
};

/* A socket at that address, in host byte order, port 53. */
int own_net_dns_open(uint32_t host);

/* Answers what has come. */
void own_net_dns_serve(int fd, struct own_net_dns *dns);

#endif
