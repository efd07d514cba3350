#include "loading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "config/config_dump.h"
#include "config/config_load.h"

struct config *
loading_text(const char *text, struct error *error)
{
    return config_load_text("t.ini", text, strlen(text), error);
}

struct config *
loading_good(const char *text)
{
    struct error error = { 0 };
    struct config *config = loading_text(text, &error);

    for (size_t i = 0; i < error.count; i++)
        cr_log_error("%s", error.messages[i]);
    cr_assert_not_null(config, "should load:\n%s", text);
    cr_assert_not(error_any(&error));
    return config;
}

bool
loading_fails(const char *text, const char *part)
{
    struct error error = { 0 };
    struct config *config = loading_text(text, &error);
    bool found = false;

    for (size_t i = 0; config == NULL && i < error.count; i++) {
        if (strstr(error.messages[i], part) != NULL)
            found = true;
    }
    for (size_t i = 0; !found && i < error.count; i++)
        cr_log_warn("got: %s", error.messages[i]);
    config_unref(config);
    error_clear(&error);
    return found;
}

size_t
loading_count_errors(const char *text)
{
    struct error error = { 0 };
    size_t count;

    config_unref(loading_text(text, &error));
    count = error.count;
    error_clear(&error);
    return count;
}

char *
loading_dump(const struct config *config)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    cr_assert_not_null(out);
    config_dump(config, out);
    fclose(out);
    return text;
}
