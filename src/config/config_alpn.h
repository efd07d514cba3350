/*
 * Names of application protocols (ALPN, RFC 7301), separated by commas.
 */
#ifndef CONFIG_CONFIG_ALPN_H
#define CONFIG_CONFIG_ALPN_H

#include <stdbool.h>

#include "base/base.h"

struct fault;
struct strings;

/* Appends the names of `text` to `protocols`.  False: `fault` says why; the
 * names before the bad one may have been added. */
NODISCARD bool config_alpn_add(struct strings *protocols, const char *text,
    struct fault *fault);

/* Whether a connect leg's protocols are the word "client" in place of names: what
 * was agreed with the client. */
bool config_alpn_is_client(const struct strings *protocols);

#endif
