/*
 * A generation: one configuration as all processes load it, with its number.
 */
#ifndef MASTER_GENERATION_H
#define MASTER_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "master/cert_records.h"
#include "base/strings.h"

struct config;
struct listen_socket;

struct generation {
    uint64_t number;       /* 0: there is none */
    struct config *config; /* NULL: there is none */
    int bundle_fd;         /* its files, packed (files.h); -1: none */
    unsigned workers;      /* that there are to be */
    struct cert_records certs; /* that its services show; its trial tells them */
    struct strings drained; /* services whose clients are not taken any more */
};

/* How far `next` has come. */
enum generation_stage {
    STAGE_NONE,
    STAGE_TRIAL,   /* a child tries it */
    STAGE_PREPARE, /* workers and keepers load it */
    STAGE_COMMIT,  /* it is `current`; workers and keepers take it up */
};

struct generations {
    struct generation current; /* the active one */
    struct generation next;
    enum generation_stage stage;
    uint64_t last_number; /* that was given to one */
};

/* Neither is there. */
void generations_init(struct generations *generations);

/* Makes `next` the active one, in the place of `current`, which is released. */
void generations_commit(struct generations *generations);

/* Releases what a generation holds; it is none from then on. */
void generation_clear(struct generation *generation);

/* Notes that the service is drained.  False: out of memory. */
NODISCARD bool generation_drain(
    struct generation *generation, const char *service);

/* `service` is an index in the configuration. */
bool generation_is_drained(
    const struct generation *generation, uint32_t service);

/* Whether no service of the configuration is left that the socket could have clients
 * for: of those that share its address all are drained. */
bool generation_has_drained(
    const struct generation *generation, const struct listen_socket *held);

#endif
