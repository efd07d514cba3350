/*
 * The files that say how this machine resolves names, hosts(5) and
 * resolv.conf(5).  Processes that can open no file get them in a bundle.
 */
#ifndef NET_RESOLVER_FILES_H
#define NET_RESOLVER_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct error;
struct resolver_dns;

enum { RESOLVER_FILE_HOSTS, RESOLVER_FILE_RESOLV_CONF, RESOLVER_FILE_COUNT };

extern const struct resolver_file {
    const char *path;
    size_t limit; /* bytes: a bigger one is not read */
} resolver_file[RESOLVER_FILE_COUNT];

/* Makes `dns` follow the files in the bundle `fd`, which stays the caller's.
 * False: `error` says why, and nothing has changed. */
NODISCARD bool resolver_files_adopt(
    int fd, struct resolver_dns *dns, struct error *error);

/* The same with the files of the disk, for a process that may open them. */
NODISCARD bool resolver_files_load(
    struct resolver_dns *dns, struct error *error);

#endif
