#include "cli/command_line.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/error.h"

enum { WORDS_MAX = 8 };

/* Parses words that are separated by blanks, in `text`; a word '' is empty. */
static bool
parse(struct command_line *line, char *text, struct error *error)
{
    static char *words[WORDS_MAX];
    char *word;
    int count = 0;

    while ((word = strsep(&text, " ")) != NULL)
        if (*word != '\0')
            words[count++] = strcmp(word, "''") == 0 ? word + 2 : word;
    return command_line_parse(line, count, words, error);
}

Test(command_line, takes_flags_wherever_they_stand)
{
    static const struct {
        const char *words, *command, *file, *socket;
        unsigned flags;
    } cases[] = {
        { "run", "run", NULL, NULL, 0 },
        { "run -c x", "run", "x", NULL, FLAG_BIT(CONFIG) },
        { "run -cx", "run", "x", NULL, FLAG_BIT(CONFIG) },
        { "-c x run", "run", "x", NULL, FLAG_BIT(CONFIG) },
        { "run --config x", "run", "x", NULL, FLAG_BIT(CONFIG) },
        { "--config=x run", "run", "x", NULL, FLAG_BIT(CONFIG) },
        { "run x", "run", "x", NULL, 0 },
        { "check x", "check", "x", NULL, 0 },
        { "check -- -x", "check", "-x", NULL, 0 },
        { "config show", "config show", NULL, NULL, 0 },
        { "-c x config show", "config show", "x", NULL, FLAG_BIT(CONFIG) },
        { "config show x", "config show", "x", NULL, 0 },
        { "-t", "check", NULL, NULL, 0 },
        { "-t x", "check", "x", NULL, 0 },
        { "-t -c x", "check", "x", NULL, FLAG_BIT(CONFIG) },
        { "-c x -t", "check", "x", NULL, FLAG_BIT(CONFIG) },
        { "-tc x", "check", "x", NULL, FLAG_BIT(CONFIG) },
        { "run -t", "check", NULL, NULL, 0 },
        { "-t run x", "check", "x", NULL, 0 },
        { "check -t x", "check", "x", NULL, 0 },
        { "-V", "version", NULL, NULL, 0 },
        { "--version", "version", NULL, NULL, 0 },
        { "version --running -s y", "version", NULL, "y",
            FLAG_BIT(RUNNING) | FLAG_BIT(SOCKET) },
        { "--json status", "status", NULL, NULL, FLAG_BIT(JSON) },
        { "status --socket=y --json", "status", NULL, "y",
            FLAG_BIT(SOCKET) | FLAG_BIT(JSON) },
        { "-h", NULL, NULL, NULL, FLAG_BIT(HELP) },
        { "--help run", "run", NULL, NULL, FLAG_BIT(HELP) },
        { "init --help", "init", NULL, NULL, FLAG_BIT(HELP) },
        { "config --help", "config show", NULL, NULL, FLAG_BIT(HELP) },
        { "drain x -h", "drain", NULL, NULL, FLAG_BIT(HELP) },
        { "tunnel -h", "tunnel", NULL, NULL, FLAG_BIT(HELP) },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char *words = strdup(cases[i].words);
        struct command_line line;
        struct error error = { 0 };

        cr_expect(parse(&line, words, &error), "%s: %s", cases[i].words,
            error_first(&error));
        cr_expect_str_eq(line.command != NULL ? line.command->name : "",
            cases[i].command != NULL ? cases[i].command : "", "%s",
            cases[i].words);
        cr_expect_str_eq(line.file,
            cases[i].file != NULL ? cases[i].file : DEFAULT_CONFIG, "%s",
            cases[i].words);
        cr_expect_str_eq(line.socket != NULL ? line.socket : "",
            cases[i].socket != NULL ? cases[i].socket : "", "%s",
            cases[i].words);
        cr_expect_eq(line.flags, cases[i].flags, "%s", cases[i].words);
        error_clear(&error);
        free(words);
    }
}

Test(command_line, keeps_operands)
{
    char drain[] = "drain -c x web", help[] = "help config show";
    char tunnel[] = "tunnel a b --config=c -t";
    struct command_line line;
    struct error error = { 0 };

    cr_assert(parse(&line, drain, &error));
    cr_expect_eq(line.operand_count, 1);
    cr_expect_str_eq(line.operands[0], "web");
    cr_assert(parse(&line, help, &error));
    cr_expect_eq(line.operand_count, 2);
    cr_expect_str_eq(line.operands[1], "show");
    cr_assert(parse(&line, tunnel, &error));
    cr_expect_eq(line.operand_count, 0);
    cr_expect_eq(line.rest_count, 4);
    cr_expect_str_eq(line.rest[2], "--config=c");
    cr_expect_eq(line.flags, 0);
}

Test(command_line, names_the_wrong_word_and_what_it_may_mean)
{
    static const struct { const char *words, *said; } cases[] = {
        { "rnu", "there is no command \"rnu\"; did you mean \"run\"?" },
        { "chekc x", "\"chekc\"; did you mean \"check\"?" },
        { "serve", "\"serve\"; that is `sallyport run`" },
        { "configtest", "`sallyport check`" },
        { "stop", "systemctl stop" },
        { "restart", "`sallyport reload`" },
        { "/etc/x", "\"/etc/x\"; to serve what a file says, write "
            "`sallyport run FILE`" },
        { "web.ini", "`sallyport run FILE`" },
        { "nonsense", "there is no command \"nonsense\"" },
        { "''", "there is no command \"\"" },
        { "config", "there is no command \"config\"; did you mean \"config "
            "show\"?" },
        { "config list", "\"config list\"; did you mean \"config show\"?" },
        { "config shwo", "\"config shwo\"; did you mean \"config show\"?" },
        { "confgi show", "\"confgi\"; did you mean \"config show\"?" },
        { "selftest", "did you mean \"selftest sandbox\"?" },
        { "run --confgi x", "\"--confgi\"; did you mean --config?" },
        { "run -x", "there is no flag \"-x\"" },
        { "run -f x", "\"-f\"; write -c FILE" },
        { "run -c=x", "\"-c=x\"; write -c FILE or --config=FILE" },
        { "run --daemon", "stays in the foreground" },
        { "-v", "write -V" },
        { "--reload", "\"--reload\"; that is a command: write `sallyport "
            "reload`" },
        { "run --log_level=debug", "an option of the configuration" },
        { "run -c", "-c needs a FILE behind it" },
        { "run -c ''", "-c needs a FILE behind it" },
        { "run --config=", "-c needs a FILE behind it" },
        { "status -s", "-s needs a SOCKET behind it" },
        { "run -c x -c y", "the FILE is named twice: \"x\" and \"y\"" },
        { "run -c x y", "the FILE is named twice: \"x\" and \"y\"" },
        { "check x y", "the FILE is named twice: \"x\" and \"y\"" },
        { "run ''", "does not take an empty word" },
        { "status --json=yes", "--json takes no value, and here is \"yes\"" },
        { "run --json", "run takes no --json" },
        { "--json run", "run takes no --json" },
        { "reload -t", "-t stands for the command check, and here is reload" },
        { "run -V", "-V stands for the command version, and here is run" },
        { "-c x", "-c is there, but no command" },
        { "demo x", "\"x\" is one word too many for demo" },
        { "status /x.ini", "\"/x.ini\" is one word too many for status; the "
            "configuration is named with -c FILE" },
        { "drain -c /nonexistent/x.ini", "drain needs a SERVICE behind it" },
        { "drain -c " SOURCE_DIR "/conf/sallyport.ini", "drain needs a SERVICE "
            "behind it; write example" },
        { "drain a b", "\"b\" is one word too many for drain" },
        { "init", "init needs a KIND behind it; write web, tunnel-client, "
            "tunnel-server or forward" },
        { "completion", "completion needs a SHELL behind it; write bash or zsh" },
        { "init wbe", "init does not know \"wbe\"; did you mean \"web\"?" },
        { "init mail", "\"mail\"; write web, tunnel-client, tunnel-server or "
            "forward" },
        { "completion fish", "\"fish\"; write bash or zsh" },
        { "help a b c", "\"c\" is one word too many for help" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char *words = strdup(cases[i].words);
        struct command_line line;
        struct error error = { 0 };

        cr_expect_not(parse(&line, words, &error), "%s", cases[i].words);
        cr_expect_eq(error.count, 1, "%s", cases[i].words);
        cr_expect_not_null(strstr(error_first(&error), cases[i].said),
            "%s: %s", cases[i].words, error_first(&error));
        error_clear(&error);
        free(words);
    }
}

Test(command_line, may_be_empty)
{
    struct command_line line;
    struct error error = { 0 };

    cr_expect(command_line_parse(&line, 0, NULL, &error));
    cr_expect_null(line.command);
    cr_expect_eq(line.flags, 0);
}
