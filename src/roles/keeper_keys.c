#include "roles/keeper_keys.h"

#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/config_load.h"
#include "tls/tls_shared.h"
#include "tls/tls_vault.h"

/* A handshake that began under a configuration before may still need its keys:
 * for so long, or for as long as a handshake may take. */
enum { GRACE_MS = 60000 };

static void
drop_generation_keys(struct generation_keys *keys)
{
    tls_vault_free(keys->vault);
    *keys = (struct generation_keys){ 0 };
}

static void
close_bundles(struct keeper_keys *keys)
{
    if (keys->bundle_fd >= 0)
        close(keys->bundle_fd);
    if (keys->secrets_fd >= 0)
        close(keys->secrets_fd);
    keys->bundle_fd = keys->secrets_fd = -1;
}

static void
end_loading(struct keeper_keys *keys)
{
    close_bundles(keys);
    config_load_abandon(keys->loading);
    keys->loading = NULL;
    config_unref(keys->config);
    keys->config = NULL;
    keys->services = 0;
}

void
keeper_keys_init(struct keeper_keys *keys)
{
    *keys = (struct keeper_keys){
        .bundle_fd = -1,
        .secrets_fd = -1,
        .shared = tls_shared_new(false),
    };
}

void
keeper_keys_drop_next(struct keeper_keys *keys)
{
    end_loading(keys);
    error_clear(&keys->error);
    drop_generation_keys(&keys->next);
    keys->state = KEYS_NONE;
}

void
keeper_keys_clear(struct keeper_keys *keys)
{
    keeper_keys_drop_next(keys);
    drop_generation_keys(&keys->now);
    for (size_t i = 0; i < KEEPER_KEYS_BEFORE_MAX; i++)
        drop_generation_keys(&keys->before[i]);
    tls_shared_free(keys->shared);
    keys->shared = NULL;
}

void
keeper_keys_begin(
    struct keeper_keys *keys, uint64_t generation, int bundle_fd)
{
    keeper_keys_drop_next(keys);
    keys->state = KEYS_TOLD;
    keys->next.generation = generation;
    keys->bundle_fd = bundle_fd;
}

void
keeper_keys_add_secrets(
    struct keeper_keys *keys, uint64_t generation, int secrets_fd)
{
    if (keys->state == KEYS_TOLD && keys->next.generation == generation &&
        keys->secrets_fd < 0)
        keys->secrets_fd = secrets_fd;
    else
        close(secrets_fd);
}

/* A handshake of this configuration is over by then. */
static uint64_t
grace_of(const struct config *config)
{
    uint64_t grace_ms = GRACE_MS;

    for (size_t i = 0; i < config->service_count; i++)
        if (config->services[i].handshake_timeout_ms > grace_ms)
            grace_ms = config->services[i].handshake_timeout_ms;
    return grace_ms;
}

static bool
read_bundles(struct keeper_keys *keys)
{
    keys->loading =
        config_load_begin(keys->bundle_fd, keys->secrets_fd, &keys->error);
    return keys->loading != NULL;
}

static bool
finish_keeper_config(struct keeper_keys *keys)
{
    keys->config = config_load_finish(keys->loading);
    keys->loading = NULL;
    if (keys->config == NULL)
        return false;
    keys->next.grace_ms = grace_of(keys->config);
    keys->workers = keys->config->global.workers;
    keys->next.vault = tls_vault_begin(&keys->error);
    return keys->next.vault != NULL;
}

bool
keeper_keys_step(struct keeper_keys *keys)
{
    const struct config *config = keys->config;

    if (config == NULL && keys->loading == NULL)
        return read_bundles(keys);
    if (config == NULL)
        return config_load_step(keys->loading) || finish_keeper_config(keys);
    if (keys->services < config->service_count) {
        tls_vault_load(keys->next.vault, &config->services[keys->services++],
            keys->shared, &keys->error);
        return true; /* after a fault too: all of them are told */
    }
    if (error_any(&keys->error))
        return false;
    end_loading(keys);
    keys->state = KEYS_LOADED;
    return true;
}

static void
retire_active_keys(struct keeper_keys *keys, uint64_t now_ms)
{
    struct generation_keys *before = keys->before;

    if (keys->now.vault == NULL)
        return;
    drop_generation_keys(&before[KEEPER_KEYS_BEFORE_MAX - 1]);
    memmove(before + 1, before,
        (KEEPER_KEYS_BEFORE_MAX - 1) * sizeof(*before));
    before[0] = keys->now;
    before[0].until_ms = now_ms + keys->now.grace_ms;
}

bool
keeper_keys_switch(
    struct keeper_keys *keys, uint64_t generation, uint64_t now_ms)
{
    if (keys->state != KEYS_LOADED || keys->next.generation != generation)
        return false;
    retire_active_keys(keys, now_ms);
    keys->now = keys->next;
    keys->next = (struct generation_keys){ 0 };
    keys->state = KEYS_NONE;
    return true;
}

bool
keeper_keys_forget(struct keeper_keys *keys, uint64_t now_ms)
{
    bool any = false;

    for (size_t i = 0; i < KEEPER_KEYS_BEFORE_MAX; i++) {
        if (keys->before[i].until_ms <= now_ms)
            drop_generation_keys(&keys->before[i]);
        any |= keys->before[i].vault != NULL;
    }
    return any;
}

static size_t
sign_with(const struct generation_keys *keys,
    const struct tls_sign_request *request,
    unsigned char signature[TLS_SIGNATURE_MAX])
{
    return keys->vault != NULL
        ? tls_vault_sign(keys->vault, request, signature)
        : 0;
}

/* Workers switch when they are told to, which may be before we are. */
size_t
keeper_keys_sign(const struct keeper_keys *keys,
    const struct tls_sign_request *request,
    unsigned char signature[TLS_SIGNATURE_MAX])
{
    size_t length = sign_with(&keys->now, request, signature);

    if (length == 0 && keys->state == KEYS_LOADED)
        length = sign_with(&keys->next, request, signature);
    for (size_t i = 0; i < KEEPER_KEYS_BEFORE_MAX && length == 0; i++)
        length = sign_with(&keys->before[i], request, signature);
    return length;
}
