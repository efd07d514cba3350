#include "cli/completion.h"

#include <stdbool.h>
#include <string.h>

#include "cli/command_table.h"
#include "cli/completion_value.h"
#include "config/config_options.h"

/* Bash takes a '=' for a word of its own. */
static const char beginning[] =
    "# Completion of sallyport's command line for bash, made by\n"
    "# `sallyport completion bash`.\n"
    "\n"
    "_sallyport_words()\n"
    "{\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$cur\")\n"
    "}\n"
    "\n"
    "_sallyport_files()\n"
    "{\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "}\n"
    "\n"
    "_sallyport_services()\n"
    "{\n"
    "    _sallyport_words \"$(\"${COMP_WORDS[0]}\" config show \"${file[@]}\" "
    "2>/dev/null |\n"
    "        sed -n 's/^\\[service \\([^]]*\\).*/\\1/p')\"\n"
    "}\n"
    "\n"
    "_sallyport()\n"
    "{\n"
    "    local cur=${COMP_WORDS[COMP_CWORD]} "
    "prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "    local command='' word i\n"
    "    local -a file=()\n"
    "\n"
    "    COMPREPLY=()\n"
    "    if [[ $cur == = ]]; then\n"
    "        cur=\n"
    "    elif [[ $prev == = ]]; then\n"
    "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "    fi\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        case $word in\n"
    "        -c | --config | -s | --socket)\n"
    "            [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))\n"
    "            ((i++))\n"
    "            [[ $word == -*c* ]] && file=(-c \"${COMP_WORDS[i]}\")\n"
    "            ;;\n"
    "        -* | =) ;;\n"
    "        *)\n"
    "            [[ -n $command ]] || command=$word\n"
    "            [[ $command == \"$word\" || $command != @(%s) ]] ||\n"
    "                command+=\" $word\"\n"
    "            ;;\n"
    "        esac\n"
    "    done\n"
    "    case $prev in\n"
    "    -c | --config | -s | --socket)\n"
    "        _sallyport_files\n"
    "        return\n"
    "        ;;\n"
    "    esac\n"
    "    case $command in\n";

static const char end[] =
    "    esac\n"
    "}\n"
    "\n"
    "complete -F _sallyport sallyport\n";

/* The first words of commands that have two, with '|' between. */
static void
bash_first_words(char *text, size_t size)
{
    size_t used = 0;

    *text = '\0';
    for (size_t i = 0; i < command_table_count(); i++) {
        const char *name = command_table_at(i)->name;
        const char *blank = strchr(name, ' ');

        if (blank != NULL && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%.*s",
                used > 0 ? "|" : "", (int)(blank - name), name);
    }
}

/* "--help --config --json": the one that all commands have, and the set. */
static void
bash_flags(unsigned set, FILE *out)
{
    fputs("--help", out);
    for (enum command_flag flag = 0; flag < FLAG_COUNT; flag++) {
        const struct command_flag_info *info = command_table_flag(flag);

        if ((set >> flag & 1) == 0 || flag == FLAG_HELP)
            continue;
        if (info->name != NULL)
            fprintf(out, " --%s", info->name);
        else
            fprintf(out, " -%c", info->letter);
    }
}

static void
bash_command_names(FILE *out)
{
    for (size_t i = 0; i < command_table_count(); i++) {
        const char *name = command_table_at(i)->name;

        fprintf(out, "%s%.*s", i > 0 ? " " : "", (int)strcspn(name, " "), name);
    }
}

/* What comes where no command has been named. */
static void
bash_beginning(FILE *out)
{
    char words[64];

    bash_first_words(words, sizeof(words));
    fprintf(out, beginning, words);
    fputs("    '') _sallyport_words '", out);
    bash_command_names(out);
    fputc(' ', out);
    bash_flags((1U << FLAG_COUNT) - 1, out);
    fputs("' ;;\n", out);
}

/* Of a command of two words the first is there. */
static void
bash_second_word(const struct command *command, FILE *out)
{
    const char *blank = strchr(command->name, ' ');

    if (blank != NULL)
        fprintf(out, "    %.*s) _sallyport_words '%s' ;;\n",
            (int)(blank - command->name), command->name, blank + 1);
}

static void
bash_known_words(const struct command *command, FILE *out)
{
    for (const char *const *word = command->words; *word != NULL; word++)
        fprintf(out, " %s", *word);
}

static bool
is_for_tunnel(const struct option *option)
{
    return (option->flags & OPTION_FILE_ONLY) == 0;
}

static void
bash_value(const struct option *option, FILE *out)
{
    char words[COMPLETION_WORDS_SIZE];

    switch (completion_value_of(option, words)) {
    case COMPLETION_WORDS:
        fprintf(out, "        --%s) _sallyport_words '%s' ;;\n", option->name,
            words);
        break;
    case COMPLETION_FILES:
        fprintf(out, "        --%s) _sallyport_files ;;\n", option->name);
        break;
    case COMPLETION_NONE:
        break;
    }
}

static void
bash_tunnel(const struct command *command, FILE *out)
{
    fprintf(out, "    %s)\n        case $prev in\n", command->name);
    for (size_t i = 0; i < config_option_count(); i++)
        if (is_for_tunnel(config_option_at(i)))
            bash_value(config_option_at(i), out);
    fputs("        *)\n"
          "            compopt -o nospace 2>/dev/null\n"
          "            _sallyport_words '", out);
    for (size_t i = 0; i < config_option_count(); i++)
        if (is_for_tunnel(config_option_at(i)))
            fprintf(out, "%s--%s=", i > 0 ? " " : "",
                config_option_at(i)->name);
    fputs("'\n            ;;\n        esac\n        ;;\n", out);
}

static void
bash_help(const struct command *command, FILE *out)
{
    fprintf(out, "    %s) _sallyport_words '", command->name);
    bash_command_names(out);
    fputs(" counters", out);
    for (size_t i = 0; i < config_option_count(); i++)
        fprintf(out, " %s", config_option_at(i)->name);
    fputs("' ;;\n", out);
}

/* Flags where the word begins with a dash, else `what`. */
static void
bash_flags_or(
    const struct command *command, const char *what, FILE *out)
{
    fprintf(out, "    '%s')\n"
        "        if [[ $cur == -* ]]; then\n"
        "            _sallyport_words '", command->name);
    bash_flags(command->flags, out);
    fprintf(out, "'\n"
        "        else\n"
        "            %s\n"
        "        fi\n"
        "        ;;\n", what);
}

static void
bash_plain(const struct command *command, FILE *out)
{
    fprintf(out, "    '%s') _sallyport_words '", command->name);
    bash_flags(command->flags, out);
    if (command->words != NULL)
        bash_known_words(command, out);
    fputs("' ;;\n", out);
}

static void
bash_command(const struct command *command, FILE *out)
{
    bash_second_word(command, out);
    if (command->id == COMMAND_HELP)
        bash_help(command, out);
    else if (command->takes == OPERANDS_ALL)
        bash_tunnel(command, out);
    else if (command->takes == OPERANDS_FILE)
        bash_flags_or(command, "_sallyport_files", out);
    else if (command->takes == OPERANDS_ONE && command->words == NULL)
        bash_flags_or(command, "_sallyport_services", out);
    else
        bash_plain(command, out);
}

void
completion_bash(FILE *out)
{
    bash_beginning(out);
    for (size_t i = 0; i < command_table_count(); i++)
        bash_command(command_table_at(i), out);
    fputs(end, out);
}
