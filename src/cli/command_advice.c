#include "cli/command_advice.h"

#include <stdio.h>
#include <string.h>

#include "base/strings.h"
#include "cli/command_table.h"
#include "config/config_options.h"
#include "config/config_peek.h"
#include "config/config_suggest.h"

#define MEANS(ours) "; that is `sallyport " ours "`"

struct foreign {
    const char *word;
    const char *advice;
};

/* What other daemons, and systemctl, call it. */
static const struct foreign foreign_commands[] = {
    { "start", MEANS("run") },
    { "serve", MEANS("run") },
    { "daemon", MEANS("run") },
    { "foreground", MEANS("run") },
    { "test", MEANS("check") },
    { "configtest", MEANS("check") },
    { "validate", MEANS("check") },
    { "verify", MEANS("check") },
    { "lint", MEANS("check") },
    { "show", MEANS("config show") },
    { "dump", MEANS("config show") },
    { "stats", MEANS("status") },
    { "info", MEANS("status") },
    { "client", MEANS("tunnel") },
    { "proxy", MEANS("tunnel") },
    { "new", MEANS("init") },
    { "stop", "; `systemctl stop sallyport` stops the unit, and SIGTERM any "
        "other daemon" },
    { "quit", "; `systemctl stop sallyport` stops the unit, and SIGTERM any "
        "other daemon" },
    { "restart", "; `sallyport reload` takes up a new configuration, and "
        "`sallyport upgrade` a new binary" },
};

static const struct foreign foreign_flags[] = {
    { "-f", "; write -c FILE" },
    { "--file", "; write -c FILE" },
    { "--conf", "; write -c FILE" },
    { "--configuration", "; write -c FILE" },
    { "-v", "; write -V, or `sallyport version`" },
    { "-?", "; write --help" },
    { "-d", "; it stays in the foreground, and a service manager puts it "
        "into the background" },
    { "-D", "; it stays in the foreground, and a service manager puts it "
        "into the background" },
    { "--daemon", "; it stays in the foreground, and a service manager puts "
        "it into the background" },
    { "--background", "; it stays in the foreground, and a service manager "
        "puts it into the background" },
    { "--test", "; write -t, or `sallyport check`" },
};

/* False: no other program has it, as far as is known. */
static bool
advise_foreign(const struct foreign *known, size_t count, const char *word,
    char text[COMMAND_ADVICE_SIZE])
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(known[i].word, word) != 0)
            continue;
        snprintf(text, COMMAND_ADVICE_SIZE, "%s", known[i].advice);
        return true;
    }
    return false;
}

static bool
is_like_a_file(const char *word)
{
    const char *dot = strrchr(word, '.');

    return strchr(word, '/') != NULL ||
        (dot != NULL &&
            (strcmp(dot, ".ini") == 0 || strcmp(dot, ".conf") == 0));
}

/* The first word of a command that has two, or nearly. */
static bool
is_near_first_word(const struct command *command, const char *word)
{
    struct suggestion suggestion = { .word = word };
    char first[32];
    size_t length = strcspn(command->name, " ");

    if (command->name[length] == '\0')
        return false;
    snprintf(first, sizeof(first), "%.*s", (int)length, command->name);
    config_suggest_consider(&suggestion, first);
    return suggestion.best != NULL;
}

/* NULL: none is near. */
static const char *
nearest_command(const char *word)
{
    struct suggestion suggestion = { .word = word };

    for (size_t i = 0; i < command_table_count(); i++)
        config_suggest_consider(&suggestion, command_table_at(i)->name);
    for (size_t i = 0; i < command_table_count(); i++)
        if (suggestion.best == NULL &&
            is_near_first_word(command_table_at(i), word))
            return command_table_at(i)->name;
    return suggestion.best;
}

const char *
command_advice_command(const char *word, char text[COMMAND_ADVICE_SIZE])
{
    char first[32];
    const char *near = nearest_command(word);

    *text = '\0';
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(word, " "), word);
    if (near == NULL)
        near = nearest_command(first);
    if (advise_foreign(
            foreign_commands, COUNT(foreign_commands), word, text))
        return text;
    if (near != NULL)
        snprintf(text, COMMAND_ADVICE_SIZE, "; did you mean \"%s\"?", near);
    else if (is_like_a_file(word))
        snprintf(text, COMMAND_ADVICE_SIZE, "; to serve what a file says, "
            "write `sallyport run FILE`");
    return text;
}

/* The flag's name, without dashes and without what is behind a '='. */
static const char *
bare_name(const char *word, char name[64])
{
    word += strspn(word, "-");
    snprintf(name, 64, "%.*s", (int)strcspn(word, "="), word);
    return name;
}

static bool
is_option(const char *name)
{
    return config_option_find(OPTION_GLOBAL, name) != NULL ||
        config_option_find(OPTION_SERVICE, name) != NULL;
}

/* "--config" for "--confgi"; NULL: none is near. */
static const char *
nearest_flag(const char *name)
{
    struct suggestion suggestion = { .word = name };

    for (enum command_flag flag = 0; flag < FLAG_COUNT; flag++)
        if (command_table_flag(flag)->name != NULL)
            config_suggest_consider(
                &suggestion, command_table_flag(flag)->name);
    return suggestion.best;
}

const char *
command_advice_flag(const char *word, char text[COMMAND_ADVICE_SIZE])
{
    char name[64];
    const char *near = nearest_flag(bare_name(word, name));

    *text = '\0';
    if (advise_foreign(foreign_flags, COUNT(foreign_flags), word, text))
        return text;
    if (strncmp(word, "-c=", 3) == 0)
        snprintf(text, COMMAND_ADVICE_SIZE, "; write -c FILE or "
            "--config=FILE");
    else if (is_option(name))
        snprintf(text, COMMAND_ADVICE_SIZE, "; that is an option of the "
            "configuration, and goes into its file");
    else if (command_table_find(name) != NULL)
        snprintf(text, COMMAND_ADVICE_SIZE, "; that is a command: write "
            "`sallyport %s`", name);
    else if (near != NULL)
        snprintf(text, COMMAND_ADVICE_SIZE, "; did you mean --%s?", near);
    return text;
}

bool
command_advice_knows(const struct command *command, const char *word)
{
    if (command->words == NULL)
        return true;
    for (size_t i = 0; command->words[i] != NULL; i++)
        if (strcmp(command->words[i], word) == 0)
            return true;
    return false;
}

/* "write web, forward or other" */
static void
list_words(
    const char *const *words, size_t count, char text[COMMAND_ADVICE_SIZE])
{
    size_t used = (size_t)snprintf(text, COMMAND_ADVICE_SIZE, "; write ");

    for (size_t i = 0; i < count && used < COMMAND_ADVICE_SIZE; i++)
        used += (size_t)snprintf(text + used, COMMAND_ADVICE_SIZE - used,
            "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", words[i]);
    if (used >= COMMAND_ADVICE_SIZE)
        strcpy(text + COMMAND_ADVICE_SIZE - sizeof("..."), "...");
}

static void
list_command_words(const struct command *command, char text[COMMAND_ADVICE_SIZE])
{
    size_t count = 0;

    while (command->words[count] != NULL)
        count++;
    list_words(command->words, count, text);
}

const char *
command_advice_missing(const struct command *command, const char *file,
    char text[COMMAND_ADVICE_SIZE])
{
    struct strings services = { NULL, 0 };

    *text = '\0';
    if (command->words != NULL)
        list_command_words(command, text);
    else if (file != NULL && command->id == COMMAND_VERB &&
        config_peek_services(file, &services) && services.count > 0)
        list_words((const char *const *)services.items, services.count, text);
    strings_clear(&services);
    return text;
}

const char *
command_advice_operand(const struct command *command, const char *word,
    char text[COMMAND_ADVICE_SIZE])
{
    struct suggestion suggestion = { .word = word };

    for (size_t i = 0; command->words[i] != NULL; i++)
        config_suggest_consider(&suggestion, command->words[i]);
    if (suggestion.best != NULL)
        snprintf(text, COMMAND_ADVICE_SIZE, "; did you mean \"%s\"?",
            suggestion.best);
    else
        list_command_words(command, text);
    return text;
}

const char *
command_advice_extra(const struct command *command, const char *word,
    char text[COMMAND_ADVICE_SIZE])
{
    bool takes_file = (command->flags & FLAG_BIT(CONFIG)) != 0;

    snprintf(text, COMMAND_ADVICE_SIZE, "%s", takes_file &&
            is_like_a_file(word) ? "; the configuration is named with -c FILE"
                                 : "");
    return text;
}
