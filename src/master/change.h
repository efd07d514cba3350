/*
 * One change at a time: a start, an upgrade, a reload, a reload of certificates.
 *
 * A change that is requested while another one runs is pending, once however
 * often it was requested, and begins when that one is done.  Of several that are
 * pending the first of the enumeration begins first.  An upgrade that is requested
 * while one runs is that one; a reload is not, for the files may have changed
 * since that one read them.
 */
#ifndef MASTER_CHANGE_H
#define MASTER_CHANGE_H

#include <stdbool.h>

#include "base/base.h"

struct error;

enum change_kind {
    CHANGE_NONE,
    CHANGE_START,
    CHANGE_UPGRADE, /* first: a reload that is pending too is the successor's */
    CHANGE_RELOAD,
    CHANGE_CERT_RELOAD,
    CHANGE_KINDS,
};

struct change_calls {
    /* Begins a change of that kind, which may be done before this returns. */
    void (*begin[CHANGE_KINDS])(void *arg);

    /* A change is done.  Runs before a pending one begins.  What failed is in
     * `error`, borrowed; nothing there: it succeeded. */
    void (*done)(void *arg, enum change_kind kind, const struct error *error);

    /* No change runs.  Runs before a pending one begins. */
    void (*idle)(void *arg);
};

struct changes {
    const struct change_calls *calls;
    void *arg; /* of the calls */
    enum change_kind running; /* CHANGE_NONE: none */
    bool pending[CHANGE_KINDS];
    bool stopped;
};

/* Begins the change now if none runs; else it is pending.  After change_stop()
 * nothing happens. */
void change_request(struct changes *changes, enum change_kind kind);

/* The one that runs, which is of that kind, is done; takes nothing. */
void change_done(struct changes *changes, enum change_kind kind,
    const struct error *error);

/* Whether that change was pending; it is not any more. */
bool change_withdraw(struct changes *changes, enum change_kind kind);

/* Nothing runs any more, and nothing ever begins. */
void change_stop(struct changes *changes);

#endif
