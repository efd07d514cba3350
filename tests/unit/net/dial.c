#include "dial.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <errno.h>
#include <unistd.h>

#include <string.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scratch.h"
#include "net/loop.h"
#include "net/resolver_dns.h"
#include "wire.h"

static void
on_done(void *arg, enum connector_result result, int fd,
    const struct endpoint *endpoint, const struct address *address)
{
    struct dial *dial = arg;
    bool is_inet = address != NULL && address->storage.ss_family == AF_INET;

    cr_expect(dial->connector == NULL || result == CONNECTOR_CONNECTED);
    cr_expect_eq(fd >= 0, result == CONNECTOR_CONNECTED);
    dial->calls++;
    dial->result = result;
    dial->fd = fd;
    dial->reached = endpoint;
    dial->reached_port = is_inet
        ? ntohs(((const struct sockaddr_in *)&address->storage)->sin_port)
        : 0;
}

static void
on_failed(void *arg, enum connector_result result,
    const struct endpoint *endpoint, const struct address *address)
{
    struct dial *dial = arg;

    (void)endpoint;
    (void)address;
    cr_assert_lt(dial->failures, DIAL_MOST);
    dial->failed[dial->failures++] = result;
}

void
dial_open(struct dial *dial, const char *hosts)
{
    struct error error = { .count = 0 };

    *dial = (struct dial){ .loop = loop_new(), .fd = -1 };
    scratch_log_open(LOG_LEVEL_DEBUG);
    cr_assert_not_null(dial->loop);
    dial->dns = resolver_dns_new(dial->loop, &error);
    cr_assert_not_null(dial->dns);
    dial->resolver = resolver_dns_resolver(dial->dns);
    cr_assert(resolver_dns_set_files(dial->dns,
        &(struct resolver_files){ .hosts = hosts,
            .hosts_length = strlen(hosts) }));
    dial->service = (struct service_config){
        .name = (char *)"test",
        .connect = { dial->endpoints, 0 },
        .connect_timeout_ms = 300,
    };
    dial->listening = wire_listen(false, 16, &dial->port);
}

void
dial_close(struct dial *dial)
{
    connector_cancel(dial->connector);
    resolver_dns_free(dial->dns);
    loop_free(dial->loop);
    close(dial->listening);
    if (dial->fd >= 0)
        close(dial->fd);
    log_close();
    scratch_remove();
}

void
dial_add(struct dial *dial, const char *host, uint16_t port)
{
    dial->endpoints[dial->service.connect.count++] = (struct endpoint){
        .kind = host[0] == '/' ? ENDPOINT_UNIX : ENDPOINT_INET,
        .host = (char *)host,
        .path = (char *)host,
        .port = port,
    };
}

void
dial_begin(struct dial *dial)
{
    dial->calls = dial->failures = 0;
    connector_cancel(dial->connector);
    connector_start(&(struct connector_spec){ .loop = dial->loop,
                        .resolver = dial->resolver, .memory = &dial->memory,
                        .service = &dial->service, .failed = on_failed,
                        .returns = dial->returns, .done = on_done, .arg = dial },
        &dial->connector);
    cr_assert(dial->connector != NULL || dial->calls == 1);
}

static bool
is_done(void *arg)
{
    return ((struct dial *)arg)->calls > 0;
}

void
dial_finish(struct dial *dial)
{
    cr_assert(wire_until(dial->loop, is_done, dial));
    cr_expect_eq(dial->calls, 1);
}

void
dial_run(struct dial *dial)
{
    if (dial->fd >= 0)
        close(dial->fd);
    dial->fd = -1;
    dial_begin(dial);
    dial_finish(dial);
}

void
dial_next(struct dial *dial, bool silent)
{
    close(dial->fd);
    dial->fd = -1;
    dial->calls = dial->failures = 0;
    connector_next(dial->connector, silent);
    dial_finish(dial);
}

void
dial_expect(const struct dial *dial, size_t endpoint)
{
    int error = 0;
    socklen_t length = sizeof(error);

    cr_assert_eq(dial->result, CONNECTOR_CONNECTED, "%d", dial->result);
    cr_expect_eq(dial->reached, &dial->endpoints[endpoint]);
    getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    cr_expect_eq(error, 0);
    cr_expect_eq(send(dial->fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT), 1);
    cr_expect_eq(recv(dial->fd, &error, 1, 0), -1);
    cr_expect_eq(errno, EAGAIN, "it does not block");
}
