#include "cli/completion.h"

#include <string.h>

#include "cli/command_table.h"
#include "cli/completion_value.h"
#include "config/config_options.h"
#include "config/config_type.h"

static const char beginning[] =
    "#compdef sallyport\n"
    "# Completion of sallyport's command line for zsh, made by\n"
    "# `sallyport completion zsh`.\n"
    "\n"
    "_sallyport_services() {\n"
    "    local -a services file\n"
    "    local value=${opt_args[-c]:-${opt_args[--config]}}\n"
    "    [[ -n $value ]] && file=(-c $value)\n"
    "    services=(${(f)\"$(_call_program services \\\n"
    "        sallyport config show $file 2>/dev/null |\n"
    "        sed -n 's/^\\[service \\([^]]*\\).*/\\1/p')\"})\n"
    "    _describe -t services service services\n"
    "}\n"
    "\n"
    "# A message beside an option would keep that from being completed.\n"
    "_sallyport_endpoint() {\n"
    "    [[ $PREFIX == -* ]] || _message endpoint\n"
    "}\n"
    "\n";

/* Between single quotes, in a part of a specification that ends with ':' or
 * ']'. */
static void
zsh_escaped(const char *text, FILE *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\'", out);
        else if (strchr(":[]\\", *text) != NULL)
            fputc('\\', out);
        fputc(*text, out);
    }
}

/* "'name:what it is'" */
static void
zsh_described(const char *name, const char *help, FILE *out)
{
    fprintf(out, "        '%.*s:", (int)strcspn(name, " "), name);
    zsh_escaped(help, out);
    fputs("'\n", out);
}

static void
zsh_lists(FILE *out)
{
    fputs("_sallyport() {\n"
          "    local curcontext=$curcontext state line\n"
          "    typeset -A opt_args\n"
          "    local -a commands options\n"
          "    commands=(\n", out);
    for (size_t i = 0; i < command_table_count(); i++)
        zsh_described(
            command_table_at(i)->name, command_table_at(i)->help, out);
    fputs("    )\n    options=(\n", out);
    for (size_t i = 0; i < config_option_count(); i++)
        zsh_described(
            config_option_at(i)->name, config_option_at(i)->help, out);
    fputs("    )\n", out);
}

/* Each specification goes on where the one before it ended. */
#define NEXT " \\\n            "

/* "'(-c --config)'{-c,--config}'[what it is]:FILE:_files'" */
static void
zsh_flag(enum command_flag flag, FILE *out)
{
    const struct command_flag_info *info = command_table_flag(flag);

    if (info->letter != 0 && info->name != NULL)
        fprintf(out, NEXT "'(-%c --%s)'{-%c,--%s}'[", info->letter,
            info->name, info->letter, info->name);
    else if (info->name != NULL)
        fprintf(out, NEXT "'--%s[", info->name);
    else
        fprintf(out, NEXT "'-%c[", info->letter);
    zsh_escaped(info->help, out);
    fputc(']', out);
    if (info->value != NULL)
        fprintf(out, ":%s:_files", info->value);
    fputc('\'', out);
}

static void
zsh_flags(unsigned set, FILE *out)
{
    for (enum command_flag flag = 0; flag < FLAG_COUNT; flag++)
        if ((set >> flag & 1) != 0)
            zsh_flag(flag, out);
}

static void
zsh_option(const struct option *option, FILE *out)
{
    char expects[CONFIG_TYPE_EXPECTS_SIZE], words[COMPLETION_WORDS_SIZE];
    enum completion_value value = completion_value_of(option, words);

    fprintf(out, NEXT "'%s--%s=[",
        (option->flags & OPTION_LIST) != 0 ? "*" : "", option->name);
    zsh_escaped(option->help, out);
    fputs("]:", out);
    zsh_escaped(config_type_expects(option, expects), out);
    if (value == COMPLETION_WORDS)
        fprintf(out, ":(%s)'", words);
    else
        fprintf(out, ":%s'", value == COMPLETION_FILES ? "_files" : " ");
}

static void
zsh_tunnel(FILE *out)
{
    for (size_t i = 0; i < config_option_count(); i++)
        if ((config_option_at(i)->flags & OPTION_FILE_ONLY) == 0)
            zsh_option(config_option_at(i), out);
    fputs(NEXT "'1:LISTEN:_sallyport_endpoint'" NEXT
          "'2:CONNECT:_sallyport_endpoint'", out);
}

static void
zsh_words(const struct command *command, FILE *out)
{
    fprintf(out, NEXT "'1:%s:(", command->operand);
    for (const char *const *word = command->words; *word != NULL; word++)
        fprintf(out, "%s%s", word != command->words ? " " : "", *word);
    fputs(")'", out);
}

static void
zsh_operands(const struct command *command, FILE *out)
{
    if (command->takes == OPERANDS_ALL)
        zsh_tunnel(out);
    else if (command->takes == OPERANDS_FILE)
        fputs(NEXT "'*:FILE:_files'", out);
    else if (command->words != NULL)
        zsh_words(command, out);
    else if (command->takes == OPERANDS_ONE)
        fprintf(
            out, NEXT "'1:%s:_sallyport_services'", command->operand);
}

static void
zsh_arguments(const struct command *command, FILE *out)
{
    const char *blank = strchr(command->name, ' ');

    fputs("_arguments", out);
    zsh_flags(command->flags | FLAG_BIT(HELP), out);
    if (blank != NULL)
        fprintf(out, NEXT "'1:command:(%s)'", blank + 1);
    zsh_operands(command, out);
}

static void
zsh_command(const struct command *command, FILE *out)
{
    fprintf(out, "    %.*s)\n        ", (int)strcspn(command->name, " "),
        command->name);
    if (command->id == COMMAND_HELP)
        fputs("_describe -t commands command commands -- options", out);
    else
        zsh_arguments(command, out);
    fputs("\n        ;;\n", out);
}

void
completion_zsh(FILE *out)
{
    fputs(beginning, out);
    zsh_lists(out);
    fputs("    _arguments -C", out);
    zsh_flags((1U << FLAG_COUNT) - 1, out);
    fputs(NEXT "'(-)1: :->command'" NEXT "'(-)*:: :->words'\n"
          "    if [[ $state == command ]]; then\n"
          "        _describe -t commands command commands\n"
          "        return\n"
          "    fi\n"
          "    [[ $state == words ]] && case $words[1] in\n", out);
    for (size_t i = 0; i < command_table_count(); i++)
        zsh_command(command_table_at(i), out);
    fputs("    esac\n}\n\n_sallyport \"$@\"\n", out);
}
