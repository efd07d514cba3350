/*
 * A value of any option: the first byte chooses the option, the rest is the
 * text.  What is accepted is formatted, and the result means the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/config_fault.h"
#include "config/config_options.h"
#include "config/config_type.h"

struct both {
    struct global_config global;
    struct service_config service;
};

static void *
base_of(const struct option *option, struct both *both)
{
    return option->scope == OPTION_GLOBAL ? (void *)&both->global
        : (void *)&both->service;
}

static void
clear(struct both *both)
{
    config_global_clear(&both->global);
    config_service_clear(&both->service);
}

static void
check_same(const struct option *option, struct both *first)
{
    struct both second = { 0 };
    void *base = base_of(option, first), *copy = base_of(option, &second);
    size_t count = config_type_count(option, base);
    struct fault fault;

    for (size_t i = 0; i < count; i++) {
        char *text = config_type_format(option, base, i);

        if (text == NULL
            || !config_type_parse(option, text, NULL, NULL, copy,
                &fault))
            abort();
        free(text);
    }
    if (config_type_count(option, copy) != count)
        abort();
    for (size_t i = 0; i < count; i++) {
        char *text = config_type_format(option, base, i);
        char *again = config_type_format(option, copy, i);

        if (strcmp(text, again) != 0)
            abort();
        free(text);
        free(again);
    }
    clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct both both = { 0 };
    struct fault fault = { .text = "" };
    const struct option *option;
    char *text;

    if (size == 0)
        return 0;
    option = config_option_at(data[0] % config_option_count());
    text = strndup((const char *)data + 1, size - 1);
    if (text == NULL)
        return 0;
    if (config_type_parse(option, text, NULL, NULL,
        base_of(option, &both), &fault))
        check_same(option, &both);
    else if (*fault.text == '\0')
        abort();
    clear(&both);
    free(text);
    return 0;
}
