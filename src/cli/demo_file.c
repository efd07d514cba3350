#include "cli/demo_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define SUFFIX ".pem"

/* Static because a signal handler has no other way to it. */
static char path[512];

static const int ending_signals[] = { SIGINT, SIGTERM };

static void
remove_and_exit(int number)
{
    (void)number;
    unlink(path);
    _exit(EXIT_SUCCESS);
}

static void
handle_signals(void (*handler)(int))
{
    for (size_t i = 0; i < COUNT(ending_signals); i++)
        (void)signal(ending_signals[i], handler);
}

/* The name is printed as part of a command, so it must not need quotes. */
static const char *
temporary_folder(void)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    const char *wanted = getenv("TMPDIR");

    if (wanted == NULL || wanted[0] != '/' || strlen(wanted) > 256 ||
        wanted[strspn(wanted, plain)] != '\0')
        return "/tmp";
    return wanted;
}

/* There is no moment at which the file is there and a signal leaves it so. */
static int
make_guarded(void)
{
    sigset_t ending, before;
    int fd;

    sigemptyset(&ending);
    for (size_t i = 0; i < COUNT(ending_signals); i++)
        sigaddset(&ending, ending_signals[i]);
    sigprocmask(SIG_BLOCK, &ending, &before);
    fd = mkostemps(path, (int)strlen(SUFFIX), O_CLOEXEC);
    if (fd >= 0)
        handle_signals(remove_and_exit);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return fd;
}

int
demo_file_make(struct error *error)
{
    int fd;

    snprintf(path, sizeof(path), "%s/sallyport-demo-XXXXXX" SUFFIX,
        temporary_folder());
    fd = make_guarded();
    if (fd < 0)
        error_add(error, "cannot make the temporary file %s: %s", path,
            strerror(errno));
    return fd;
}

const char *
demo_file_path(void)
{
    return path;
}

void
demo_file_remove(void)
{
    unlink(path);
    handle_signals(SIG_DFL);
}
