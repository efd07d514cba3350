#include "config/config_check.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_alpn.h"
#include "config/config_fault.h"
#include "config/config_options.h"

#define TITLE_SIZE 64

/* One leg of the service that is being checked. */
struct leg {
    const struct service_config *service;
    const struct endpoints *endpoints;
    const struct leg_config *config;
    const char *word;       /* "listen" or "connect" */
    struct error *error;
};

static bool
any_path(const struct endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        if (endpoints->items[i].kind == ENDPOINT_UNIX
            && endpoints->items[i].path[0] == '/')
            return true;
    }
    return false;
}

static bool
any_inet(const struct endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++)
        if (endpoints->items[i].kind == ENDPOINT_INET)
            return true;
    return false;
}

bool
config_check_applies(const struct option *option,
    const struct service_config *service)
{
    const struct endpoints *endpoints = option->flags & OPTION_OF_LISTEN
        ? &service->listen : &service->connect;

    if ((option->flags & OPTION_TLS) && !config_endpoints_have_tls(endpoints))
        return false;
    if ((option->flags & OPTION_INET) && !any_inet(endpoints))
        return false;
    return !(option->flags & OPTION_UNIX) || any_path(endpoints);
}

/* Where the leg's option was written; NULL: it has its default. */
static const struct origin *
written_on(const struct leg *leg, const char *word)
{
    char name[64];

    snprintf(name, sizeof(name), "%s.%s", leg->word, word);
    return config_option_origin(
        leg->service->origins, OPTION_SERVICE, name);
}

/* `origin` NULL: at the service's header. */
static void
report_service_fault(const struct service_config *service,
    const struct origin *origin, const char *key, const struct fault *fault,
    struct error *error)
{
    char title[TITLE_SIZE];

    snprintf(title, sizeof(title), "service %s", service->name);
    config_fault_report(error, origin != NULL ? origin : &service->origin,
        title, key, fault);
}

static void PRINTF_LIKE(5, 6)
report_fault_at(const struct origin *origin,
    const struct service_config *service, const char *key, struct error *error,
    const char *format, ...)
{
    struct fault fault;
    va_list arguments;

    va_start(arguments, format);
    config_fault_vset(&fault, format, arguments);
    va_end(arguments);
    report_service_fault(service, origin, key, &fault, error);
}

/* At the place where the leg's option was written, or else at the service. */
static void PRINTF_LIKE(3, 4)
report_leg_fault(
    const struct leg *leg, const char *word, const char *format, ...)
{
    struct fault fault;
    va_list arguments;
    char key[64];

    va_start(arguments, format);
    config_fault_vset(&fault, format, arguments);
    va_end(arguments);
    snprintf(key, sizeof(key), "%s.%s", leg->word, word);
    report_service_fault(
        leg->service, written_on(leg, word), key, &fault, leg->error);
}

/* An option that is written in the service must mean something there; one from
 * [defaults] is for those services that it suits. */
static void
check_meaning(const struct service_config *service, struct error *error)
{
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);
        const struct origin *origin = &service->origins[i];
        const char *leg = option->flags & OPTION_OF_LISTEN
            ? "listen" : "connect";

        if (option->scope != OPTION_SERVICE || origin->file == NULL
            || origin->shared || config_check_applies(option, service))
            continue;
        if (option->flags & OPTION_TLS)
            report_fault_at(origin, service, option->name, error, "no %s "
                "endpoint of this service is TLS; write %s = tls://HOST:PORT, "
                "or remove this option", leg, leg);
        else
            report_fault_at(origin, service, option->name, error, "no %s "
                "endpoint of this service is %s; remove this option", leg,
                option->flags & OPTION_INET ? "HOST:PORT" : "a unix path");
    }
}

static void
check_leg_certificates(const struct leg *leg)
{
    const struct leg_config *config = leg->config;

    if (config->key.count > 0 && config->key.count != config->cert.count)
        report_leg_fault(leg, "key", "there are %zu key files for %zu "
            "certificate files; name one for each, in the same order, or "
            "none where they hold the keys as well", config->key.count,
            config->cert.count);
    if (config->passphrase_file != NULL && config->cert.count == 0)
        report_leg_fault(leg, "passphrase_file",
            "there is no certificate whose key "
            "it could open; write the certificate's file too");
}

/* A peer that shows no certificate would pass. */
static void
check_allow(const struct leg *leg)
{
    const struct leg_config *config = leg->config;

    if (config->verify != VERIFY_REQUIRED &&
        (config->allow.count > 0 || config->allow_files.count > 0))
        report_leg_fault(leg, config->allow.count > 0 ? "allow" : "allow_file",
            "needs %s.verify = required, so that every peer shows a "
            "certificate that is verified", leg->word);
}

static void
check_versions(const struct leg *leg)
{
    if (leg->config->min_version > leg->config->max_version)
        report_leg_fault(leg, written_on(leg, "min_version") != NULL
            ? "min_version" : "max_version",
            "the least version of TLS is above the highest one");
}

/* Naming a CA but not asking for certificates would look like safety. */
static void
check_listen_trust(const struct leg *leg)
{
    const struct leg_config *config = leg->config;

    if (config->verify != VERIFY_NONE && config->ca.count == 0)
        report_leg_fault(leg, "verify", "there is no CA to verify clients "
            "by; write listen.ca = FILE with the one that issues their "
            "certificates");
    if (config->verify != VERIFY_NONE || written_on(leg, "verify") != NULL)
        return;
    if (config->ca.count > 0)
        report_leg_fault(leg, "ca",
            "clients are not asked for a certificate; write "
            "listen.verify = required (or none, to leave it so)");
    else if (config->crl.count > 0)
        report_leg_fault(leg, "crl",
            "clients are not asked for a certificate; write "
            "listen.verify = required (or none, to leave it so)");
}

/* Of a client that does not speak TLS nothing could be made. */
static void
check_match(const struct leg *leg)
{
    const struct match_rules *rules = &leg->config->match;

    for (size_t i = 0; i < leg->endpoints->count; i++)
        if (!leg->endpoints->items[i].tls)
            return;
    for (size_t i = 0; i < rules->count; i++) {
        enum match_protocol protocol = rules->items[i].protocol;

        if (protocol != MATCH_PROTOCOL_ANY && protocol != MATCH_PROTOCOL_TLS)
            report_fault_at(&rules->items[i].origin, leg->service,
                "listen.match", leg->error, "these clients do not speak TLS, "
                "which a tls:// endpoint ends; write listen = tcp://HOST:PORT "
                "to pass on what they say");
    }
}

static void
check_listen(const struct leg *leg)
{
    if (leg->config->cert.count == 0)
        report_leg_fault(leg, "cert", "it is missing; a TLS listener needs "
            "listen.cert = FILE");
    check_listen_trust(leg);
    check_match(leg);
}

static void
check_socket_group(const struct leg *leg)
{
    const struct leg_config *config = leg->config;

    if (config->group != NULL && config->owner != NULL &&
        strchr(config->owner, ':') != NULL)
        report_leg_fault(leg, "group", "listen.owner names a group as well; "
            "write it here only: listen.owner = USER");
}

/* A unix path is no name that a certificate could carry. */
static void
check_connect(const struct leg *leg)
{
    if (leg->config->verify == VERIFY_NONE || leg->config->name != NULL)
        return;
    for (size_t i = 0; i < leg->endpoints->count; i++) {
        const struct endpoint *endpoint = &leg->endpoints->items[i];

        if (endpoint->kind == ENDPOINT_UNIX && endpoint->tls)
            report_fault_at(&endpoint->origin, leg->service, "connect",
                leg->error, "a unix socket has no host name to verify; write "
                "connect.name = NAME as it is in the server's certificate");
    }
}

/* What the client said is known where its TLS ends. */
static void
check_passing_on(const struct leg *leg)
{
    const struct service_config *service = leg->service;
    const struct leg_config *config = leg->config;
    bool ends_tls = config_endpoints_have_tls(&service->listen);

    if (config_passes_name_on(service) && !ends_tls)
        report_leg_fault(leg, "sni", "client is the name that a client asks "
            "for with TLS, and no listen endpoint of this service is TLS");
    if (config_alpn_is_client(&config->alpn) &&
        (!ends_tls || service->listen_leg.alpn.count == 0))
        report_leg_fault(leg, "alpn", "client is what is agreed on with a "
            "client; write listen.alpn with the protocols, on a tls:// "
            "endpoint");
    for (size_t i = 0; config->alpn.count > 1 && i < config->alpn.count; i++)
        if (strcmp(config->alpn.items[i], "client") == 0)
            report_leg_fault(leg, "alpn", "client stands for all that is "
                "offered; write no other protocol beside it");
}

void
config_check_service(const struct service_config *service,
    struct error *error)
{
    struct leg listen = { service, &service->listen, &service->listen_leg,
        "listen", error };
    struct leg connect = { service, &service->connect, &service->connect_leg,
        "connect", error };

    check_meaning(service, error);
    check_socket_group(&listen);
    if (config_endpoints_have_tls(&service->listen)) {
        check_leg_certificates(&listen);
        check_allow(&listen);
        check_versions(&listen);
        check_listen(&listen);
    }
    if (config_endpoints_have_tls(&service->connect)) {
        check_leg_certificates(&connect);
        check_allow(&connect);
        check_versions(&connect);
        check_connect(&connect);
        check_passing_on(&connect);
    }
}
