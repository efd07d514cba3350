/*
 * Checks across options: what each value's own parser cannot see.
 */
#ifndef CONFIG_CONFIG_CHECK_H
#define CONFIG_CONFIG_CHECK_H

#include <stdbool.h>

#include "base/base.h"

struct error;
struct option;
struct service_config;

/* Whether the option means anything to the service: one about TLS does not
 * where no endpoint of its leg is TLS. */
bool config_check_applies(const struct option *option,
    const struct service_config *service);

/* Adds what is wrong within one service, whose values were all understood. */
void config_check_service(const struct service_config *service,
    struct error *error);

#endif
