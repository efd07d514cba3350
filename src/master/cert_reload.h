/*
 * Takes over certificates, keys, CAs and CRLs that change on disk, with the
 * configuration as it stands.
 *
 * All services whose files have changed are tried together; if that fails, one
 * after the other, so that what is wrong with one keeps no other from what is
 * new.  What is not taken stays as it was.
 */
#ifndef MASTER_CERT_RELOAD_H
#define MASTER_CERT_RELOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct error;
struct event_base;
struct generations;
struct rollout;
struct watch;

/* All is borrowed. */
struct cert_reload_parts {
    struct event_base *base;
    const struct generations *generations;
    struct rollout *rollout;

    void (*wanted)(void *arg);  /* a watched file has changed */
    void (*renewed)(void *arg); /* another generation is active */

    /* A reload of certificates has ended.  What failed is logged already. */
    void (*done)(void *arg, const struct error *error);
    void *arg;
};

struct cert_reload {
    struct cert_reload_parts parts;
    struct watch *watch;
    char fault[512]; /* why changed files are not in force; "": they are */
    bool apart;  /* if all together fail, they are tried one by one */
    size_t next; /* the service whose turn is next then */
};

/* Watches the files that the active configuration names from now on. */
void cert_reload_watch(struct cert_reload *reload);
void cert_reload_stop(struct cert_reload *reload);

/* Begins one; no other change may be under way.  If no file has changed it is done
 * at once. */
void cert_reload_begin(struct cert_reload *reload);

#endif
