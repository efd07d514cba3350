/* What the master tells the admin: what was understood can be written and
 * is then understood to be the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "admin/status_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[STATUS_FACTS_SIZE], again[STATUS_FACTS_SIZE];
    struct status_facts facts;
    size_t length, again_length;

    if (!status_facts_parse(&facts, (const char *)data, size))
        return 0;
    length = status_facts_format(&facts, text);
    for (size_t i = 0; i < length; i++)
        if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~'))
            abort();
    if (!status_facts_parse(&facts, text, length))
        abort();
    again_length = status_facts_format(&facts, again);
    if (length != again_length || memcmp(text, again, length) != 0)
        abort();
    return 0;
}
