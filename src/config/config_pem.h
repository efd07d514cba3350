/*
 * PEM blocks (RFC 7468) in place of a configuration, or pasted into one: what is
 * in them may be a private key, and is not to be repeated in any message.
 */
#ifndef CONFIG_CONFIG_PEM_H
#define CONFIG_CONFIG_PEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

/* The label of the block that begins in a line of `length` bytes, such as "PRIVATE
 * KEY", cut to what a message may hold.  False: none does. */
enum { CONFIG_PEM_LABEL_SIZE = 32 };
NODISCARD bool config_pem_begins(const char *line, size_t length,
    char label[CONFIG_PEM_LABEL_SIZE]);

/* Whether a block ends in the line. */
bool config_pem_ends(const char *line, size_t length);

/* Whether all of the text is none of a configuration's: a block begins in it before
 * any section does, in line `*number`. */
NODISCARD bool config_pem_is_all(const char *text, size_t length,
    unsigned *number, char label[CONFIG_PEM_LABEL_SIZE]);

#endif
