/*
 * Takes over certificates, keys, CAs and CRLs that change on disk, with the
 * configuration as it stands.
 *
 * All services whose files have changed are tried together; if that fails, one
 * after the other, so that what is wrong with one keeps no other from what is
 * new.  What is not taken stays as it was.
 */
#ifndef PROCESS_RENEWAL_H
#define PROCESS_RENEWAL_H

#include <stdbool.h>
#include <stddef.h>

struct master;
struct watch;

struct renewal {
    struct watch *watch;
    bool again;      /* something changed while something was under way */
    bool apart;      /* if all together fail, they are tried one by one */
    size_t next;     /* the service whose turn is next then */
};

/* Watches what the configuration in force names from now on. */
void renewal_watch(struct master *master);

/* A file may have changed after it was read and before it was watched: looks
 * again as soon as nothing else is under way. */
void renewal_look_again(struct master *master);

void renewal_stop(struct master *master);

/* Something that a renewal had to wait for has ended. */
void renewal_if_changed(struct master *master);

#endif
