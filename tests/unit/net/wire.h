/*
 * Connected sockets, and a loop that is turned by hand.  Whatever fails here
 * ends the test process: nothing could be shown without it.
 */
#ifndef TESTS_NET_WIRE_H
#define TESTS_NET_WIRE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct rlimit;

/* Both ends non-blocking: a unix pair, and a TCP connection over loopback. */
void wire_unix(int fds[2]);
void wire_tcp(int fds[2]);

/* So small that little fits, but not so that TCP goes on by timers only.  It
 * remembers what the other end promised before: call it before any sending. */
void wire_shrink(int fd);

/* Pairs to send bulk through, with buffers that are shrunk or not; `total` is
 * how much: a tiny TCP window opens again by timers only. */
struct wire_kind {
    void (*make)(int fds[2]);
    bool narrow;
    size_t total;
};

enum { WIRE_BULK = 4 << 20, WIRE_KINDS = 4 };

extern const struct wire_kind wire_kinds[WIRE_KINDS];

/* Has a unix pair hold megabytes, or, without the rights for that, as much as
 * any process may have it hold: 400 KB, unless the administrator has changed it. */
void wire_widen(int fds[2]);

/* A TCP socket that listens on a port of 127.0.0.1 or, `v6`, of ::1. */
int wire_listen(bool v6, int backlog, uint16_t *port);

/* A loopback port on which no process listens. */
uint16_t wire_free_port(void);

/* Sends all, and takes all that comes within the turn: returns the count. */
void wire_send(int fd, const void *data, size_t size);
size_t wire_receive(int fd, void *data, size_t size);

/* What was sent over `fd` and the kernel of its peer does not have yet. */
size_t wire_unsent(int fd);

/* How reading from `fd` goes now, without data in the way. */
enum wire_end { WIRE_OPEN, WIRE_FIN, WIRE_RESET, WIRE_DATA };
enum wire_end wire_end(int fd);

/* Closes with RST. */
void wire_reset(int fd);

/* Byte n of what is sent in a test, so that order can be checked. */
uint8_t wire_byte(uint64_t n);
void wire_fill(uint8_t *data, uint64_t from, size_t size);
bool wire_matches(const uint8_t *data, uint64_t from, size_t size);

/* One turn of the loop that does not wait. */
void wire_turn(struct loop *loop);

/* Turns until `met`; false if it is not after a few seconds. */
bool wire_until(struct loop *loop, bool (*met)(void *arg), void *arg);

void wire_turn_for(struct loop *loop, int ms);

/* Leaves this process without a descriptor to spare; `before` is for
 * setrlimit(2) to undo it.  Returns one that may be closed. */
int wire_exhaust(struct rlimit *before);

/* Waits until the kernel has something to say of `fd` (poll(2)). */
void wire_await(int fd, short what);

void wire_sleep_ms(int ms);

#endif
