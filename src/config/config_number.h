/*
 * Numbers, times and sizes within the bounds of an option, or the option's word
 * for 0, such as "off".
 */
#ifndef CONFIG_CONFIG_NUMBER_H
#define CONFIG_CONFIG_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct fault;
struct option;

/* Each sets `*value`: a count, milliseconds, bytes.  False: `fault` says why,
 * `*value` is as it was. */
NODISCARD bool config_number_parse(const struct option *option,
    const char *text, uint64_t *value, struct fault *fault);
NODISCARD bool config_number_parse_time(const struct option *option,
    const char *text, uint64_t *ms, struct fault *fault);
NODISCARD bool config_number_parse_size(const struct option *option,
    const char *text, uint64_t *bytes, struct fault *fault);

/* The way back, allocated.  NULL: out of memory. */
NODISCARD char *config_number_format(const struct option *option,
    uint64_t value);
NODISCARD char *config_number_format_time(const struct option *option,
    uint64_t ms);
NODISCARD char *config_number_format_size(const struct option *option,
    uint64_t bytes);

/* What may be written, for the help: "a number from 1 to 64, or auto". */
void config_number_expects(const struct option *option, char *text,
    size_t size);
void config_number_expects_time(const struct option *option, char *text,
    size_t size);
void config_number_expects_size(const struct option *option, char *text,
    size_t size);

#endif
