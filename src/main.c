#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/verbs.h"
#include "base/base.h"
#include "cli/command.h"
#include "roles/role_main.h"
#include "roles/role_start.h"

static const struct {
    const char *name;
    command_fn *run;
} commands[] = {
    { "run", command_run },
    { "check", command_check },
    { "config", command_config },
    { "tunnel", command_tunnel },
    { "demo", command_demo },
    { "selftest", command_selftest },
    { "version", command_version },
    { "--version", command_version },
    { "help", command_help },
    { "--help", command_help },
    { "-h", command_help },
};

static command_fn *
find_command(const char *name)
{
    enum verb verb;

    for (size_t i = 0; i < COUNT(commands); i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run;
    return verbs_find(name, strlen(name), &verb) &&
            verbs_info(verb)->help != NULL
        ? command_verb : NULL;
}

/* If we were started without standard descriptors, the first sockets opened
 * would get their numbers, and our messages. */
static void
fill_standard_descriptors(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* What was printed may be a file by now, of which half is worse than none. */
static int
check_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    perror("sallyport: cannot write to standard output");
    return EXIT_FAILURE;
}

int
main(int count, char **arguments)
{
    command_fn *run;

    fill_standard_descriptors();
    /* These signals would end us: a log rotation may come before we are the
     * daemon. */
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN);
    (void)signal(SIGUSR2, SIG_IGN);
    if (count == 1 && role_start_is_title(arguments[0]))
        return role_main();
    run = count > 1 ? find_command(arguments[1]) : NULL;
    if (run != NULL)
        return check_output(run(count - 1, arguments + 1));
    if (count > 1)
        fprintf(stderr, "sallyport: there is no command \"%s\"\n",
            arguments[1]);
    fputs("sallyport: try `sallyport help`\n", stderr);
    return EXIT_USAGE;
}
