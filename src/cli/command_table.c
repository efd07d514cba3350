#include "cli/command_table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct command_flag_info flags[] = {
    [FLAG_CONFIG] = { .name = "config", .letter = 'c', .value = "FILE",
        .help = "the configuration; " DEFAULT_CONFIG " without it" },
    [FLAG_SOCKET] = { .name = "socket", .letter = 's', .value = "SOCKET",
        .help = "the daemon's control socket, in place of -c" },
    [FLAG_JSON] = { .name = "json",
        .help = "print an object of JSON, with all counters" },
    [FLAG_RUNNING] = { .name = "running",
        .help = "ask the daemon that runs" },
    [FLAG_USER] = { .name = "user", .value = "USER",
        .help = "check what that user may read, as root" },
    [FLAG_STRICT] = { .name = "strict",
        .help = "take warnings for errors: exit code 1" },
    [FLAG_QUIET] = { .name = "quiet", .letter = 'q',
        .help = "print nothing unless something is wrong" },
    [FLAG_CONNECT] = { .name = "connect",
        .help = "connect to each server too, and say what is found" },
    [FLAG_HELP] = { .name = "help", .letter = 'h',
        .help = "say what a command does, with an example" },
    [FLAG_TEST] = { .letter = 't',
        .help = "the same as the command check" },
    [FLAG_VERSION] = { .name = "version", .letter = 'V',
        .help = "the same as the command version" },
};

static_assert(COUNT(flags) == FLAG_COUNT, "every flag has its row");

static const char *const kinds_of_init[] = {
    "web", "tunnel-client", "tunnel-server", "forward", NULL,
};

static const char *const shells[] = { "bash", "zsh", NULL };

/* Commands that need no daemon: the verbs stand between the two parts. */
static const struct command first_part[] = {
    { .name = "run", .id = COMMAND_RUN, .flags = FLAG_BIT(CONFIG),
      .takes = OPERANDS_FILE,
      .help = "serve in the foreground",
      .text = "Serves what the configuration says, until a signal ends it. "
          "What is wrong with the configuration is told on standard error, "
          "and then nothing is started.",
      .example = "sallyport run -c sallyport.ini\n" },
    { .name = "check", .id = COMMAND_CHECK,
      .flags = FLAG_BIT(CONFIG) | FLAG_BIT(USER) | FLAG_BIT(STRICT) |
          FLAG_BIT(QUIET) | FLAG_BIT(CONNECT),
      .takes = OPERANDS_FILE,
      .help = "say everything that is wrong with a configuration",
      .text = "Reads the configuration and all files that it names, and says "
          "everything that is wrong with them, in the order of lines, errors "
          "and warnings; then what each service does. Addresses are not bound, "
          "so it disturbs no daemon that runs. With --connect it resolves, "
          "connects to and shakes hands with each server, sends nothing else, "
          "and prints a line for each; without it no name is looked up. "
          "Root asks as the user of the unit whose configuration it is, if "
          "there is one: --user names another.",
      .example = "sallyport check sallyport.ini\n"
          "sallyport check --connect sallyport.ini\n" },
    { .name = "config show", .id = COMMAND_CONFIG_SHOW,
      .flags = FLAG_BIT(CONFIG), .takes = OPERANDS_FILE,
      .help = "every option, its value, and where it comes from",
      .text = "Prints the configuration as it is in effect, defaults "
          "included. The result can be read again as a configuration.",
      .example = "sallyport config show | grep timeout\n" },
    { .name = "init", .id = COMMAND_INIT, .takes = OPERANDS_ONE,
      .operand = "KIND", .words = kinds_of_init,
      .help = "print a commented configuration to begin with",
      .text = "KIND is web (TLS in front of a web server), tunnel-client "
          "(plain on this machine, TLS to a server), tunnel-server (TLS for "
          "clients that show a certificate, plain to a server) or forward "
          "(no TLS).",
      .example = "sallyport init web > sallyport.ini\n"
          "sallyport check sallyport.ini\n" },
    { .name = "tunnel", .id = COMMAND_TUNNEL, .takes = OPERANDS_ALL,
      .operand = "LISTEN CONNECT [--OPTION=VALUE ...]",
      .help = "serve one relay without a file",
      .text = "LISTEN and CONNECT are endpoints, such as 127.0.0.1:5432, "
          "tls://example.net:443 or unix:/run/x.sock. OPTION is any option of "
          "a service or of [global] but include and control.",
      .example = "sallyport tunnel 127.0.0.1:5432 tls://db.example.net:5433\n"
          "sallyport tunnel tls://*:8443 127.0.0.1:8080 "
          "--listen.cert=web.pem\n" },
    { .name = "demo", .id = COMMAND_DEMO, .takes = OPERANDS_NONE,
      .help = "try TLS at once: nothing to set up",
      .text = "Serves a small page over TLS on a free port of this machine, "
          "with a certificate made for the purpose, and prints the commands "
          "that try it.",
      .example = "sallyport demo\n" },
};

static const struct command last_part[] = {
    { .name = "selftest sandbox", .id = COMMAND_SELFTEST,
      .takes = OPERANDS_NONE,
      .help = "try what confined processes must not be able to do",
      .text = "Tries it for each kind of process, and prints a table. The "
          "exit code is 1 if anything was allowed that could have been "
          "forbidden, or failed that a duty takes.",
      .example = "sallyport selftest sandbox\n" },
    { .name = "completion", .id = COMMAND_COMPLETION, .takes = OPERANDS_ONE,
      .operand = "SHELL", .words = shells,
      .help = "print what has a shell complete these words",
      .text = "SHELL is bash or zsh. A package installs both; elsewhere this "
          "puts them into the shell that runs.",
      .example = "source <(sallyport completion bash)\n"
          "sallyport completion zsh > ~/.zfunc/_sallyport\n" },
    { .name = "help", .id = COMMAND_HELP, .takes = OPERANDS_SOME,
      .operand = "[COMMAND | OPTION | counters]",
      .help = "this, or what a command or an option does",
      .text = "Without a word it lists all commands and all options of the "
          "configuration; counters is what `status --json` counts.",
      .example = "sallyport help check\nsallyport help listen.verify\n" },
    { .name = "version", .id = COMMAND_VERSION,
      .flags = FLAG_BIT(RUNNING) | FLAG_BIT(CONFIG) | FLAG_BIT(SOCKET),
      .takes = OPERANDS_NONE,
      .help = "versions and features",
      .text = "Prints the version of the program, those of the libraries that "
          "it was built with and runs with, and what was built in; with "
          "--running those of the daemon that runs.",
      .example = "sallyport version --running\n" },
};

static size_t
count_verbs(void)
{
    size_t count = 0;

    for (enum verb verb = 0; verb < VERB_COUNT; verb++)
        count += verbs_info(verb)->help != NULL;
    return count;
}

static const struct command *
command_of_verb(enum verb verb)
{
    static struct command commands[VERB_COUNT];
    const struct verb_info *info = verbs_info(verb);

    commands[verb] = (struct command){
        .name = info->name,
        .id = COMMAND_VERB,
        .verb = verb,
        .flags = FLAG_BIT(CONFIG) | FLAG_BIT(SOCKET) |
            (info->has_json ? FLAG_BIT(JSON) : 0),
        .takes = info->argument != NULL ? OPERANDS_ONE : OPERANDS_NONE,
        .operand = info->argument,
        .help = info->help,
        .text = info->text,
        .example = info->example,
    };
    return &commands[verb];
}

/* Of those that have a command. */
static const struct command *
verb_at(size_t index)
{
    enum verb verb = 0;

    while (verbs_info(verb)->help == NULL || index-- > 0)
        verb++;
    return command_of_verb(verb);
}

size_t
command_table_count(void)
{
    return COUNT(first_part) + count_verbs() + COUNT(last_part);
}

const struct command *
command_table_at(size_t index)
{
    size_t verbs = count_verbs();

    if (index < COUNT(first_part))
        return &first_part[index];
    index -= COUNT(first_part);
    if (index < verbs)
        return verb_at(index);
    assert(index - verbs < COUNT(last_part));
    return &last_part[index - verbs];
}

const struct command *
command_table_find(const char *name)
{
    for (size_t i = 0; i < command_table_count(); i++)
        if (strcmp(command_table_at(i)->name, name) == 0)
            return command_table_at(i);
    return NULL;
}

const struct command *
command_table_first_of(const char *word)
{
    size_t length = strlen(word);

    for (size_t i = 0; i < command_table_count(); i++) {
        const struct command *command = command_table_at(i);

        if (strncmp(command->name, word, length) == 0 &&
            command->name[length] == ' ')
            return command;
    }
    return NULL;
}

const struct command_flag_info *
command_table_flag(enum command_flag flag)
{
    assert((unsigned)flag < FLAG_COUNT);
    return &flags[flag];
}

static bool
has_flag(const struct command *command, enum command_flag flag)
{
    return (command->flags >> flag & 1) != 0;
}

/* "[-c FILE | -s SOCKET]" */
static const char *
daemon_synopsis(const struct command *command)
{
    if (has_flag(command, FLAG_RUNNING))
        return " [--running [-c FILE | -s SOCKET]]";
    if (has_flag(command, FLAG_SOCKET))
        return " [-c FILE | -s SOCKET]";
    if (command->takes == OPERANDS_FILE)
        return " [[-c] FILE]";
    return "";
}

const char *
command_table_synopsis(
    const struct command *command, char text[COMMAND_SYNOPSIS_SIZE])
{
    int used = snprintf(
        text, COMMAND_SYNOPSIS_SIZE, "%s", daemon_synopsis(command));

    for (enum command_flag flag = 0; flag < FLAG_COUNT; flag++)
        if (has_flag(command, flag) && flag != FLAG_CONFIG &&
            flag != FLAG_SOCKET && flag != FLAG_RUNNING)
            used += snprintf(text + used, COMMAND_SYNOPSIS_SIZE - (size_t)used,
                " [--%s%s%s]", flags[flag].name,
                flags[flag].value != NULL ? " " : "",
                flags[flag].value != NULL ? flags[flag].value : "");
    if (command->operand != NULL)
        used += snprintf(text + used, COMMAND_SYNOPSIS_SIZE - (size_t)used,
            " %s", command->operand);
    assert(used < COMMAND_SYNOPSIS_SIZE);
    return text;
}
