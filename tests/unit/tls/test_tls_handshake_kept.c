/* Handshakes whose private keys are elsewhere. */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "handshake.h"
#include "kept.h"
#include "net/wire.h"
#include "pki.h"
#include "tls/tls_handshake.h"
#include "tls/tls_job.h"
#include "tls/tls_session_cache.h"

enum { MANY = TLS_JOBS_MAX + 40 };

static struct pki ca, leaf;
static struct loop *loop;
static struct kept_spec spec;
static struct service_config service;
static struct kept_signer kept;
static struct kept_contexts contexts;

static void
set_up(void)
{
    handshake_log(pki_text("log", "", 0));
    loop = loop_new();
    cr_assert_not_null(loop);
    ca = pki_ca("CA", NULL);
    spec.ca = pki_cert("ca.pem", &ca);
}

static void
tear_down(void)
{
    pki_free(&ca);
    loop_free(loop);
    pki_clean();
}

TestSuite(tls_handshake_kept, .init = set_up, .fini = tear_down, .timeout = 60);

/* What both ends need, with a key of `kind`; the signer has it. */
static void
begin(const char *kind, enum tls_version version)
{
    leaf = pki_make(&(struct pki_spec){ .cn = "leaf", .kind = kind,
        .san = "DNS:a.example" }, &ca);
    spec.cert = pki_cert("leaf.pem", &leaf);
    spec.key = pki_key("leaf.key", &leaf, NULL);
    spec.version = version;
    service = kept_service(&spec);
    kept_signer_open(&kept, loop, &service);
    remove(spec.key);
    contexts = kept_contexts(&service, &kept.signer, &kept.signer);
}

static void
end(void)
{
    kept_contexts_free(&contexts);
    kept_signer_close(&kept);
    pki_free(&leaf);
    remove(spec.cert);
    cr_expect_eq(ERR_peek_error(), 0);
}

static void
expect_data(struct stream *from, struct stream *to)
{
    char got[16];
    size_t size = 0;

    cr_expect_eq(stream_write(from, "hello", 5), STREAM_OK);
    for (int i = 0; i < 100 && size == 0; i++)
        (void)!stream_read(to, got, sizeof(got), &size);
    cr_expect_eq(size, 5);
}

static void
shake(struct kept_pair *pair)
{
    kept_pair_open(pair, loop, &contexts, NULL);
    cr_expect(wire_until(loop, kept_pair_over, pair));
}

static void
expect_good(struct kept_pair *pair, const char *what)
{
    const char *client = tls_stream_failure(&pair->client.stream);
    const char *server = tls_stream_failure(&pair->server.stream);

    cr_assert_eq(pair->client.status, STREAM_OK, "%s: %s", what,
        client != NULL ? client : "");
    cr_assert_eq(pair->server.status, STREAM_OK, "%s: %s", what,
        server != NULL ? server : "");
    expect_data(&pair->client.stream, &pair->server.stream);
    expect_data(&pair->server.stream, &pair->client.stream);
}

Test(tls_handshake_kept, shakes_hands_with_every_kind_of_key)
{
    static const char *const kinds[] = { "RSA", "P-256", "P-384", "P-521",
        "ED25519", "ED448" };
    static const enum tls_version versions[] = { TLS_VERSION_1_2,
        TLS_VERSION_1_3 };

    for (size_t i = 0; i < COUNT(kinds) * COUNT(versions); i++) {
        struct kept_pair pair;

        begin(kinds[i / 2], versions[i % 2]);
        shake(&pair);
        expect_good(&pair, kinds[i / 2]);
        cr_expect_eq(kept.asked, 2);
        kept_pair_close(&pair);
        end();
    }
}

/* Keys that are at hand are used as if there were no signer. */
Test(tls_handshake_kept, asks_for_no_more_than_what_is_elsewhere)
{
    for (int i = 0; i < 4; i++) {
        struct kept_pair pair;

        begin("RSA", i % 2 == 0 ? TLS_VERSION_1_2 : TLS_VERSION_1_3);
        kept_contexts_free(&contexts);
        spec.key = pki_key("leaf.key", &leaf, NULL);
        contexts = kept_contexts(&service, i / 2 == 0 ? &kept.signer : NULL,
            i / 2 == 0 ? NULL : &kept.signer);
        shake(&pair);
        expect_good(&pair, "one side");
        cr_expect_eq(kept.asked, 1);
        kept_pair_close(&pair);
        remove(spec.key);
        end();
    }
}

/* The first hello is answered without a signature (RFC 8446 4.1.4). */
Test(tls_handshake_kept, says_hello_twice)
{
    struct kept_pair pair;

    begin("P-256", TLS_VERSION_1_3);
    kept_contexts_free(&contexts);
    service.connect_leg.groups = (char *)"P-521:X25519";
    service.listen_leg.groups = (char *)"X25519";
    contexts = kept_contexts(&service, &kept.signer, &kept.signer);
    shake(&pair);
    expect_good(&pair, "retried");
    cr_expect_eq(kept.asked, 2);
    kept_pair_close(&pair);
    end();
}

/* Key transport (RFC 5246 7.4.7.1) is left out, and with it such clients. */
Test(tls_handshake_kept, offers_what_needs_a_signature_only)
{
    const STACK_OF(SSL_CIPHER) *ciphers;
    SSL_CTX *ctx;

    begin("RSA", TLS_VERSION_1_2);
    kept_contexts_free(&contexts);
    service.listen_leg.ciphers = service.connect_leg.ciphers =
        (char *)"AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
    contexts = kept_contexts(&service, &kept.signer, &kept.signer);
    ctx = tls_context_ssl(contexts.server);
    ciphers = SSL_CTX_get_ciphers(ctx);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
        cr_expect_str_neq(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)),
            "AES128-GCM-SHA256");
    end();
}

Test(tls_handshake_kept, needs_more_than_key_transport)
{
    struct error error = { 0 };

    begin("RSA", TLS_VERSION_1_2);
    service.listen_leg.ciphers = (char *)"AES128-GCM-SHA256";
    cr_expect_null(tls_context_new(&service, TLS_ACCEPT,
        &(struct tls_resources){ .signer = &kept.signer }, &error));
    cr_expect_eq(error.count, 1);
    cr_expect_not_null(strstr(error.messages[0], "nothing but RSA key"));
    error_clear(&error);
    end();
}

Test(tls_handshake_kept, fails_when_refused)
{
    struct kept_pair pair;

    begin("P-256", TLS_VERSION_1_3);
    kept.refuses = true;
    shake(&pair);
    cr_expect_eq(pair.server.status, STREAM_FAILED);
    cr_expect_eq(pair.client.status, STREAM_FAILED);
    cr_expect_str_eq(tls_stream_failure(&pair.server.stream),
        "the keeper made no signature");
    cr_expect_str_eq(tls_stream_failure(&pair.client.stream),
        "the server met with an error of its own (alert internal_error)");
    kept_pair_close(&pair);
    end();
}

static bool
is_asked(void *arg)
{
    return kept.asked >= *(size_t *)arg;
}

Test(tls_handshake_kept, can_end_while_it_waits)
{
    static const char *const kinds[] = { "RSA", "P-256", "ED25519" };

    for (size_t i = 0; i < 3 * 2; i++) {
        struct kept_pair pair;
        size_t one = 1;

        begin(kinds[i / 2], i % 2 == 0 ? TLS_VERSION_1_2 : TLS_VERSION_1_3);
        kept.holds = true;
        kept_pair_open(&pair, loop, &contexts, NULL);
        cr_expect(wire_until(loop, is_asked, &one));
        cr_expect(tls_stream_is_held(&pair.server.stream));
        kept_pair_close(&pair);
        cr_expect_eq(kept.cancelled, 1);
        cr_expect_eq(ERR_peek_error(), 0);
        end();
    }
}

/* Its task is queued, and must not run. */
Test(tls_handshake_kept, can_end_between_the_answer_and_the_turn)
{
    struct kept_pair pair;
    size_t one = 1;

    begin("P-256", TLS_VERSION_1_3);
    kept.holds = true;
    kept_pair_open(&pair, loop, &contexts, NULL);
    cr_expect(wire_until(loop, is_asked, &one));
    kept.task.run(&kept);
    cr_expect_eq(kept.answered, 1);
    kept_pair_close(&pair);
    wire_turn_for(loop, 10);
    end();
}

Test(tls_handshake_kept, waits_for_as_long_as_it_takes)
{
    struct kept_pair pair;

    begin("P-256", TLS_VERSION_1_2);
    kept.delay_ms = 300;
    shake(&pair);
    expect_good(&pair, "late");
    cr_expect_lt(pair.server.calls, 10);
    cr_expect_lt(pair.client.calls, 10);
    kept_pair_close(&pair);
    end();
}

/* Bytes that come meanwhile are neither read nor make the loop spin. */
Test(tls_handshake_kept, leaves_a_talkative_peer_unread)
{
    struct kept_pair pair;
    size_t one = 1;
    int calls;

    begin("P-256", TLS_VERSION_1_3);
    kept.holds = true;
    kept_pair_open(&pair, loop, &contexts, NULL);
    cr_expect(wire_until(loop, is_asked, &one));
    calls = pair.server.calls;
    wire_send(pair.client.stream.fd, "\x16\x03\x03\x00\x05hello", 10);
    wire_turn_for(loop, 50);
    cr_expect_lt(pair.server.calls, calls + 3);
    cr_expect(tls_stream_is_held(&pair.server.stream));
    kept_release(&kept);
    cr_expect(wire_until(loop, kept_pair_over, &pair));
    cr_expect_eq(pair.server.status, STREAM_FAILED);
    kept_pair_close(&pair);
    end();
}

Test(tls_handshake_kept, notices_a_reset_while_it_waits)
{
    struct kept_pair pair;
    size_t one = 1;

    begin("P-256", TLS_VERSION_1_3);
    kept.holds = true;
    kept_pair_open(&pair, loop, &contexts, NULL);
    cr_expect(wire_until(loop, is_asked, &one));
    stream_abort(&pair.client.stream);
    pair.client.status = STREAM_RESET;
    cr_expect(wire_until(loop, kept_pair_over, &pair));
    cr_expect_eq(pair.server.status, STREAM_RESET);
    cr_expect_str_eq(tls_stream_failure(&pair.server.stream),
        "Connection reset by peer");
    kept_pair_close(&pair);
    cr_expect_eq(kept.cancelled, 1);
    end();
}

static void
raise_limit(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void
open_many(struct kept_pair *pairs)
{
    size_t most = TLS_JOBS_MAX;

    raise_limit();
    kept.holds = true;
    for (int i = 0; i < MANY; i++)
        kept_pair_open(&pairs[i], loop, &contexts, NULL);
    cr_expect(wire_until(loop, is_asked, &most));
    wire_turn_for(loop, 50);
    cr_expect_eq(kept.asked, TLS_JOBS_MAX);
    cr_expect_eq(kept.signer.jobs.paused, TLS_JOBS_MAX);
    cr_expect_not(TAILQ_EMPTY(&kept.signer.jobs.line));
}

Test(tls_handshake_kept, stands_in_line_for_a_job)
{
    struct kept_pair *pairs = calloc(MANY, sizeof(*pairs));

    begin("P-256", TLS_VERSION_1_3);
    open_many(pairs);
    kept_release(&kept);
    for (int i = 0; i < MANY; i++)
        cr_expect(wire_until(loop, kept_pair_over, &pairs[i]));
    for (int i = 0; i < MANY; i++) {
        expect_good(&pairs[i], "in line");
        kept_pair_close(&pairs[i]);
    }
    cr_expect_eq(kept.asked, 2 * MANY);
    free(pairs);
    end();
}

/* A handshake that ends makes room for the next. */
Test(tls_handshake_kept, leaves_the_line)
{
    struct kept_pair *pairs = calloc(MANY, sizeof(*pairs));

    begin("P-256", TLS_VERSION_1_2);
    open_many(pairs);
    for (int i = MANY - 1; i > 0; i--) {
        kept_pair_close(&pairs[i]);
        if (i % 50 == 0)
            wire_turn_for(loop, 5);
    }
    kept_release(&kept);
    cr_expect(wire_until(loop, kept_pair_over, &pairs[0]));
    expect_good(&pairs[0], "first");
    kept_pair_close(&pairs[0]);
    free(pairs);
    end();
}

Test(tls_handshake_kept, resumes_without_a_signature)
{
    static const enum tls_version versions[] = { TLS_VERSION_1_2,
        TLS_VERSION_1_3 };

    for (size_t i = 0; i < COUNT(versions); i++) {
        struct tls_session_cache *resume = tls_session_cache_new();
        struct tls_facts facts;
        struct kept_pair pair;

        begin("P-256", versions[i]);
        for (int round = 0; round < 2; round++) {
            kept_pair_open(&pair, loop, &contexts, resume);
            cr_expect(wire_until(loop, kept_pair_over, &pair));
            expect_good(&pair, "resumed");
            cr_expect(tls_stream_facts(&pair.server.stream, &facts));
            cr_expect_eq(facts.resumed, round == 1);
            kept_pair_close(&pair);
        }
        cr_expect_eq(kept.asked, 2);
        tls_session_cache_free(resume);
        end();
    }
}

/* Outside of a stream there is nothing that could wait. */
Test(tls_handshake_kept, signs_for_streams_only)
{
    struct handshake shaken;

    begin("P-256", TLS_VERSION_1_3);
    shaken = handshake_between(
        contexts.client, contexts.server, "a.example", NULL);
    cr_expect_not(shaken.server_done);
    cr_expect_eq(kept.asked, 0);
    handshake_free(&shaken);
    end();
}
