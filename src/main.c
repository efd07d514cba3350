#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/command_line.h"
#include "cli/help.h"
#include "roles/role_main.h"
#include "roles/role_start.h"

static command_fn *const runs[COMMAND_COUNT] = {
    [COMMAND_RUN] = command_run,
    [COMMAND_CHECK] = command_check,
    [COMMAND_CONFIG_SHOW] = command_config_show,
    [COMMAND_INIT] = command_init,
    [COMMAND_TUNNEL] = command_tunnel,
    [COMMAND_DEMO] = command_demo,
    [COMMAND_VERB] = command_verb,
    [COMMAND_SELFTEST] = command_selftest,
    [COMMAND_COMPLETION] = command_completion,
    [COMMAND_HELP] = command_help,
    [COMMAND_VERSION] = command_version,
};

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

/* Words that are not understood, or too few: nothing is done. */
static int
refuse_words(const struct command_line *line, struct error *error)
{
    if (!error_any(error) && line->command == NULL) {
        help_list_commands(stderr);
        return EXIT_USAGE;
    }
    return command_refuse(line, error);
}

static int
run_command(int count, char *const *words)
{
    struct command_line line;
    struct error error = { 0 };
    bool good = command_line_parse(&line, count, words, &error);

    if (good && command_line_has(&line, FLAG_HELP))
        return command_help(&line);
    if (!good || line.command == NULL)
        return refuse_words(&line, &error);
    return runs[line.command->id](&line);
}

int
main(int count, char **arguments)
{
    fill_standard_descriptors();
    /* These signals would end us: a log rotation may come before we are the
     * daemon. */
    (void)signal(SIGHUP, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN);
    (void)signal(SIGUSR2, SIG_IGN);
    if (count == 1 && role_start_is_title(arguments[0]))
        return role_main(arguments[0]);
    return check_output(run_command(count > 0 ? count - 1 : 0, arguments + 1));
}
