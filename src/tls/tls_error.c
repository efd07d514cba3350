#include "tls/tls_error.h"

#include <openssl/err.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

enum { REASON_SIZE = 256, MESSAGE_SIZE = 2048 };

static void
describe_code(unsigned long code, char *text, size_t size)
{
    const char *reason;

    /* OpenSSL knows no text for what the operating system reported. */
    if (ERR_SYSTEM_ERROR(code))
        reason = strerror(ERR_GET_REASON(code));
    else
        reason = ERR_reason_error_string(code);
    if (reason != NULL)
        snprintf(text, size, "%s", reason);
    else
        snprintf(text, size, "OpenSSL error %08lX", code);
}

const char *
tls_error_reason(char *text, size_t size)
{
    unsigned long code = ERR_get_error();

    if (size > 0)
        text[0] = '\0';
    if (code != 0)
        describe_code(code, text, size);
    ERR_clear_error();
    return text;
}

/* As tls_error_reason(), with what OpenSSL says of the case at hand. */
static void
reason_in_full(char *text, size_t size)
{
    const char *data = NULL;
    int flags = 0;
    unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
    size_t length;

    text[0] = '\0';
    if (code != 0) {
        describe_code(code, text, size);
        length = strlen(text);
        if ((flags & ERR_TXT_STRING) != 0 && data != NULL && *data != '\0')
            snprintf(text + length, size - length, " (%s)", data);
    }
    ERR_clear_error();
}

void
tls_error_add(struct error *error, const char *format, ...)
{
    char message[MESSAGE_SIZE], reason[REASON_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    reason_in_full(reason, sizeof(reason));
    error_add(error, "%s%s%s", message, reason[0] == '\0' ? "" : ": ", reason);
}
