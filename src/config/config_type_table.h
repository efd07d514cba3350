/*
 * The table of types: which row (config_type_rows.h) a type of options has.
 */
#ifndef CONFIG_CONFIG_TYPE_TABLE_H
#define CONFIG_CONFIG_TYPE_TABLE_H

#include "config/config_options.h"

struct config_type;

/* By enum option_type; each has one. */
extern const struct config_type *const config_type_table[OPTION_TYPE_COUNT];

#endif
