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

struct master;
struct watch;

struct cert_reload {
    struct watch *watch;
    bool again;      /* something changed while something was under way */
    bool apart;      /* if all together fail, they are tried one by one */
    size_t next;     /* the service whose turn is next then */
};

/* Watches what the configuration in force names from now on. */
void cert_reload_watch(struct master *master);

void cert_reload_stop(struct master *master);

/* Something that a cert_reload had to wait for has ended. */
void cert_reload_if_changed(struct master *master);

#endif
