/*
 * What the service manager is told (sd_notify(3)): datagrams to the socket that
 * it names in NOTIFY_SOCKET, each from the main process.
 *
 * The protocol is a promise of systemd's and small, so it is spoken here:
 * libsystemd would wait where the manager is slow, and bring six libraries into
 * every process of ours.  Nothing here waits; what the manager cannot take now
 * is sent in order when it can.
 */
#ifndef SYSTEMD_NOTIFY_H
#define SYSTEMD_NOTIFY_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct event;
struct event_base;
struct notify_item;

struct notify {
    struct event_base *base;
    char *path; /* NULL: no manager listens */
    int fd;     /* connected; -1: not now */
    struct event *writable;
    STAILQ_HEAD(, notify_item) items; /* that wait */
    bool held;
};

/* Finds out from the environment, which keeps its variable for a program that
 * takes over. */
void notify_init(struct notify *notify);

/* Without a base, which must outlive it, what cannot be sent waits for the next
 * call. */
void notify_attach(struct notify *notify, struct event_base *base);

/* What is still waiting is not sent. */
void notify_free(struct notify *notify);

/* Whether there is a manager that listens. */
bool notify_is_on(const struct notify *notify);

/* Sends assignments, one on each line; values are the caller's to escape. */
void notify_send(struct notify *notify, const char *format, ...)
    PRINTF_LIKE(2, 3);

/* The same with a descriptor, which stays the caller's. */
void notify_send_fd(struct notify *notify, int fd, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* While it is held everything waits: the manager does not listen to us yet. */
void notify_hold(struct notify *notify, bool held);

/* Sends no more: another process speaks for the service. */
void notify_leave(struct notify *notify);

/* Waits until nothing waits, or the time is over.  False: something does. */
bool notify_flush(struct notify *notify, int timeout_ms);

#endif
