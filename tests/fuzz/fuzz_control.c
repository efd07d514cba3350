/* A request to the control socket: there is one way to read it, it is found as
 * soon as it is whole, and a name in it can be passed on. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/control_request.h"

/* The one line that means this. */
static void
write_back(const struct control_request *request, char line[CONTROL_LINE_MAX])
{
    static const char *const words[CONTROL_VERB_COUNT] = {
        [CONTROL_STATUS] = "status", [CONTROL_STATUS_JSON] = "status json",
        [CONTROL_RELOAD] = "reload", [CONTROL_UPGRADE] = "upgrade",
        [CONTROL_DRAIN] = "drain ",
    };

    snprintf(line, CONTROL_LINE_MAX, "%s%s\n", words[request->verb],
        request->name);
}

static void
check_done(const struct control_request *request, const uint8_t *data,
    size_t size)
{
    char line[CONTROL_LINE_MAX];
    struct control_request before;

    write_back(request, line);
    if (strlen(line) != size || memcmp(line, data, size) != 0)
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
