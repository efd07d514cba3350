/* An endpoint of either leg: what is accepted can be used as it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/config_endpoint.h"
#include "config/config_fault.h"

static void
check_endpoint(const struct endpoint *endpoint, enum endpoint_use use)
{
    if (endpoint->kind == ENDPOINT_UNIX) {
        if (endpoint->path == NULL || endpoint->host != NULL
            || strlen(endpoint->path) > 107
            || strchr("/@", endpoint->path[0]) == NULL)
            abort();
        return;
    }
    if (endpoint->kind == ENDPOINT_SYSTEMD) {
        if (use != ENDPOINT_LISTEN || endpoint->host != NULL
            || *endpoint->path == '\0' || strlen(endpoint->path) > 255
            || strpbrk(endpoint->path, ": \n\x7f") != NULL)
            abort();
        return;
    }
    if (endpoint->path != NULL || endpoint->port == 0)
        abort();
    if (endpoint->host == NULL && use == ENDPOINT_CONNECT)
        abort();
    if (endpoint->host != NULL && (*endpoint->host == '\0'
        || strlen(endpoint->host) > 253
        || strpbrk(endpoint->host, "[]/ *") != NULL))
        abort();
}

static void
try_use(const char *text, enum endpoint_use use)
{
    struct endpoint endpoint, again;
    struct fault fault = { .text = "" };

    if (!config_endpoint_parse(NULL, &endpoint, text, use, &fault)) {
        if (*fault.text == '\0')
            abort();
        return;
    }
    check_endpoint(&endpoint, use);
    if (!config_endpoint_parse(NULL, &again, endpoint.text, use, &fault)
        || !config_endpoint_same(&endpoint, &again)
        || endpoint.tls != again.tls)
        abort();
    config_endpoint_clear(&endpoint);
    config_endpoint_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);

    if (text == NULL)
        return 0;
    try_use(text, ENDPOINT_LISTEN);
    try_use(text, ENDPOINT_CONNECT);
    free(text);
    return 0;
}
