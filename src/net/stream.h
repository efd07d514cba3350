/*
 * A non-blocking endpoint of a leg: a socket, perhaps with TLS on it.
 *
 * A stream begins plain; tls_stream_start() puts TLS on it in place.  Writing
 * takes everything it is given: what the kernel did not take waits in
 * `pending`, which is all the memory that a blocked stream costs, and the
 * caller stops writing until stream_flush() has emptied it.
 *
 * Events only say "look again": the owner's callback tries what it wants to do
 * and then says with stream_watch() what it waits for.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buffer.h"

struct loop;
struct stream;

enum stream_status {
    STREAM_OK,        /* done: bytes were read, or all were written */
    STREAM_AGAIN,     /* nothing to read now, or bytes wait in `pending` */
    STREAM_END,       /* read: clean end (FIN; on TLS close_notify) */
    STREAM_TRUNCATED, /* read: TLS ended by a FIN without close_notify */
    STREAM_RESET,     /* the peer is gone (`error` says how) */
    STREAM_FAILED,    /* TLS protocol error, or out of memory */
};

/* How a kind of stream does its part; see the functions of the same name. */
struct stream_ops {
    enum stream_status (*read)(struct stream *, void *, size_t, size_t *);
    enum stream_status (*write)(struct stream *, const void *, size_t);
    void (*finish)(struct stream *); /* queues what ends the stream; or NULL */
    bool (*has_input)(const struct stream *); /* or NULL: never */
    bool (*may_write)(const struct stream *); /* or NULL: always */
    void (*free)(struct stream *);            /* frees `state`; or NULL */
};

extern const struct stream_ops stream_plain_ops;

/* Nagle's algorithm, tcp(7), on a socket that was connected from here. */
enum stream_nagle {
    STREAM_NAGLE_OFF,
    STREAM_NAGLE_UNUSED, /* on, and nothing was sent yet */
    STREAM_NAGLE_ON,     /* until the next send */
};

struct stream {
    const struct stream_ops *ops;
    struct loop *loop;
    void *state;           /* of `ops`; NULL for a plain stream */
    struct buffer pending; /* written, but not taken by the kernel yet */
    struct event event;
    uint64_t moved; /* bytes that the kernel has given and taken */
    int fd;         /* -1: closed */
    int error;      /* errno of what broke the socket; 0: nothing did */
    short watched;  /* EV_READ | EV_WRITE */
    bool ending;    /* within stream_finish(): the FIN follows at once */
    bool finishing; /* stream_finish() was called */
    bool finished;  /* ... and the FIN is out */
    bool connected; /* stream_set_connected() */
    uint8_t nagle;  /* of enum stream_nagle */
    bool last;      /* a close follows the end: it will send the FIN */
};

/* A stream that has no socket yet, and may be closed and freed. */
#define STREAM_NONE { .ops = &stream_plain_ops, .fd = -1 }

/* Of a plain stream some of whose bytes were read to be looked at: it reads these
 * first.  Takes what `bytes` holds, which is empty afterwards, if anything is.
 * False: out of memory, nothing is changed. */
NODISCARD bool stream_put_back(struct stream *stream, struct buffer *bytes);

/* Takes back what was put back and not read, for what reads the socket in the place
 * of the plain stream; `bytes` is empty before. */
void stream_take_back(struct stream *stream, struct buffer *bytes);

/* Takes `fd`, a connected non-blocking socket.  `ready` runs from the event
 * loop and may close the stream. */
void stream_open(struct stream *stream, struct loop *loop, int fd,
    event_callback_fn ready, void *arg);

/* The TCP socket was connected from here, with the options that are set at once
 * (socket_options.h): the stream sees to TCP_NODELAY. */
void stream_set_connected(struct stream *stream);

static inline bool
stream_is_open(const struct stream *stream)
{
    return stream->fd >= 0;
}

/* Reads up to `size` bytes; `*got` > 0 exactly with STREAM_OK.  Fewer than
 * `size`: the kernel had no more, unless stream_has_input(). */
NODISCARD enum stream_status stream_read(
    struct stream *stream, void *data, size_t size, size_t *got);

/* False: nothing can be written, nor the stream be finished, before more was
 * read from it (on TLS a half-received message of the handshake protocol). */
bool stream_may_write(const struct stream *stream);

/* Takes all of `data`.  STREAM_AGAIN: taken, but some of it waits in
 * `pending`; do not write more before stream_flush() returns STREAM_OK. */
NODISCARD enum stream_status stream_write(
    struct stream *stream, const void *data, size_t size);

/* Sends what is pending, and then, after stream_finish(), the FIN.  STREAM_OK:
 * nothing waits any more. */
NODISCARD enum stream_status stream_flush(struct stream *stream);

/* Ends the sending direction behind all that was written: FIN, on TLS
 * close_notify (RFC 8446 6.1) and FIN.  Returns as stream_flush() does. */
NODISCARD enum stream_status stream_finish(struct stream *stream);

/* True if input waits in user space, which no event will manager_state. */
bool stream_has_input(const struct stream *stream);

/* How much the kernel would take now, about, behind the `*queued` bytes that it
 * has.  0: nothing, and EV_WRITE is not there before it would. */
size_t stream_room(const struct stream *stream, size_t *queued);

/* Bytes written but not yet acknowledged by the peer's kernel (SIOCOUTQ,
 * tcp(7)); 0 for a closed or broken stream. */
size_t stream_unsent(const struct stream *stream);

/* How much of what was written, a FIN included, the peer's kernel has received:
 * asked of a connection that was reset since, too. */
enum stream_receipt {
    STREAM_ACKNOWLEDGED, /* all */
    STREAM_PERHAPS,      /* so little lacks that a delayed acknowledgement may
                          * be all that does: RFC 9293 3.8.6.3 */
    STREAM_OUTSTANDING,
};
enum stream_receipt stream_receipt(const struct stream *stream);

/* True if the peer has reset the socket, found out without reading from it.
 * Never of a unix socket: a peer that has closed it may have ended well. */
bool stream_is_gone(const struct stream *stream);

/* Has the kernel acknowledge now what was read (TCP_QUICKACK, tcp(7)).  Nothing
 * that is sent soon would do it, and a peer that leaves Nagle's algorithm on
 * keeps its next bytes until then: 40 ms or more. */
void stream_acknowledge(struct stream *stream);

/* Calls `ready` when the socket can do one of `what` (EV_READ, EV_WRITE, 0),
 * level-triggered, until told otherwise.  False: libevent has no memory for that,
 * and nothing is watched. */
NODISCARD bool stream_try_watch(struct stream *stream, short what);

/* The same for a wait that a timer ends: then nothing need be done where the
 * socket cannot be watched. */
void stream_watch(struct stream *stream, short what);

/* Closes the socket; what is pending is lost, what the kernel has is delivered.
 * What TLS knows of the connection stays until stream_free().  A closed stream
 * may be closed again. */
void stream_close(struct stream *stream);

/* Closes with a reset, so that the peer learns that its stream did not end
 * well; what the kernel still has is lost.  Unix sockets know no reset. */
void stream_abort(struct stream *stream);

/* The stream is closed, and its socket the caller's, with all that the kernel
 * has of it.  Nothing may be pending. */
NODISCARD int stream_detach(struct stream *stream);

/* Closes if need be, and frees what the stream owns. */
void stream_free(struct stream *stream);

/* For `ops`: sends straight from `data` and keeps what the kernel did not
 * take, behind what is pending already. */
NODISCARD enum stream_status stream_send(
    struct stream *stream, const void *data, size_t size);

/* Keeps `data` behind what is pending, for stream_flush() to send.  False: out of
 * memory, and the stream is broken. */
NODISCARD bool stream_keep(
    struct stream *stream, const void *data, size_t size);

/* For `ops`: reads from the socket.  STREAM_END is a FIN. */
NODISCARD enum stream_status stream_receive(
    struct stream *stream, void *data, size_t size, size_t *got);

#endif
