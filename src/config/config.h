/*
 * The configuration as the daemon uses it: made by config_load.h, read-only
 * from then on, and freed by the table of options.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "config/config_fields.h"

struct files;
struct listen_group;

/* Counted: a connection that outlives a reload keeps the one it began with. */
struct config {
    unsigned references;
    struct files *files;            /* where its files are read from, a
                                       reference; NULL: the disk */
    char *path;                     /* the main file; NULL: none */
    struct global_config global;
    struct service_config *services;
    size_t service_count;
    struct listen_group *groups;    /* config_share.h */
    size_t group_count;
    struct strings file_names;      /* owns what origins point to */
};

/* With one reference, the caller's.  NULL: out of memory. */
NODISCARD struct config *config_new(void);

/* Takes a reference.  Returns `config`. */
struct config *config_ref(struct config *config);

/* Drops a reference; the last frees. */
void config_unref(struct config *config);

/* How many workers there are to be: as `workers` says, or one for each CPU that
 * this process may use now. */
unsigned config_workers(const struct config *config);

/* Whether a server is told the name that the client asked for (connect.sni). */
bool config_passes_name_on(const struct service_config *service);

/* Whether any of them is TLS. */
bool config_endpoints_have_tls(const struct endpoints *endpoints);

/* Frees what a service or [global] owns, not the struct itself. */
void config_service_clear(struct service_config *service);
void config_global_clear(struct global_config *global);

#endif
