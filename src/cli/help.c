#include "cli/help.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/metrics.h"
#include "cli/command.h"
#include "cli/command_advice.h"
#include "cli/command_line.h"
#include "config/config_help.h"

enum { HELP_COLUMN = 27, FLAG_COLUMN = 23, LISTED_VALUES_MAX = 7 };

/* What does not fit before the column has a line of its own. */
static void
pad_to(int column, int width, FILE *out)
{
    if (width >= column) {
        fputc('\n', out);
        width = 0;
    }
    fprintf(out, "%*s", column - width, "");
}

void
help_list_commands(FILE *out)
{
    fputs("usage: sallyport COMMAND [ARGUMENTS]\n\n", out);
    for (size_t i = 0; i < command_table_count(); i++) {
        const struct command *command = command_table_at(i);
        int width = fprintf(out, "  %s%s%s", command->name,
            command->operand != NULL ? " " : "",
            command->operand != NULL ? command->operand : "");

        pad_to(HELP_COLUMN, width, out);
        fprintf(out, "%s\n", command->help);
    }
    fputs("\n`sallyport COMMAND --help` says more of each.\n", out);
}

static void
list_flag(enum command_flag flag, FILE *out)
{
    const struct command_flag_info *info = command_table_flag(flag);
    int width = fprintf(out, "  ");

    if (info->letter != 0)
        width += fprintf(out, "-%c", info->letter);
    if (info->letter != 0 && info->name != NULL)
        width += fprintf(out, ", ");
    if (info->name != NULL)
        width += fprintf(out, "--%s", info->name);
    if (info->value != NULL)
        width += fprintf(out, " %s", info->value);
    pad_to(FLAG_COLUMN, width, out);
    fprintf(out, "%s\n", info->help);
}

/* The flags of the set. */
static void
list_flags(unsigned set, FILE *out)
{
    for (enum command_flag flag = 0; flag < FLAG_COUNT; flag++)
        if ((set >> flag & 1) != 0)
            list_flag(flag, out);
}

static void
explain_command(const struct command *command)
{
    char synopsis[COMMAND_SYNOPSIS_SIZE];
    const char *line = command->example;

    printf("usage: sallyport %s%s\n\n", command->name,
        command_table_synopsis(command, synopsis));
    config_help_wrap(command->text, stdout);
    if (command->flags != 0)
        putchar('\n');
    list_flags(command->flags, stdout);
    puts("\nFor example:\n");
    for (; *line != '\0'; line += strcspn(line, "\n") + 1)
        printf("    %.*s\n", (int)strcspn(line, "\n"), line);
}

/* " (listen, connect)"; of many values nothing: they would hide what is said. */
static void
print_values(const char *const *values)
{
    if (values[LISTED_VALUES_MAX] != NULL)
        return;
    for (size_t i = 0; values[i] != NULL; i++)
        printf("%s%s", i > 0 ? ", " : " (", values[i]);
    putchar(')');
}

/* " By leg (listen, connect) and version (1.2, 1.3)." */
static void
print_labels(const struct metric *metric)
{
    for (const struct metric_label *label = metric->labels;
         label->name != NULL; label++) {
        printf("%s %s", label == metric->labels ? " By" : " and",
            label->name);
        print_values(label->values);
        if (label[1].name == NULL)
            putchar('.');
    }
}

static void
list_counters(void)
{
    fputs("What `sallyport status --json` counts, for each service and for all "
        "of them:\n\n", stdout);
    for (size_t i = 0; i < metrics_count(); i++) {
        const struct metric *metric = metrics_at(i);

        printf("  %-19s %-12s %s", metric->name, metric->unit, metric->help);
        print_labels(metric);
        putchar('\n');
    }
}

/* What is asked for goes to stdout; that there is no such thing, to stderr. */
static int
explain_option(const char *option)
{
    char *text = NULL, advice[COMMAND_ADVICE_SIZE];
    size_t length;
    FILE *memory = open_memstream(&text, &length);
    struct error error = { 0 };
    bool found;

    if (memory == NULL) {
        perror("sallyport: help");
        return EXIT_FAILURE;
    }
    found = config_help(option, memory);
    fclose(memory);
    if (found)
        fputs(text, stdout);
    else if (*command_advice_command(option, advice) != '\0')
        error_add(
            &error, "there is no command \"%s\"%s", option, advice);
    else
        error_add(&error, "%.*s", (int)strcspn(text, "\n"), text);
    error_print(&error);
    free(text);
    return found ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
explain_word(const char *word)
{
    const struct command *command = command_table_find(word);

    if (command == NULL)
        command = command_table_first_of(word);
    if (command == NULL && strcmp(word, "counters") != 0)
        return explain_option(word);
    if (command != NULL)
        explain_command(command);
    else
        list_counters();
    return EXIT_SUCCESS;
}

/* A command that has two words. */
static int
explain_two_words(const struct command_line *line)
{
    const struct command *command = NULL;
    struct error error = { 0 };
    char *name;

    if (asprintf(&name, "%s %s", line->operands[0], line->operands[1]) >= 0) {
        command = command_table_find(name);
        free(name);
    }
    if (command == NULL) {
        error_add(&error, "there is no command \"%s %s\"", line->operands[0],
            line->operands[1]);
        return command_refuse(line, &error);
    }
    explain_command(command);
    return EXIT_SUCCESS;
}

static int
explain_all(void)
{
    help_list_commands(stdout);
    fputs("\nFlags, which may stand before the command as well:\n\n", stdout);
    list_flags((1U << FLAG_COUNT) - 1, stdout);
    fputs("\nOptions (sallyport help OPTION tells more):\n\n", stdout);
    return config_help(NULL, stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* sallyport help [COMMAND | OPTION | counters], and COMMAND --help */
int
command_help(const struct command_line *line)
{
    if (command_line_has(line, FLAG_HELP) && line->command != NULL) {
        explain_command(line->command);
        return EXIT_SUCCESS;
    }
    if (line->operand_count == 0)
        return explain_all();
    return line->operand_count == 1 ? explain_word(line->operands[0])
                                    : explain_two_words(line);
}
