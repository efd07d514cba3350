#include "cli/check_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/escape.h"
#include "config/config.h"
#include "relay/plan.h"
#include "relay/service.h"
#include "tls/tls_cert_facts.h"

/* The certificates of a leg, while they are gathered. */
struct gathered {
    struct tls_cert_facts *items;
    size_t count;
};

/* tls_cert_facts_fn */
static void
gather_cert(const struct tls_cert_facts *facts, void *arg)
{
    struct gathered *gathered = arg;
    struct tls_cert_facts *grown = reallocarray(
        gathered->items, gathered->count + 1, sizeof(*grown));

    if (grown == NULL)
        return;
    gathered->items = grown;
    grown[gathered->count++] = *facts;
}

void
check_plan_line(const char *line, size_t length)
{
    size_t size = 4 * length + sizeof("...");
    char *text = malloc(size);

    if (text == NULL)
        return;
    escape_bytes(text, size, line, length - 1, ESCAPE_MESSAGE);
    puts(text);
    free(text);
}

static void
print_service(const struct service *service, int width)
{
    struct gathered listen = { .count = 0 }, connect = { .count = 0 };
    struct plan_facts facts = { .now = time(NULL) };
    char *line = NULL;
    size_t length;
    FILE *out = open_memstream(&line, &length);

    if (out == NULL)
        return;
    tls_cert_facts_each(service->accept_context, gather_cert, &listen);
    tls_cert_facts_each(service->connect_context, gather_cert, &connect);
    facts.listen = (struct plan_certs){ listen.items, listen.count };
    facts.connect = (struct plan_certs){ connect.items, connect.count };
    plan_write(service->config, &facts, width, out);
    if (fclose(out) == 0)
        check_plan_line(line, length);
    free(line);
    free(listen.items);
    free(connect.items);
}

void
check_plan_print(struct service *const *services, size_t count)
{
    size_t width = 0;

    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(services[i]->config->name);

        if (length > width)
            width = length;
    }
    for (size_t i = 0; i < count; i++)
        print_service(services[i], (int)width);
}
