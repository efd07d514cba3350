/*
 * Which files the TLS options of a service name, without a look at what is in
 * them: to have them kept, compared and watched.
 */
#ifndef TLS_TLS_FILES_H
#define TLS_TLS_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "files/files.h"

struct config;
struct leg_config;
struct service_config;

/* The system's store: its file counts, or if that is missing, its directory. */
struct tls_system {
    char *file;
    char *directory;
};

/* False: out of memory. */
NODISCARD bool tls_files_system(struct files *files,
    struct tls_system *system);
void tls_files_system_free(struct tls_system *system);

/* True if there is no such file, rather than one that cannot be read. */
bool tls_files_is_missing(enum file_result result, int why);

/* Has config->files read, and so keep, every file that the TLS contexts of its
 * services will ask for; what is wrong with one, its context says. */
void tls_files_gather(const struct config *config);

/* True if the service's options mean the same bytes (or errors) in both.
 * `before` and `now` are files that keep, or a bundle. */
bool tls_files_same(const struct service_config *service,
    struct files *before, struct files *now);

/* The same for the `ca` and `crl` of one leg; each may be NULL, which is the
 * disk and never the same as anything else. */
bool tls_files_same_trust(const struct leg_config *leg, bool accepts,
    struct files *before, struct files *now);

struct tls_named {
    const char *path;
    enum file_use use;
    size_t limit;
    bool may_be_directory;
    bool listed;  /* found in a directory or by a pattern, and may be gone */
    bool covered; /* a watch of that notices its changes, too */
};

/* False: no more, please. */
typedef bool tls_files_see_fn(const struct tls_named *named, void *arg);

/* Calls `see` with all that a service's options name for legs that are TLS, the
 * system's store among it.  False: as `see` was, or out of memory. */
bool tls_files_each(const struct service_config *service,
    struct files *files, tls_files_see_fn *see, void *arg);

#endif
