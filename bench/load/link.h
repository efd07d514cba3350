/*
 * One end of a connection: a socket, perhaps with TLS on it.
 *
 * It is made to cost little, so that it is the relay that is measured: TLS
 * records go out up to 256 KiB in one send(2), and come in as many as there
 * are in one recv(2).
 */
#ifndef LOAD_LINK_H
#define LOAD_LINK_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop.h"

enum link_result { LINK_OK, LINK_AGAIN, LINK_END, LINK_FAILED };

struct link {
    struct watch watch; /* first: a watch is a link */
    SSL *ssl;           /* NULL: plain */
    uint8_t *pending;   /* what the socket did not take yet */
    size_t start, length, size;
    bool finished;      /* our side is shut down */
};

/* Takes `fd`.  `context` NULL: plain. */
void link_open(struct link *link, int fd, SSL_CTX *context, bool accepts);
void link_close(struct link *link);

enum link_result link_handshake(struct link *link);

/* At most `size` bytes.  `data` NULL: they are only counted, and not even
 * fetched from the kernel if the link is plain. */
enum link_result link_read(
    struct link *link, uint8_t *data, size_t size, size_t *got);

/* Input that has left the socket already: no event will tell of it. */
bool link_has_input(const struct link *link);

/* How many bytes were taken; fewer than `size` (of at most PATTERN_RUN) if the
 * socket is full.  A broken connection is told by the next read. */
size_t link_write(struct link *link, const uint8_t *data, size_t size);

/* True: nothing waits to be sent. */
bool link_flush(struct link *link);

/* Says that no more will come: close_notify, FIN. */
void link_finish(struct link *link);

#endif
