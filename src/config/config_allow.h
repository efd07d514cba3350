/*
 * Lines of `allow`: which peers may, by what their certificate says of them.
 */
#ifndef CONFIG_CONFIG_ALLOW_H
#define CONFIG_CONFIG_ALLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "config/config_fields.h"

struct fault;

/* Adds one line.  False: `fault` says why, and nothing was added. */
NODISCARD bool config_allow_add(
    struct allow_rules *rules, const char *text, struct fault *fault);

/* Frees all lines. */
void config_allow_clear(struct allow_rules *rules);

/* "dns", as it is written before the colon; of ALLOW_ISSUER "issuer:spki". */
const char *config_allow_word_name(enum allow_kind kind);

/* Whether a word of that kind, in its parsed form, is true of a name of the
 * certificate, which is `length` bytes long and may hold any.
 *
 * ALLOW_DNS: the same name, whatever the case of its letters, and a dot at its end;
 * behind "*." the rest of it, with one label in front.  ALLOW_URI: the same text, but
 * for segments: "*" is one that is not empty, and "**", the last, one or more.
 * ALLOW_EMAIL: the same text, the host whatever its case; behind "*@" any mailbox
 * there.  ALLOW_CN, ALLOW_OU: the same text.  ALLOW_IP: the 4 or 16 bytes of an
 * address in the network.  Of others a name is not enough: false. */
bool config_allow_matches(
    const struct allow_word *word, const char *name, size_t length);

#endif
