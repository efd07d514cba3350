/* A request to the control socket: one line asks so and no other, and it is found
 * as soon as it is whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "admin/control_request.h"

static void
check_done(const struct control_request *request, const uint8_t *data,
    size_t size)
{
    char line[CONTROL_LINE_MAX + 1];
    struct control_request before;

    if (!control_request_format(request, line) || strlen(line) != size ||
        memcmp(line, data, size) != 0)
        abort();
    for (size_t i = 0; i < size; i++)
        if (control_request_parse(data, i, &before) != CONTROL_MORE)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct control_request request;

    switch (control_request_parse(data, size, &request)) {
    case CONTROL_DONE:
        check_done(&request, data, size);
        break;
    case CONTROL_MORE:
        if (size >= CONTROL_LINE_MAX || memchr(data, '\n', size) != NULL)
            abort();
        break;
    case CONTROL_BAD:
        break;
    }
    return 0;
}
