/*
 * A connector, and what it came to.
 */
#ifndef TESTS_NET_DIAL_H
#define TESTS_NET_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "net/connector.h"

enum { DIAL_MOST = 8 };

struct dial {
    struct loop *loop;
    struct resolver_dns *dns;
    struct resolver *resolver;
    struct endpoint endpoints[DIAL_MOST];
    struct service_config service; /* times out after 300 ms */
    struct connector_memory memory;
    struct connector *connector;
    bool (*returns)(void *arg, const struct address *to,
        const struct address *from); /* NULL: none is refused */
    int listening; /* a socket that accepts, at `port` of 127.0.0.1 */
    uint16_t port;

    /* What `done` was told. */
    int calls;
    int fd;
    enum connector_result result;
    enum connector_result failed[DIAL_MOST]; /* in order */
    int failures;
    const struct endpoint *reached;
    uint16_t reached_port; /* 0: not known, or not IPv4 */
};

/* `hosts` is what hosts(5) says; there is no DNS. */
void dial_open(struct dial *dial, const char *hosts);
void dial_close(struct dial *dial);

/* One more endpoint; a host that begins with '/' is a unix path. */
void dial_add(struct dial *dial, const char *host, uint16_t port);

void dial_begin(struct dial *dial);

/* Begins, and turns the loop until it is done. */
void dial_run(struct dial *dial);
void dial_finish(struct dial *dial);

/* Gives up what it is connected to, and turns the loop until the next one is. */
void dial_next(struct dial *dial, bool silent);

/* That it is connected to that endpoint, and works. */
void dial_expect(const struct dial *dial, size_t endpoint);

#endif
