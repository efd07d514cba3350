#include "tls/tls_init.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <openssl/provider.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "handshake.h"
#include "kept.h"
#include "net/wire.h"
#include "pki.h"

static void
tear_down(void)
{
    pki_clean();
}

TestSuite(tls_init, .fini = tear_down, .timeout = 60);

Test(tls_init, may_run_again)
{
    struct error error = { 0 };

    cr_expect(tls_init(&error));
    cr_expect(tls_init(&error));
    cr_expect_not(error_any(&error));
    cr_expect_eq(OSSL_PROVIDER_available(NULL, "sallyport"), 1);
}

/* In a process that can open nothing.  Returns an exit code. */
static int
shake_without_files(struct kept_pair *pair, struct loop *loop)
{
    struct rlimit none = { 0, 0 };

    if (setrlimit(RLIMIT_NOFILE, &none) != 0 || dup(1) >= 0)
        return 2;
    if (!wire_until(loop, kept_pair_over, pair))
        return 3;
    return pair->client.status == STREAM_OK &&
            pair->server.status == STREAM_OK ? 0 : 4;
}

static int
child(struct kept_spec *spec)
{
    struct service_config service = kept_service(spec);
    struct loop *loop = loop_new();
    struct kept_signer kept;
    struct kept_contexts contexts;
    struct kept_pair pair;

    kept_signer_open(&kept, loop, &service);
    contexts = kept_contexts(&service, &kept.signer, &kept.signer);
    kept_pair_open(&pair, loop, &contexts, NULL);
    return shake_without_files(&pair, loop);
}

/* This process itself makes no context and no handshake. */
Test(tls_init, leaves_children_nothing_to_open)
{
    struct pki ca = pki_ca("CA", NULL);
    struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf",
        .san = "DNS:a.example" }, &ca);
    struct kept_spec spec = { .cert = pki_both("leaf.pem", &leaf),
        .ca = pki_cert("ca.pem", &ca), .version = TLS_VERSION_1_3 };
    struct error error = { 0 };
    int status;
    pid_t pid;

    handshake_log(pki_text("log", "", 0));
    cr_assert(tls_init(&error));
    pid = fork();
    if (pid == 0)
        _exit(child(&spec));
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_expect(WIFEXITED(status));
    cr_expect_eq(WEXITSTATUS(status), 0);
    pki_free(&leaf);
    pki_free(&ca);
}
