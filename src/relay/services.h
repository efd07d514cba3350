/*
 * The services of a configuration, made one at a time: each loads certificates,
 * which takes a millisecond or many, so that a process that serves meanwhile
 * makes them between turns of its loop.  The CAs that a service trusts may be more
 * than a hundred, and are loaded one at a time as well (tls_ahead.h).
 */
#ifndef RELAY_SERVICES_H
#define RELAY_SERVICES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct error;
struct service;
struct services_spec;
struct services_work;

/* Services that a list referred to before, and that go one at a time as well:
 * to free a context takes its time too.  All zero: none. */
struct services_old {
    struct service **items;
    size_t count;
};

/* Nothing is loaded yet.  Until services_finish() or services_abandon() what
 * `spec` points to has to stay, and `error`, which every fault is added to.
 * NULL: out of memory, as `error` says. */
NODISCARD struct services_work *services_begin(
    const struct services_spec *spec, struct error *error);

/* Makes the next service, or loads a certificate or CRL that it will need.  False:
 * nothing is left. */
NODISCARD bool services_step(struct services_work *work);

/* Takes `work`, of which no step is left: all services, as many as the
 * configuration has.  NULL: at least one has a fault. */
NODISCARD struct service **services_finish(struct services_work *work);

/* Takes `work`, at any time, or NULL; what it made is left to `old`. */
void services_abandon(struct services_work *work, struct services_old *old);

/* All of that at once, for processes that serve no clients. */
NODISCARD struct service **services_new(
    const struct services_spec *spec, struct error *error);

/* Gives the list's references back. */
void services_free(struct service **services, size_t count);

/* Takes the list (NULL: none), whose references are given back later; out of
 * memory at once. */
void services_old_add(
    struct services_old *old, struct service **services, size_t count);

/* Gives one reference back.  False: there was none. */
bool services_old_step(struct services_old *old);

/* Gives all of them back. */
void services_old_clear(struct services_old *old);

#endif
