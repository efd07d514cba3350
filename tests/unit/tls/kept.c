#include "kept.h"

#include <openssl/err.h>

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/error.h"
#include "handshake.h"
#include "net/wire.h"
#include "tls/tls_handshake.h"

static void
answer(struct kept_signer *kept, struct tls_signing *signing)
{
    unsigned char signature[TLS_SIGNATURE_MAX];
    size_t length = 0;

    if (!kept->refuses)
        length = tls_vault_sign(kept->vault, &signing->request, signature);
    TAILQ_REMOVE(&kept->signings, signing, entry);
    kept->answered++;
    tls_signing_answer(signing, signature, length);
}

static void
answer_all(void *arg)
{
    struct kept_signer *kept = arg;
    struct tls_signing *signing;

    while ((signing = TAILQ_FIRST(&kept->signings)) != NULL)
        answer(kept, signing);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    answer_all(arg);
}

static void
start(struct tls_signer *signer, struct tls_signing *signing)
{
    struct kept_signer *kept = (struct kept_signer *)signer;
    struct timeval delay = clock_span((uint64_t)kept->delay_ms);

    TAILQ_INSERT_TAIL(&kept->signings, signing, entry);
    kept->asked++;
    if (kept->holds)
        return;
    if (kept->delay_ms > 0)
        event_add(&kept->timer, &delay);
    else
        loop_defer(kept->loop, &kept->task);
}

static void
cancel(struct tls_signer *signer, struct tls_signing *signing)
{
    struct kept_signer *kept = (struct kept_signer *)signer;

    TAILQ_REMOVE(&kept->signings, signing, entry);
    kept->cancelled++;
}

void
kept_signer_open(struct kept_signer *kept, struct loop *loop,
    const struct service_config *service)
{
    struct endpoint tls = { .tls = true };
    struct service_config copy = *service;
    struct config config = { .services = &copy, .service_count = 1 };
    struct error error = { 0 };

    copy.listen = copy.connect = (struct endpoints){ &tls, 1 };
    *kept = (struct kept_signer){
        .signer = { .start = start, .cancel = cancel },
        .vault = tls_vault_new(&config, NULL, &error),
        .loop = loop,
        .task = { .run = answer_all, .arg = kept },
    };
    tls_jobs_init(&kept->signer.jobs);
    TAILQ_INIT(&kept->signings);
    cr_assert_not_null(kept->vault, "%s",
        error.count > 0 ? error.messages[0] : "");
    evtimer_assign(&kept->timer, loop->base, on_timer, kept);
}

void
kept_signer_close(struct kept_signer *kept)
{
    cr_expect(TAILQ_EMPTY(&kept->signings));
    cr_expect_eq(kept->asked, kept->answered + kept->cancelled);
    cr_expect_eq(kept->signer.jobs.paused, 0);
    cr_expect(TAILQ_EMPTY(&kept->signer.jobs.line));
    event_del(&kept->timer);
    loop_cancel(kept->loop, &kept->task);
    tls_jobs_clear(&kept->signer.jobs);
    tls_vault_free(kept->vault);
}

void
kept_release(struct kept_signer *kept)
{
    kept->holds = false;
    loop_defer(kept->loop, &kept->task);
}

struct service_config
kept_service(struct kept_spec *spec)
{
    struct service_config service = {
        .name = (char *)"test",
        .listen_leg = LEG(.verify = VERIFY_REQUIRED, .cert = { &spec->cert, 1 },
            .ca = { &spec->ca, 1 }),
        .connect_leg = LEG(.verify = VERIFY_REQUIRED,
            .cert = { &spec->cert, 1 }, .ca = { &spec->ca, 1 }),
    };

    /* TLS 1.2 has the curves of keys among these. */
    service.listen_leg.groups = service.connect_leg.groups =
        (char *)"X25519:P-256:P-384:P-521";
    if (spec->key != NULL)
        service.listen_leg.key = service.connect_leg.key =
            (struct strings){ &spec->key, 1 };
    service.listen_leg.min_version = service.listen_leg.max_version =
        spec->version;
    return service;
}

static struct tls_context *
must_make(const struct service_config *service, enum tls_role role,
    struct tls_signer *signer)
{
    struct error error = { 0 };
    struct tls_context *context =
        tls_context_new(service, role,
            &(struct tls_resources){ .signer = signer }, &error);

    cr_assert_not_null(context, "%s",
        error.count > 0 ? error.messages[0] : "");
    cr_expect_eq(ERR_peek_error(), 0);
    return context;
}

struct kept_contexts
kept_contexts(const struct service_config *service, struct tls_signer *client,
    struct tls_signer *server)
{
    return (struct kept_contexts){
        .client = must_make(service, TLS_CONNECT, client),
        .server = must_make(service, TLS_ACCEPT, server),
    };
}

void
kept_contexts_free(struct kept_contexts *contexts)
{
    tls_context_free(contexts->client);
    tls_context_free(contexts->server);
}

/* As conn.c has it, but for pending output, which these sockets always take. */
static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct kept_end *end = arg;
    bool held = tls_stream_is_held(&end->stream);

    (void)fd, (void)what;
    end->calls++;
    end->status = tls_handshake_run(&end->stream);
    held = held && tls_stream_is_held(&end->stream);
    stream_watch(&end->stream,
        end->status == STREAM_AGAIN && !held ? EV_READ : 0);
    if (end->status != STREAM_OK && end->status != STREAM_AGAIN)
        stream_close(&end->stream);
}

static void
open_end(struct kept_end *end, struct loop *loop, int fd,
    const struct tls_context *context, const struct tls_peer *peer)
{
    *end = (struct kept_end){ .status = STREAM_AGAIN };
    stream_open(&end->stream, loop, fd, on_ready, end);
    cr_assert(tls_stream_start(&end->stream, context, peer));
    stream_watch(&end->stream, EV_READ | EV_WRITE);
}

void
kept_pair_open(struct kept_pair *pair, struct loop *loop,
    const struct kept_contexts *contexts, struct tls_session_cache *resume)
{
    const struct tls_peer peer = { .name = "a.example", .sni = "a.example",
        .resume = resume };
    int fds[2];

    wire_tcp(fds);
    open_end(&pair->client, loop, fds[0], contexts->client, &peer);
    open_end(&pair->server, loop, fds[1], contexts->server, NULL);
}

void
kept_pair_close(struct kept_pair *pair)
{
    stream_free(&pair->client.stream);
    stream_free(&pair->server.stream);
}

bool
kept_pair_over(void *arg)
{
    const struct kept_pair *pair = arg;

    return pair->client.status != STREAM_AGAIN &&
        pair->server.status != STREAM_AGAIN;
}
