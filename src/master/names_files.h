/*
 * The files that say how this machine resolves names, hosts(5) and
 * resolv.conf(5): the master reads them and sends their contents to the scout,
 * which can open no file.  They are read again when they change and at each
 * reload.
 */
#ifndef MASTER_NAMES_FILES_H
#define MASTER_NAMES_FILES_H

struct child;
struct files;
struct master;
struct watch;

struct names_files {
    struct files *files; /* as they were read last; NULL: not yet */
    int fd;              /* the same as a bundle; -1: none */
    struct watch *watch; /* NULL: not watched */
};

void names_files_init(struct names_files *names);

/* Reads the files, tells the scout if they are not what they were, and watches
 * them from now on.  What goes wrong is logged; then the old ones hold. */
void names_files_look(struct master *master);

/* For a scout that has just begun. */
void names_files_send(struct child *scout);

void names_files_stop(struct master *master);

#endif
