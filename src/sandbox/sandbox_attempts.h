/*
 * What an attacker in control of a process would try, and a few things that
 * its duty takes: a table for the sandbox to be tried with.
 */
#ifndef SANDBOX_SANDBOX_ATTEMPTS_H
#define SANDBOX_SANDBOX_ATTEMPTS_H

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

/* Targets to be reached, made before any process is confined. */
struct sandbox_scene {
    pid_t parent;
    struct sockaddr_in inside;  /* TCP servers, in a worker's reach and not */
    struct sockaddr_in outside;
    struct sockaddr_un name;     /* a unix socket's, in the abstract space */
    struct sockaddr_un datagrams; /* the same, for datagrams */
    socklen_t name_length;
    socklen_t datagrams_length;
    int fds[5]; /* that all of this takes; -1: none */
    int given;  /* a unix socket of datagrams that a process has */
};

/* `try` is true if the act could be done. */
struct sandbox_act {
    const char *name;
    bool (*try)(const struct sandbox_scene *scene);
    unsigned allowed; /* to these roles, one bit each: they need it */

    /* To these roles it is Landlock of that version that forbids it, to others
     * the filter does. */
    unsigned landlocked;
    int version;
};

extern const struct sandbox_act sandbox_attempts[];
extern const size_t sandbox_attempts_count;

#endif
