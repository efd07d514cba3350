/*
 * The files that say how this machine resolves names, hosts(5) and
 * resolv.conf(5): the master reads them for the scout, which can open no file.
 * They are read again when they change and at each reload.
 */
#ifndef MASTER_NAMES_FILES_H
#define MASTER_NAMES_FILES_H

struct event_base;
struct files;
struct watch;

struct names_files {
    struct files *files; /* as they were read last; NULL: not yet */
    int fd;              /* the same as a bundle; -1: none */
    struct watch *watch; /* NULL: not watched */
    struct event_base *base;
    void (*changed)(void *arg); /* `fd` is another */
    void *arg;
};

/* `base` must outlive it. */
void names_files_init(struct names_files *names, struct event_base *base,
    void (*changed)(void *arg), void *arg);

/* Reads the files, calls `changed` if they are not what they were, and watches
 * them from now on.  What goes wrong is logged; then the old ones hold. */
void names_files_look(struct names_files *names);

/* Watches nothing any more, and forgets what was read. */
void names_files_stop(struct names_files *names);

#endif
