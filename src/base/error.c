#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

/* A broken file of any size must not become a broken screen of any size. */
#define MESSAGES_MAX 200
#define MESSAGE_SIZE 2048

/* Takes `message`. */
static void
append_error_message(struct error *error, char *message)
{
    char **grown = NULL;

    if (message != NULL && error->count < MESSAGES_MAX)
        grown = reallocarray(error->messages, error->count + 1,
            sizeof(*grown));
    if (grown == NULL) {
        error->dropped++;
        free(message);
        return;
    }
    error->messages = grown;
    error->messages[error->count++] = message;
}

void
error_add(struct error *error, const char *format, ...)
{
    int saved = errno;
    char raw[MESSAGE_SIZE + 1]; /* what is cut here is marked as cut below */
    char text[MESSAGE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(raw, sizeof(raw), format, arguments) < 0)
        snprintf(raw, sizeof(raw), "(unprintable) %s", format);
    va_end(arguments);
    escape_bytes(text, sizeof(text), raw, strlen(raw), ESCAPE_MESSAGE);
    append_error_message(error, strdup(text));
    errno = saved;
}

void
error_no_memory(struct error *error)
{
    error_add(error, ERROR_NO_MEMORY);
}

const char *
error_first(const struct error *error)
{
    return error->count > 0 ? error->messages[0] : ERROR_NO_MEMORY;
}

bool
error_any(const struct error *error)
{
    return error->count > 0 || error->dropped > 0;
}

void
error_clear(struct error *error)
{
    for (size_t i = 0; i < error->count; i++)
        free(error->messages[i]);
    free(error->messages);
    *error = (struct error){ 0 };
}

void
error_print(struct error *error)
{
    for (size_t i = 0; i < error->count; i++)
        fprintf(stderr, "sallyport: %s\n", error->messages[i]);
    if (error->dropped > 0)
        fprintf(stderr, "sallyport: and %zu more\n", error->dropped);
    error_clear(error);
}
