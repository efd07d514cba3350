/*
 * A whole configuration file: whatever the bytes, the answer is a
 * configuration or at least one message; and what is shown of a configuration
 * loads again to the same.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_dump.h"
#include "config/config_load.h"

/* The end of a message: elsewhere it may be quoted from the input. */
static bool
ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length
        && strcmp(text + length - end_length, end) == 0;
}

/* Our reader and inih may never read a line differently. */
static void
check_messages(const struct error *error)
{
    for (size_t i = 0; i < error->count; i++) {
        const char *message = error->messages[i];

        if (ends_with(message, "is not understood"))
            abort();
        for (; *message != '\0'; message++) {
            if (*message < ' ' || *message > '~')
                abort();
        }
    }
}

static char *
dump(const struct config *config, size_t *length)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, length);

    if (out == NULL)
        abort();
    config_dump(config, out);
    fclose(out);
    return text;
}

/* The comments name other lines; all else must be the same. */
static void
drop_comments(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0';) {
        if (from[0] == ';' && (from == text || strchr(" \n", from[-1])))
            from += strcspn(from, "\n");
        else if (*from == ' ' || *from == '\n')
            from++;
        else
            *to++ = *from++;
    }
    *to = '\0';
}

static void
check_dump(const struct config *config)
{
    struct error error = { 0 };
    size_t length, again_length;
    char *text = dump(config, &length), *again_text;
    struct config *again = config_load_text("dump", text, length, &error);

    if (again == NULL)
        abort();
    again_text = dump(again, &again_length);
    drop_comments(text);
    drop_comments(again_text);
    if (strcmp(text, again_text) != 0)
        abort();
    free(again_text);
    free(text);
    config_unref(again);
    error_clear(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = { 0 };
    struct config *config = config_load_text("fuzz", (const char *)data, size,
        &error);

    if ((config == NULL) != error_any(&error))
        abort();
    check_messages(&error);
    if (config != NULL)
        check_dump(config);
    config_unref(config);
    error_clear(&error);
    return 0;
}
