#include "tls/tls_policy.h"

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/config_options.h"
#include "config/config_type.h"
#include "tls/tls_groups.h"
#include "tls/tls_error.h"
#include "tls/tls_load.h"

static void
digest_text(const struct tls_load *load, const char *text)
{
    tls_load_digest(load, text, strlen(text));
}

static void
digest_option(const struct tls_load *load, const struct option *option)
{
    size_t count = config_type_count(option, load->service);
    char *text;

    digest_text(load, option->name);
    tls_load_digest(load, &count, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        text = config_type_format(option, load->service, i);
        if (text != NULL)
            digest_text(load, text);
        else
            tls_error_add(load->error, "service %s: out of memory",
                load->service->name);
        free(text);
    }
}

void
tls_policy_digest_options(const struct tls_load *load)
{
    const unsigned of_leg = OPTION_TLS |
        (load->accepts ? OPTION_OF_LISTEN : OPTION_OF_CONNECT);

    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);

        if ((option->flags & of_leg) == of_leg)
            digest_option(load, option);
    }
}

static void
digest_library(const struct tls_load *load)
{
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(load->ctx);
    const uint64_t settings[] = {
        (uint64_t)SSL_CTX_get_min_proto_version(load->ctx),
        (uint64_t)SSL_CTX_get_max_proto_version(load->ctx),
        (uint64_t)SSL_CTX_get_security_level(load->ctx),
        SSL_CTX_get_options(load->ctx),
    };

    tls_load_digest(load, settings, sizeof(settings));
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
        digest_text(
            load, SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
    digest_text(load, tls_groups_list(load));
}

void
tls_policy_digest(const struct tls_load *load)
{
    digest_text(load, load->service->name);
    tls_policy_digest_options(load);
    digest_library(load);
}
