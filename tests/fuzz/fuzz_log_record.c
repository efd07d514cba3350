/* What a child process sends as a line of the log: what is agreed to cannot end
 * a line, nor bring in fields that are not the log's. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect_printable(const char *bytes, size_t length, char also)
{
    for (size_t i = 0; i < length; i++)
        if ((bytes[i] < ' ' || bytes[i] > '~') && bytes[i] != also)
            abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size + 1);
    struct log_sent sent;

    if (bytes == NULL)
        return 0;
    if (size > 0)
        memcpy(bytes, data, size);
    bytes[size] = '\n';
    if (log_record_parse(bytes, size, &sent)) {
        expect_printable(sent.text, sent.length, ' ');
        expect_printable(sent.fields, sent.fields_length, '\n');
        if (sent.fields_length > 0 &&
            (sent.fields[sent.fields_length - 1] != '\n' ||
                memcmp(sent.fields, "SALLYPORT_", 10) != 0))
            abort();
    }
    free(bytes);
    return 0;
}
