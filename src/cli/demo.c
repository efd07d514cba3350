#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/demo_backend.h"
#include "cli/demo_certificate.h"
#include "cli/demo_file.h"
#include "cli/demo_port.h"
#include "config/config.h"
#include "master/master.h"

/* Many more than one person opens, few enough for any limit on descriptors. */
static char max_connections[] = "--max_connections=100";
static char workers[] = "--workers=1";
static char drain_timeout[] = "--drain_timeout=2s";

static const char explanation[] =
    "Sallyport listens with TLS on localhost:%u.  Behind it, on 127.0.0.1:%u, "
    "is\n"
    "a small server that knows nothing of TLS.  In another terminal, ask for "
    "a page:\n"
    "\n"
    "    curl --cacert %s https://localhost:%u/\n"
    "\n"
    "or have each line that you type sent back, until Ctrl-C:\n"
    "\n"
    "    openssl s_client -quiet -verify_return_error -verify_hostname "
    "localhost -CAfile %s -connect localhost:%u\n"
    "\n"
    "The file is the certificate of an authority that was made for this demo "
    "and\n"
    "whose key is forgotten already; the server's key is in memory only.  "
    "Ctrl-C\n"
    "here ends the demo and removes the file.\n"
    "\n";

/* False: standard output fails, so the user would not see what to try. */
static bool
print_explanation(const struct demo_port *port,
    const struct demo_backend *backend)
{
    const char *ca = demo_file_path();

    return printf(explanation, port->number, backend->port, ca, port->number,
               ca, port->number) > 0 &&
        fflush(stdout) == 0;
}

/* What the configuration is made of. */
struct demo {
    const struct demo_port *port;
    const struct demo_backend *backend;
    int cert_fd;
    bool explained;
};

/* The same words that `sallyport tunnel` takes. */
static struct config *
load_demo_config(void *arg, struct error *error)
{
    struct demo *demo = arg;
    char ipv4[48], ipv6[48], server[48], cert[64];
    char *items[] = { ipv4, server, cert, workers, max_connections,
        drain_timeout, ipv6 };
    struct command_words words = { COUNT(items), items };
    struct config *config;

    snprintf(ipv4, sizeof(ipv4), "tls://127.0.0.1:%u", demo->port->number);
    snprintf(
        ipv6, sizeof(ipv6), "--listen=tls://[::1]:%u", demo->port->number);
    snprintf(server, sizeof(server), "127.0.0.1:%u", demo->backend->port);
    snprintf(
        cert, sizeof(cert), "--listen.cert=/proc/self/fd/%d", demo->cert_fd);
    if (demo->port->fds[1] < 0)
        words.count--;
    config = command_load_words(&words, error);
    if (config != NULL && !demo->explained)
        demo->explained = print_explanation(demo->port, demo->backend);
    if (config != NULL && !demo->explained) {
        error_add(error, "cannot write to standard output");
        config_unref(config);
        return NULL;
    }
    return config;
}

/* A file that is nowhere but in this process, and ends with it. */
static int
open_memory(struct error *error)
{
    int fd = memfd_create("sallyport-demo", MFD_CLOEXEC);

    if (fd < 0 || fchmod(fd, S_IRUSR | S_IWUSR) < 0)
        error_add(error, "cannot keep a file in memory: %s", strerror(errno));
    return fd;
}

static int
serve_demo(const struct demo_port *port, const struct demo_backend *backend,
    int cert_fd)
{
    struct demo demo = { port, backend, cert_fd, false };
    const struct config_source source = {
        .load = load_demo_config,
        .arg = &demo,
        .is_demo = true,
    };
    bool loaded;

    return master_run(&source, &loaded);
}

static int
with_certificates(
    const struct demo_port *port, const struct demo_backend *backend)
{
    struct error error = { 0 };
    int ca_fd = demo_file_make(&error);
    int cert_fd = ca_fd >= 0 ? open_memory(&error) : -1;
    int code = EXIT_FAILURE;

    if (cert_fd >= 0 && !error_any(&error) &&
        demo_certificate_write(ca_fd, cert_fd, &error))
        code = serve_demo(port, backend, cert_fd);
    error_print(&error);
    if (cert_fd >= 0)
        close(cert_fd);
    if (ca_fd >= 0) {
        close(ca_fd);
        demo_file_remove();
    }
    return code;
}

static int
run_demo(void)
{
    struct error error = { 0 };
    struct demo_backend backend;
    struct demo_port port;
    int code = EXIT_FAILURE;

    if (demo_port_reserve(&port, &error)) {
        if (demo_backend_start(&backend, &error)) {
            code = with_certificates(&port, &backend);
            demo_backend_stop(&backend);
        }
        demo_port_release(&port);
    }
    error_print(&error);
    return code;
}

/* sallyport demo */
int
command_demo(const struct command_line *line)
{
    (void)line;
    /* A reader that goes away must not keep the file from being removed. */
    (void)signal(SIGPIPE, SIG_IGN);
    return run_demo();
}
