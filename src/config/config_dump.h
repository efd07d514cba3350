/*
 * `sallyport config show`: the configuration in effect, each value with the
 * place where it was written.
 */
#ifndef CONFIG_CONFIG_DUMP_H
#define CONFIG_CONFIG_DUMP_H

#include <stdio.h>

struct config;

/* Writes a configuration file that says the same with every option spelt out:
 * what was included is in it, [defaults] are folded into each service, and
 * options that mean nothing to a service are left out. */
void config_dump(const struct config *config, FILE *out);

#endif
