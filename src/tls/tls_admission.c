#include "tls/tls_admission.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <stdlib.h>
#include <string.h>

#include "config/config_allow.h"
#include "config/config_fault.h"
#include "tls/tls_allow_file.h"
#include "tls/tls_load.h"

static int slot = -1;
static CRYPTO_ONCE slot_once = CRYPTO_ONCE_STATIC_INIT;

static void
free_admission(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long l,
    void *arg)
{
    struct tls_admission *admission = data;

    (void)parent, (void)all, (void)index, (void)l, (void)arg;
    if (admission == NULL)
        return;
    config_allow_clear(&admission->rules);
    strings_clear(&admission->pins);
    free(admission);
}

static void
make_admission_slot(void)
{
    slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_admission);
}

/* The texts were good when the configuration was read. */
static bool
copy_rules(struct tls_admission *admission, const struct leg_config *leg)
{
    struct fault fault;

    for (size_t i = 0; i < leg->allow.count; i++)
        if (!config_allow_add(
                &admission->rules, leg->allow.items[i].text, &fault))
            return false;
    for (size_t i = 0; i < leg->pins.count; i++)
        if (!strings_add(&admission->pins, leg->pins.items[i],
                strlen(leg->pins.items[i])))
            return false;
    return true;
}

/* A session must not outlive a file's rules, which are no option's text. */
static void
digest_rules(const struct tls_load *load, const struct allow_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++)
        tls_load_digest(load, rules->items[i].text,
            strlen(rules->items[i].text));
}

bool
tls_admission_has_rules(const struct leg_config *leg)
{
    return leg->allow.count > 0 || leg->allow_files.count > 0;
}

void
tls_admission_load(const struct tls_load *load)
{
    const struct leg_config *leg = load->leg;
    struct tls_admission *admission;

    if (!tls_admission_has_rules(leg) && leg->pins.count == 0)
        return;
    CRYPTO_THREAD_run_once(&slot_once, make_admission_slot);
    admission = calloc(1, sizeof(*admission));
    if (admission == NULL || slot < 0 ||
        SSL_CTX_set_ex_data(load->ctx, slot, admission) != 1) {
        free(admission);
        tls_load_fault(load, "verify", "cannot be set: out of memory");
        return;
    }
    admission->keys_alone = leg->verify == VERIFY_NONE;
    if (!copy_rules(admission, leg))
        tls_load_fault(load, "verify", "cannot be set: out of memory");
    tls_allow_file_read(load, &admission->rules);
    digest_rules(load, &admission->rules);
}

const struct tls_admission *
tls_admission_of(const SSL *ssl)
{
    return slot < 0 ? NULL : SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), slot);
}
