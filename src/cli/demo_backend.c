#include "cli/demo_backend.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/demo_port.h"
#include "cli/demo_server.h"

static const char page[] =
    "It works.\n"
    "\n"
    "This page comes from a small web server that knows nothing of TLS.\n"
    "Your request went to Sallyport over TLS, and from there to it as plain "
    "TCP;\n"
    "the answer took the same way back.\n";

/* The child's whole life. */
static void
be_server(int listening, int lifeline, pid_t parent)
{
    /* Ctrl-C reaches the whole process group; the relay may still have bytes
     * to deliver, so this end waits until the relay is done. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_NAME, "sallyport:demo");
    exit(demo_server_run(listening, lifeline, parent, page) ? EXIT_SUCCESS
                                                            : EXIT_FAILURE);
}

static bool
start_server_process(struct demo_backend *backend, int listening)
{
    pid_t parent = getpid();
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    backend->pid = fork();
    if (backend->pid == 0) {
        close(ends[1]);
        be_server(listening, ends[0], parent);
    }
    close(ends[0]);
    if (backend->pid < 0) {
        close(ends[1]);
        return false;
    }
    backend->lifeline = ends[1];
    return true;
}

bool
demo_backend_start(struct demo_backend *backend, struct error *error)
{
    int listening = demo_port_open(AF_INET, 0, &backend->port);
    bool ok = listening >= 0 && listen(listening, SOMAXCONN) == 0 &&
        start_server_process(backend, listening);

    if (!ok)
        error_add(error, "cannot start the demo's server: %s", strerror(errno));
    if (listening >= 0)
        close(listening);
    return ok;
}

void
demo_backend_stop(struct demo_backend *backend)
{
    close(backend->lifeline);
    while (waitpid(backend->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}
