#include "relay/services_warn.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "config/config.h"
#include "config/config_alpn_slip.h"
#include "config/config_fault.h"
#include "config/config_values.h"
#include "relay/service.h"
#include "tls/tls_cert_facts.h"

static struct log_cause
cause_at(const struct origin *origin)
{
    return (struct log_cause){
        .file = origin->file, .place = config_fault_place(origin),
    };
}

static void
warn_of_protocol(const struct service_config *service, const char *option,
    const char *name, const struct origin *origin)
{
    const char *meant = config_alpn_slip(name);
    struct log_cause cause;

    if (meant == NULL)
        return;
    cause = cause_at(origin != NULL ? origin : &service->origin);
    log_warn_at(&cause, service->name, "alpn", "%s: \"%s\" is not the name of a "
        "registered protocol; did you mean \"%s\"?", option, name, meant);
}

static void
warn_of_protocols(const struct service_config *service, const char *option,
    const struct strings *names)
{
    for (size_t i = 0; i < names->count; i++)
        warn_of_protocol(service, option, names->items[i],
            config_values_origin(service, option, names->items[i]));
}

/* What is looked for in the names of certificates. */
struct name_search {
    const struct match_rule *rule;
    bool found; /* or it cannot be known */
    char names[TLS_NAMES_SIZE]; /* of the first certificate */
};

/* A name of a certificate covers the name itself, or with "*." in front any that
 * has one label more (RFC 9525 6.3). */
static bool
covers_name(const char *known, const char *name)
{
    const char *rest = strchr(name, '.');

    if (strncmp(known, "*.", 2) == 0)
        return rest != NULL && strcasecmp(known + 1, rest) == 0;
    return strcasecmp(known, name) == 0;
}

/* Whether a client of the rule may find its name there; of sni:*.NAME, any. */
static bool
serves_rule(const struct match_rule *rule, const char *known)
{
    const char *rest = strchr(known, '.');

    if (rule->kind == MATCH_NAME_IS)
        return covers_name(known, rule->name);
    return rest != NULL && strcasecmp(rest + 1, rule->name) == 0;
}

/* tls_cert_facts_fn */
static void
search_names(const struct tls_cert_facts *facts, void *arg)
{
    struct name_search *search = arg;
    char names[TLS_NAMES_SIZE], *next = names;

    if (*search->names == '\0')
        snprintf(search->names, sizeof(search->names), "%s", facts->names);
    snprintf(names, sizeof(names), "%s", facts->names);
    for (char *name; (name = strsep(&next, ",")) != NULL;) {
        name += strspn(name, " ");
        /* There are more than it tells. */
        search->found = search->found || strcmp(name, "...") == 0 ||
            serves_rule(search->rule, name);
    }
}

static void
warn_of_rule(const struct service *service, const struct match_rule *rule)
{
    struct name_search search = { .rule = rule };
    struct log_cause cause = cause_at(&rule->origin);

    if (rule->alpn != NULL)
        warn_of_protocol(
            service->config, "listen.match", rule->alpn, &rule->origin);
    if (service->accept_context == NULL ||
        (rule->kind != MATCH_NAME_IS && rule->kind != MATCH_NAME_UNDER))
        return;
    tls_cert_facts_each(service->accept_context, search_names, &search);
    if (!search.found)
        log_warn_at(&cause, service->config->name, "sni", "listen.match: no "
            "certificate of this service is for %s%s, and clients that ask for "
            "it will refuse this one (%s); name one with listen.cert",
            rule->kind == MATCH_NAME_UNDER ? "*." : "", rule->name,
            search.names);
}

void
services_warn(struct service *const *services, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct service_config *config = services[i]->config;
        const struct match_rules *rules = &config->listen_leg.match;

        warn_of_protocols(config, "listen.alpn", &config->listen_leg.alpn);
        warn_of_protocols(config, "connect.alpn", &config->connect_leg.alpn);
        for (size_t j = 0; j < rules->count; j++)
            warn_of_rule(services[i], &rules->items[j]);
    }
}
