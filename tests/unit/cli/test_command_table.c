#include "cli/command_table.h"

#include <string.h>

#include <criterion/criterion.h>

#include "config/config_options.h"

Test(command_table, every_row_is_complete)
{
    char synopsis[COMMAND_SYNOPSIS_SIZE];

    for (size_t i = 0; i < command_table_count(); i++) {
        const struct command *command = command_table_at(i);
        const char *text = command->text, *example = command->example;

        cr_assert_not_null(command->name);
        cr_expect_leq(strlen(command->help), 51, "%s: a line of help",
            command->name);
        cr_assert_not_null(text, "%s", command->name);
        cr_expect_eq(text[strlen(text) - 1], '.', "%s", command->name);
        cr_assert_not_null(example, "%s", command->name);
        cr_expect_eq(strncmp(example, "sallyport ", 10) == 0 ||
            strncmp(example, "source ", 7) == 0, true, "%s", command->name);
        cr_expect_eq(
            example[strlen(example) - 1], '\n', "%s", command->name);
        cr_expect_eq(command->operand != NULL,
            command->takes != OPERANDS_NONE && command->takes != OPERANDS_FILE,
            "%s", command->name);
        command_table_synopsis(command, synopsis);
        cr_expect(*synopsis == '\0' || *synopsis == ' ', "%s", command->name);
    }
}

Test(command_table, every_flag_has_a_word_and_help)
{
    for (enum command_flag flag = 0; flag < FLAG_COUNT; flag++) {
        const struct command_flag_info *info = command_table_flag(flag);

        cr_expect(info->name != NULL || info->letter != 0, "%d", (int)flag);
        cr_expect_not_null(info->help, "%d", (int)flag);
        for (enum command_flag other = 0; other < flag; other++) {
            const struct command_flag_info *one = command_table_flag(other);

            cr_expect(info->letter == 0 || info->letter != one->letter);
            cr_expect(info->name == NULL || one->name == NULL ||
                strcmp(info->name, one->name) != 0);
        }
    }
}

/* `sallyport help WORD` is for both. */
Test(command_table, no_command_has_the_name_of_an_option)
{
    for (size_t i = 0; i < command_table_count(); i++) {
        const char *name = command_table_at(i)->name;

        cr_expect_eq(command_table_find(name), command_table_at(i), "%s", name);
        for (size_t j = 0; j < config_option_count(); j++) {
            const struct option *option = config_option_at(j);

            cr_expect_str_neq(name, option->name);
            cr_expect_str_neq(name, config_option_leg_name(option));
        }
    }
}

Test(command_table, tells_how_each_is_used)
{
    static const struct { const char *name, *synopsis; } cases[] = {
        { "run", " [[-c] FILE]" },
        { "config show", " [[-c] FILE]" },
        { "init", " KIND" },
        { "tunnel", " LISTEN CONNECT [--OPTION=VALUE ...]" },
        { "demo", "" },
        { "status", " [-c FILE | -s SOCKET] [--json]" },
        { "drain", " [-c FILE | -s SOCKET] SERVICE" },
        { "version", " [--running [-c FILE | -s SOCKET]]" },
    };
    char text[COMMAND_SYNOPSIS_SIZE];

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_str_eq(command_table_synopsis(
            command_table_find(cases[i].name), text), cases[i].synopsis);
}

Test(command_table, finds_commands_by_their_first_word)
{
    cr_expect_str_eq(command_table_first_of("config")->name, "config show");
    cr_expect_null(command_table_first_of("conf"));
    cr_expect_null(command_table_first_of("run"));
    cr_expect_null(command_table_find("config"));
    cr_expect_null(command_table_find("version --running"));
}
