#include "relay/plan.h"

#include <stdbool.h>
#include <string.h>

#include "base/address.h"
#include "config/config.h"
#include "tls/tls_cert_facts.h"

/* A line is to be read: a directory may have thousands of certificates. */
enum { CERTS_MAX = 3 };

static void
write_servers(const struct endpoints *connect, FILE *out)
{
    for (size_t i = 0; i < connect->count; i++)
        fprintf(out, "%s%s", i > 0 ? ", then " : "", connect->items[i].text);
}

static const char *
file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static bool
is_any(const struct endpoint *endpoint, sa_family_t family)
{
    struct address address;

    return endpoint->kind == ENDPOINT_INET && endpoint->host != NULL &&
        address_from_numeric(&address, endpoint->host, endpoint->port) &&
        address.storage.ss_family == family && address_is_any(&address);
}

/* [::] without its counterpart: elsewhere it often means IPv4 too. */
static bool
is_lone_any6(const struct endpoints *listen, const struct endpoint *endpoint)
{
    if (!is_any(endpoint, AF_INET6))
        return false;
    for (size_t i = 0; i < listen->count; i++)
        if (listen->items[i].port == endpoint->port &&
            is_any(&listen->items[i], AF_INET))
            return false;
    return true;
}

static void
write_listen_endpoints(const struct endpoints *listen, FILE *out)
{
    for (size_t i = 0; i < listen->count; i++) {
        const struct endpoint *endpoint = &listen->items[i];

        fprintf(out, "%s%s", i > 0 ? ", " : "", endpoint->text);
        if (is_lone_any6(listen, endpoint))
            fprintf(out, " (IPv6 only; *:%u takes both)",
                (unsigned)endpoint->port);
    }
}

void
plan_write_paths(const struct strings *paths, FILE *out)
{
    for (size_t i = 0; i < paths->count; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : "",
            strcmp(paths->items[i], "system") == 0
                ? "the system's authorities" : file_name(paths->items[i]));
}

/* "a.example and 2 more", of a list with ", " between. */
static void
write_first_name(const struct tls_cert_facts *cert, FILE *out)
{
    bool named = strcmp(cert->names, "no name") != 0;
    const char *names = named ? cert->names : cert->subject;
    size_t length = named ? strcspn(names, ",") : strlen(names), more = 0;

    fprintf(out, "%.*s", (int)length, names);
    for (const char *at = names + length; *at != '\0'; at++)
        more += *at == ',';
    if (more > 0)
        fprintf(out, " and %zu more", more);
}

static void
write_until(const struct tls_cert_facts *cert, int64_t now, FILE *out)
{
    char date[TLS_DATE_SIZE];

    fprintf(out, "%s %s", cert->until < now ? "expired on" : "until",
        tls_certificate_day(cert->until, date));
}

/* "allow cn:a or dns:b or what rules.txt says" */
static void
write_allow(const struct leg_config *leg, FILE *out)
{
    const char *between = ", allow ";

    for (size_t i = 0; i < leg->allow.count; i++, between = " or ")
        fprintf(out, "%s%s", between, leg->allow.items[i].text);
    for (size_t i = 0; i < leg->allow_files.count; i++, between = " or ")
        fprintf(out, "%swhat %s says", between,
            file_name(leg->allow_files.items[i]));
}

static void
write_trust(const struct leg_config *leg, FILE *out)
{
    plan_write_paths(&leg->ca, out);
    if (leg->crl.count > 0) {
        fputs(", CRL ", out);
        plan_write_paths(&leg->crl, out);
    }
    write_allow(leg, out);
}

static void
write_listen_certs(
    const struct plan_certs *certs, int64_t now, FILE *out)
{
    for (size_t i = 0; i < certs->count; i++) {
        fputs(i > 0 ? "; " : "", out);
        if (i == CERTS_MAX && certs->count > CERTS_MAX + 1) {
            fprintf(out, "and %zu more certificates", certs->count - i);
            break;
        }
        write_first_name(&certs->items[i], out);
        fputs(", ", out);
        write_until(&certs->items[i], now, out);
        fprintf(out, ", chain of %u", certs->items[i].chain);
    }
}

static void
write_listen_tls(const struct service_config *service,
    const struct plan_facts *facts, FILE *out)
{
    const struct leg_config *leg = &service->listen_leg;

    fputs(" (", out);
    if (facts->listen.count > 0)
        write_listen_certs(&facts->listen, facts->now, out);
    else
        plan_write_paths(&leg->cert, out);
    if (leg->verify != VERIFY_NONE) {
        fputs(leg->verify == VERIFY_REQUIRED ? "; clients verified: "
            : "; clients verified if they show a certificate: ", out);
        write_trust(leg, out);
    }
    fputc(')', out);
}

/* The one host that all TLS endpoints have; NULL: they differ. */
static const char *
common_host(const struct endpoints *endpoints)
{
    const char *host = NULL;

    for (size_t i = 0; i < endpoints->count; i++) {
        const struct endpoint *endpoint = &endpoints->items[i];

        if (!endpoint->tls || endpoint->host == NULL)
            continue;
        if (host != NULL && strcmp(host, endpoint->host) != 0)
            return NULL;
        host = endpoint->host;
    }
    return host;
}

static void
write_verified_name(const struct service_config *service, FILE *out)
{
    const char *name = service->connect_leg.name != NULL
        ? service->connect_leg.name : common_host(&service->connect);
    struct address address;

    if (service->connect_leg.name == NULL && config_passes_name_on(service))
        fputs(", the name that the client asks for", out);
    else if (name == NULL)
        fputs(", each by its own name", out);
    else
        fprintf(out, ", %s %s",
            address_from_numeric(&address, name, 0) ? "address" : "name",
            name);
}

static void
write_shown(const struct leg_config *leg, const struct plan_facts *facts,
    FILE *out)
{
    fputs("; shows ", out);
    plan_write_paths(&leg->cert, out);
    for (size_t i = 0; i < facts->connect.count; i++) {
        fputs(", ", out);
        write_until(&facts->connect.items[i], facts->now, out);
    }
}

static void
write_connect_tls(const struct service_config *service,
    const struct plan_facts *facts, FILE *out)
{
    const struct leg_config *leg = &service->connect_leg;

    fputs(" (", out);
    if (leg->verify != VERIFY_NONE) {
        fputs("verified: ", out);
        write_trust(leg, out);
        write_verified_name(service, out);
        fputs(leg->pins.count > 0 ? ", " : "", out);
    }
    if (leg->pins.count > 0)
        fprintf(out, "key pinned (%zu)", leg->pins.count);
    else if (leg->verify == VERIFY_NONE)
        fputs("NOT VERIFIED", out);
    if (leg->cert.count > 0)
        write_shown(leg, facts, out);
    fputc(')', out);
}

/* " for sni:a.example or proto:ssh" */
static void
write_match(const struct match_rules *match, FILE *out)
{
    for (size_t i = 0; i < match->count; i++)
        fprintf(out, "%s%s", i > 0 ? " or " : " for ", match->items[i].text);
}

void
plan_write(const struct service_config *service,
    const struct plan_facts *facts, int width, FILE *out)
{
    fprintf(out, "%-*s  ", width, service->name);
    write_listen_endpoints(&service->listen, out);
    write_match(&service->listen_leg.match, out);
    if (config_endpoints_have_tls(&service->listen))
        write_listen_tls(service, facts, out);
    fputs(" -> ", out);
    write_servers(&service->connect, out);
    if (config_endpoints_have_tls(&service->connect))
        write_connect_tls(service, facts, out);
    else
        fputs(" plain", out);
    fputc('\n', out);
}

const char *
plan_servers(const struct service_config *service, char text[PLAN_SERVERS_SIZE])
{
    const struct endpoints *connect = &service->connect;
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < connect->count; i++) {
        const char *server = connect->items[i].text;
        const char *between = i > 0 ? ", then " : "";

        if (used + strlen(between) + strlen(server) + sizeof(", ...") >
            PLAN_SERVERS_SIZE) {
            snprintf(text + used, PLAN_SERVERS_SIZE - used, ", ...");
            break;
        }
        used += (size_t)snprintf(text + used, PLAN_SERVERS_SIZE - used, "%s%s",
            between, server);
    }
    return text;
}
