/*
 * A client and a server in one, to drive a relay between them.
 */
#include <sys/epoll.h>
#include <sys/resource.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ends.h"
#include "latency.h"
#include "modes.h"
#include "options.h"
#include "pattern.h"
#include "tls.h"

static const struct mode *const modes[] = { &mode_down, &mode_up, &mode_ping,
    &mode_churn, &mode_hold, &mode_slow, &mode_pace, &mode_shut };

static const struct mode *mode;
static bool phase_pending;
const struct options *mode_options;
struct measured measured;

static const struct mode *
find_mode(const char *name)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i]->name, name) == 0)
            return modes[i];
    fail("no such mode: %s", name);
}

static void
on_stdin(struct watch *watch, uint32_t events)
{
    char line[64];
    ssize_t n = read(watch->fd, line, sizeof(line));

    (void)events;
    if (n <= 0)
        fail("there is no caller to go on");
    if (phase_pending) {
        phase_pending = false;
        mode->proceed();
    }
}

/* Without a runner: at once, but not within the mode's own call. */
static void
on_own_accord(struct watch *watch, uint32_t events)
{
    char byte;

    (void)events;
    if (read(watch->fd, &byte, 1) == 1)
        mode->proceed();
}

static struct watch phases;
static int own_accord = -1;

void
phase_reached(const char *name)
{
    if (mode_options->phases) {
        phase_pending = true;
        puts(name);
        fflush(stdout);
    } else if (write(own_accord, "", 1) != 1) {
        fail("cannot write to a pipe");
    }
}

static void
prepare_phases(void)
{
    int ends[2];

    phases.ready = mode_options->phases ? on_stdin : on_own_accord;
    phases.fd = STDIN_FILENO;
    if (!mode_options->phases) {
        if (pipe(ends) < 0)
            fail("cannot make a pipe");
        phases.fd = ends[0];
        own_accord = ends[1];
    }
    loop_watch(&phases, EPOLLIN);
}

static void
on_alarm(int number)
{
    static const char text[] = "load: it took too long\n";

    (void)number;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        _exit(2);
    _exit(1);
}

static void
raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static double
cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
        (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
report(void)
{
    printf("{\"mode\":\"%s\",\"connections\":%u,\"units\":%llu,"
           "\"checked_bytes\":%llu,",
        mode->name, mode_options->connections,
        (unsigned long long)measured.units,
        (unsigned long long)measured.checked_bytes);
    latency_print(stdout);
    tls_print(stdout);
    ends_print(stdout);
    printf("\"load_cpu_seconds\":%.6f,\"seconds\":%.6f}\n", cpu_seconds(),
        (double)(measured.to_ns - measured.from_ns) / 1e9);
}

int
main(int argc, char **argv)
{
    struct options options;

    options_read(&options, argc, argv);
    mode = find_mode(options.mode);
    mode_options = &options;
    options.large_reads = mode->large_reads;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGALRM, on_alarm);
    alarm(options.limit_s);
    raise_limits();
    pattern_make(1);
    prepare_phases();
    ends_prepare(&options, mode);
    mode->start();
    loop_run();
    report();
    ends_free();
    return 0;
}
