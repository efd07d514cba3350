#include "tls/tls_trial.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "tls/tls_load.h"
#include "tls/tls_notes.h"
#include "tls/tls_policy.h"
#include "tls/tls_shared.h"

/* All that the options of a leg say. */
struct options {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length;
    bool accepts;
};

struct tried {
    struct tls_shared_item item;
    struct options options;
    struct tls_notes notes;
    struct tls_context *context; /* NULL: there are faults */
};

/* False: it cannot be told. */
static bool
digest_leg(const struct tls_load *leg, struct options *options)
{
    struct error error = { 0 };
    struct tls_load load = *leg;
    bool done;

    *options = (struct options){ .accepts = leg->accepts };
    load.error = &error;
    load.policy = EVP_MD_CTX_new();
    done = load.policy != NULL &&
        EVP_DigestInit_ex(load.policy, EVP_sha256(), NULL) == 1;
    if (done)
        tls_policy_digest_options(&load);
    done = done && !error_any(&error) && EVP_DigestFinal_ex(load.policy,
        options->digest, &options->length) == 1;
    error_clear(&error);
    EVP_MD_CTX_free(load.policy);
    return done;
}

static uint32_t
hash_options(const struct tls_load *load, const void *what)
{
    const struct options *options = what;
    uint32_t hash;

    (void)load;
    memcpy(&hash, options->digest, sizeof(hash));
    return hash;
}

static bool
is_leg_tried(const struct tls_shared_item *item, const struct tls_load *load,
    const void *what)
{
    const struct tried *tried = (const struct tried *)item;
    const struct options *options = what;

    return item->files == load->files &&
        tried->options.accepts == options->accepts &&
        memcmp(tried->options.digest, options->digest,
            sizeof(options->digest)) == 0;
}

static void
free_tried(struct tls_shared_item *item)
{
    struct tried *tried = (struct tried *)item;

    tls_context_free(tried->context);
    tls_notes_clear(&tried->notes);
    free(tried);
}

static struct tls_shared_item *
try_leg(const struct tls_load *leg, const void *what)
{
    struct tried *tried = calloc(1, sizeof(*tried));
    struct error error = { 0 };
    struct tls_load load = *leg;

    if (tried == NULL)
        return NULL;
    tried->options = *(const struct options *)what;
    load.notes = &tried->notes;
    load.error = &error;
    tried->context = tls_context_load(&load, NULL);
    if (error_any(&error))
        tls_load_fault(&load, "cert", "TLS cannot be set up: %s",
            error_first(&error));
    error_clear(&error);
    return &tried->item;
}

static const struct tls_shared_kind kind = {
    hash_options, is_leg_tried, try_leg, free_tried,
};

struct tls_context *
tls_trial_context(const struct service_config *service, enum tls_role role,
    const struct tls_resources *resources, struct error *error)
{
    struct tls_load load =
        tls_context_load_of(service, role, resources, error);
    struct tls_context *context = NULL;
    struct tls_shared_item *item;
    struct options options;
    struct tried *tried;

    if (resources->shared == NULL || !digest_leg(&load, &options))
        return tls_context_new(service, role, resources, error);
    item = tls_shared_get(&kind, &load, &options);
    if (item == NULL) {
        error_add(error, "service %s: out of memory", service->name);
        return NULL;
    }
    tried = (struct tried *)item;
    tls_load_report(&load, &tried->notes);
    if (tried->context != NULL)
        context = tls_context_ref(tried->context);
    tls_shared_put(item);
    return context;
}
