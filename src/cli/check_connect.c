#include "cli/check_connect.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "cli/check_plan.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "files/files.h"
#include "net/connector_memory.h"
#include "net/loop.h"
#include "net/resolver_dns.h"
#include "net/resolver_files.h"
#include "net/timer.h"
#include "relay/probe.h"
#include "relay/service.h"
#include "sandbox/privileges.h"
#include "tls/tls_context.h"
#include "tls/tls_secret.h"

/* For all servers together, however long their timeouts are. */
enum { PROBES_MOST = 32, PATIENCE_S = 120, SECTION_SIZE = 128 };

struct target {
    struct check_connect *check;
    struct probe *probe; /* NULL: not begun, or over */
    const struct service_config *service;
    size_t server;
    struct tls_context *context; /* a reference; NULL: no TLS */
    enum probe_result result;
    char *text; /* NULL: there was no time for it, or no memory */
    int64_t until; /* of a verified certificate; 0: none */
};

struct check_connect {
    struct config *config;
    struct loop *loop;
    struct resolver_dns *dns;
    struct connector_memory memory;
    struct timer deadline;
    struct loop_task more;
    size_t count, begun, over;
    struct target targets[];
};

static size_t
count_servers(const struct config *config)
{
    size_t count = 0;

    for (size_t i = 0; i < config->service_count; i++)
        count += config->services[i].connect.count;
    return count;
}

struct check_connect *
check_connect_new(struct config *config, struct service *const *services,
    struct error *error)
{
    struct check_connect *check = calloc(1, sizeof(*check) +
        count_servers(config) * sizeof(check->targets[0]));

    if (check == NULL) {
        error_no_memory(error);
        return NULL;
    }
    check->config = config;
    for (size_t i = 0; i < config->service_count; i++) {
        const struct service_config *service = &config->services[i];

        for (size_t j = 0; j < service->connect.count; j++)
            check->targets[check->count++] = (struct target){
                .check = check,
                .service = service,
                .server = j,
                .context = service->connect.items[j].tls
                    ? tls_context_ref(services[i]->connect_context)
                    : NULL,
                .result = PROBE_FAILED,
            };
    }
    return check;
}

static void
check_connect_free(struct check_connect *check)
{
    for (size_t i = 0; i < check->count; i++) {
        probe_cancel(check->targets[i].probe);
        tls_context_free(check->targets[i].context);
        free(check->targets[i].text);
    }
    timer_close(&check->deadline);
    resolver_dns_free(check->dns);
    loop_free(check->loop);
    free(check);
}

static const struct endpoint *
server_of(const struct target *target)
{
    return &target->service->connect.items[target->server];
}

static char *
describe_report(
    const struct target *target, const struct probe_report *report)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    if (out == NULL)
        return NULL;
    probe_report_write_server(report, server_of(target), out);
    fputs(": ", out);
    if (report->result == PROBE_GOOD)
        probe_report_write_good(report, target->service, time(NULL), out);
    else
        probe_report_write_fault(report, server_of(target), out);
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

/* probe_done_fn */
static void
on_probe_done(void *arg, const struct probe_report *report)
{
    struct target *target = arg;
    struct check_connect *check = target->check;

    target->result = report->result;
    target->text = describe_report(target, report);
    if (report->shown && report->cert.verified)
        target->until = report->cert.until;
    check->over++;
    if (check->over == check->count)
        loop_stop(check->loop);
    else
        loop_defer(check->loop, &check->more);
}

static void
begin_probes(void *arg)
{
    struct check_connect *check = arg;

    while (check->begun < check->count &&
        check->begun - check->over < PROBES_MOST) {
        struct target *target = &check->targets[check->begun++];
        const struct probe_spec spec = {
            .loop = check->loop,
            .resolver = resolver_dns_resolver(check->dns),
            .memory = &check->memory,
            .service = target->service,
            .server = target->server,
            .context = target->context,
            .done = on_probe_done,
            .arg = target,
        };

        probe_start(&spec, &target->probe);
    }
}

static void
on_deadline(void *arg)
{
    struct check_connect *check = arg;

    loop_stop(check->loop);
}

/* Keys of listeners are of no use here, and a server is not to be trusted. */
static bool
wipe_secrets(const struct config *config, struct error *error)
{
    static struct tls_secret none;

    if (!files_part_secrets(config->files, tls_secret_print, &none, error))
        return false;
    files_discard_secrets(config->files);
    return true;
}

/* Workers connect as the account that `user` names where root starts the daemon. */
static bool
become_worker(const struct global_config *global, struct error *error)
{
    struct account account;
    bool ok;

    if (geteuid() != 0)
        return true;
    if (!account_find(global->user, global->group, &account, error))
        return false;
    ok = privileges_drop(&account, error);
    account_clear(&account);
    return ok;
}

static bool
set_up_probes(struct check_connect *check, struct error *error)
{
    check->more.run = begin_probes;
    check->more.arg = check;
    check->loop = loop_new();
    if (check->loop == NULL ||
        !timer_open(&check->deadline, check->loop->base, on_deadline, check)) {
        error_no_memory(error);
        return false;
    }
    check->dns = resolver_dns_new(check->loop, error);
    return check->dns != NULL && resolver_files_load(check->dns, error) &&
        wipe_secrets(check->config, error) &&
        become_worker(&check->config->global, error);
}

/* What the resolver and the connector warn of stands in the reports. */
static void
run_probes(struct check_connect *check)
{
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);

    log_hush(true);
    timer_set(&check->deadline, SECONDS(PATIENCE_S));
    begin_probes(check);
    if (check->over < check->count)
        loop_run(check->loop);
    for (size_t i = 0; i < check->begun; i++)
        probe_cancel(check->targets[i].probe);
    log_hush(false);
    (void)signal(SIGPIPE, before);
}

static void PRINTF_LIKE(2, 3)
warn_of_server(const struct target *target, const char *format, ...)
{
    const struct origin *origin = &server_of(target)->origin;
    const struct log_cause cause = {
        .file = origin->file, .place = config_fault_place(origin),
    };
    struct fault fault;
    va_list arguments;

    va_start(arguments, format);
    config_fault_vset(&fault, format, arguments);
    va_end(arguments);
    log_warn_at(&cause, target->service->name, fault.kind, "connect: %s",
        fault.text);
}

static void
warn_of_server_end(const struct target *target)
{
    int64_t left = target->until - time(NULL);
    char span[TLS_LEFT_SIZE];

    if (target->until != 0 && left <= TLS_CERT_ENDS_SOON_DAYS * (24 * 60 * 60))
        warn_of_server(target, "%s: the server's certificate runs out in %s",
            server_of(target)->text, tls_certificate_left(left, span));
}

static void
tell_good(const struct target *target, bool quiet)
{
    char *line = NULL;

    if (!quiet &&
        asprintf(&line, "%s: %s\n", target->service->name, target->text) > 0)
        check_plan_line(line, strlen(line));
    free(line);
    warn_of_server_end(target);
}

/* As names_check_servers() has it at a start, but for the only server of a service:
 * then there is nothing to relay to. */
static bool
is_harmless(const struct target *target)
{
    bool strict = target->check->config->global.strict_names;

    return target->service->connect.count > 1 &&
        (target->result == PROBE_UNRESOLVED ||
            (target->result == PROBE_NO_HOST && !strict));
}

static void
tell_fault(const struct target *target, struct error *error)
{
    char section[SECTION_SIZE];

    snprintf(section, sizeof(section), "service %s", target->service->name);
    if (target->text == NULL)
        config_fault_add(error, &server_of(target)->origin, section,
            "connect", "%s: there was no result within %d seconds",
            server_of(target)->text, PATIENCE_S);
    else if (is_harmless(target))
        warn_of_server(target, "%s; meanwhile the service has its other "
            "servers", target->text);
    else
        config_fault_add(error, &server_of(target)->origin, section,
            "connect", "%s", target->text);
}

void
check_connect_run(
    struct check_connect *check, bool quiet, struct error *error)
{
    if (set_up_probes(check, error)) {
        run_probes(check);
        for (size_t i = 0; i < check->count; i++)
            if (check->targets[i].text != NULL &&
                check->targets[i].result == PROBE_GOOD)
                tell_good(&check->targets[i], quiet);
            else
                tell_fault(&check->targets[i], error);
    }
    check_connect_free(check);
}
