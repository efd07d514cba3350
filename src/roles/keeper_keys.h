/*
 * The private keys of generations, as a keeper holds them: those in force, those
 * of the next generation, which are loaded service by service so that the keeper
 * signs meanwhile, and those of generations before, for a while.
 */
#ifndef ROLES_KEEPER_KEYS_H
#define ROLES_KEEPER_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/error.h"
#include "tls/tls_signer.h"

struct config;
struct config_loading;
struct tls_shared;
struct tls_vault;

enum { KEEPER_KEYS_BEFORE_MAX = 16 };

/* The keys of one generation; `vault` NULL: none. */
struct generation_keys {
    uint64_t generation;
    struct tls_vault *vault;
    uint64_t grace_ms; /* once they are not in force any more */
    uint64_t until_ms;
};

enum keeper_keys_state {
    KEYS_NONE,
    KEYS_TOLD,    /* the bundles of the next generation are there */
    KEYS_LOADING, /* steps are to be made */
    KEYS_LOADED,
};

struct keeper_keys {
    struct generation_keys before[KEEPER_KEYS_BEFORE_MAX]; /* latest first */
    struct generation_keys now, next;
    enum keeper_keys_state state; /* of the next ones */
    int bundle_fd;                /* -1: none */
    int secrets_fd;
    struct config_loading *loading; /* at first */
    struct config *config;        /* while they are loaded */
    struct tls_shared *shared;    /* what services name, now and next; NULL:
                                     there was no memory for it */
    size_t services;              /* of it that have been */
    unsigned workers;             /* that it asks for; 0: as many as cores */
    struct error error;           /* what the steps found */
};

void keeper_keys_init(struct keeper_keys *keys);

/* Wipes all of them. */
void keeper_keys_clear(struct keeper_keys *keys);

/* Forgets what was to be next and begins anew; takes `bundle_fd`. */
void keeper_keys_begin(
    struct keeper_keys *keys, uint64_t generation, int bundle_fd);

/* Takes `secrets_fd`, the bundle with the keys of that generation. */
void keeper_keys_add_secrets(
    struct keeper_keys *keys, uint64_t generation, int secrets_fd);

/* Makes the next step while KEYS_LOADING: reads the bundles, or loads one service
 * or its keys.  False: it has failed, and every fault is in `error`. */
NODISCARD bool keeper_keys_step(struct keeper_keys *keys);

/* The next ones are in force; those until now have their grace from `now_ms`.
 * False: there are no next ones of that generation. */
NODISCARD bool keeper_keys_switch(
    struct keeper_keys *keys, uint64_t generation, uint64_t now_ms);

/* Forgets what was to be next. */
void keeper_keys_drop_next(struct keeper_keys *keys);

/* Wipes those whose grace is over.  Returns whether others wait for that. */
bool keeper_keys_forget(struct keeper_keys *keys, uint64_t now_ms);

/* Returns the signature's length; 0: no key that is held makes it. */
NODISCARD size_t keeper_keys_sign(const struct keeper_keys *keys,
    const struct tls_sign_request *request,
    unsigned char signature[TLS_SIGNATURE_MAX]);

#endif
