#include "cli/command_line.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/command_advice.h"

/* While the words are read. */
struct words {
    struct command_line *line;
    char *const *items;
    int count;
    int next;
    bool flags_ended; /* "--" has been read */
    struct error *error;
};

bool
command_line_has(const struct command_line *line, enum command_flag flag)
{
    return (line->flags >> flag & 1) != 0;
}

enum { FLAG_TEXT_SIZE = 32 };

/* "-c", "--json", as they are shown. */
static const char *
flag_text(enum command_flag flag, char text[FLAG_TEXT_SIZE])
{
    const struct command_flag_info *info = command_table_flag(flag);

    if (info->letter != 0)
        snprintf(text, FLAG_TEXT_SIZE, "-%c", info->letter);
    else
        snprintf(text, FLAG_TEXT_SIZE, "--%s", info->name);
    return text;
}

/* Where the value of a flag that takes one is kept. */
static const char **
value_field(struct command_line *line, enum command_flag flag)
{
    switch (flag) {
    case FLAG_CONFIG:
        return &line->file;
    case FLAG_SOCKET:
        return &line->socket;
    default:
        assert(flag == FLAG_USER);
        return &line->user;
    }
}

static bool
keep_value(struct words *words, enum command_flag flag, const char *value)
{
    const char **field = value_field(words->line, flag);
    const struct command_flag_info *info = command_table_flag(flag);
    char text[FLAG_TEXT_SIZE];

    if (value == NULL || *value == '\0')
        error_add(words->error, "%s needs a %s behind it",
            flag_text(flag, text), info->value);
    else if (*field != NULL)
        error_add(words->error, "the %s is named twice: \"%s\" and \"%s\"",
            info->value, *field, value);
    else
        *field = value;
    return value != NULL && *field == value;
}

static const char *
next_word(struct words *words)
{
    return words->next < words->count ? words->items[words->next++] : NULL;
}

static bool
note_flag(struct words *words, enum command_flag flag)
{
    words->line->flags |= 1U << flag;
    return true;
}

static bool
refuse_flag(struct words *words, const char *word)
{
    char advice[COMMAND_ADVICE_SIZE];

    error_add(words->error, "there is no flag \"%s\"%s", word,
        command_advice_flag(word, advice));
    return false;
}

/* False as well if there is no such letter. */
static bool
find_letter(char letter, enum command_flag *found)
{
    for (enum command_flag flag = 0; flag < FLAG_COUNT; flag++) {
        *found = flag;
        if (letter != 0 && command_table_flag(flag)->letter == letter)
            return true;
    }
    return false;
}

/* "-t", "-c FILE", "-cFILE", "-tc FILE". */
static bool
take_flag_letters(struct words *words, const char *word)
{
    enum command_flag flag;

    for (const char *at = word + 1; *at != '\0'; at++) {
        if (!find_letter(*at, &flag))
            return refuse_flag(words, word);
        (void)note_flag(words, flag);
        if (command_table_flag(flag)->value == NULL)
            continue;
        if (at[1] == '=')
            return refuse_flag(words, word);
        return keep_value(
            words, flag, at[1] != '\0' ? at + 1 : next_word(words));
    }
    return true;
}

static bool
find_name(const char *name, size_t length, enum command_flag *found)
{
    for (enum command_flag flag = 0; flag < FLAG_COUNT; flag++) {
        const char *known = command_table_flag(flag)->name;

        *found = flag;
        if (known != NULL && strlen(known) == length &&
            memcmp(known, name, length) == 0)
            return true;
    }
    return false;
}

/* "--json", "--config FILE", "--config=FILE". */
static bool
take_flag_name(struct words *words, const char *word)
{
    const char *name = word + 2, *sign = strchr(name, '=');
    size_t length = sign != NULL ? (size_t)(sign - name) : strlen(name);
    const struct command_flag_info *info;
    enum command_flag flag;

    if (!find_name(name, length, &flag))
        return refuse_flag(words, word);
    info = command_table_flag(flag);
    if (info->value == NULL && sign != NULL) {
        error_add(words->error, "--%s takes no value, and here is \"%s\"",
            info->name, sign + 1);
        return false;
    }
    (void)note_flag(words, flag);
    return info->value == NULL ||
        keep_value(words, flag, sign != NULL ? sign + 1 : next_word(words));
}

static bool
asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* `first` begins the name of a command that has two words.  False: the second does
 * not stand behind it, which has been said. */
static bool
take_second_word(struct words *words, const char *first)
{
    const char *second =
        words->next < words->count ? words->items[words->next] : "";
    const struct command *command;
    char advice[COMMAND_ADVICE_SIZE], *name;

    if (asks_for_help(second))
        return true;
    if (asprintf(&name, "%s %s", first, *second != '-' ? second : "") < 0) {
        error_no_memory(words->error);
        return false;
    }
    command = command_table_find(name);
    if (command != NULL) {
        words->line->command = command;
        words->next++;
    } else {
        error_add(words->error, "there is no command \"%s\"%s",
            *second != '\0' && *second != '-' ? name : first,
            command_advice_command(name, advice));
    }
    free(name);
    return command != NULL;
}

static bool
take_command(struct words *words, const char *word)
{
    char advice[COMMAND_ADVICE_SIZE];

    /* Of a command with two words the usage is shown, if nothing else. */
    words->line->command = command_table_first_of(word);
    if (words->line->command != NULL)
        return take_second_word(words, word);
    words->line->command = command_table_find(word);
    if (words->line->command != NULL)
        return true;
    error_add(words->error, "there is no command \"%s\"%s", word,
        command_advice_command(word, advice));
    return false;
}

static int
most_operands(enum command_operands takes)
{
    static const int most[] = {
        [OPERANDS_NONE] = 0,
        [OPERANDS_FILE] = 1,
        [OPERANDS_ONE] = 1,
        [OPERANDS_SOME] = COMMAND_OPERANDS_MAX,
        [OPERANDS_ALL] = 0,
    };

    return most[takes];
}

static bool
take_operand(struct words *words, const char *word)
{
    struct command_line *line = words->line;
    const struct command *command = line->command;
    char advice[COMMAND_ADVICE_SIZE];

    if (*word == '\0')
        error_add(words->error, "%s does not take an empty word",
            command->name);
    else if (line->operand_count >= most_operands(command->takes))
        error_add(words->error, "\"%s\" is one word too many for %s%s", word,
            command->name, command_advice_extra(command, word, advice));
    else if (command->takes == OPERANDS_FILE)
        return keep_value(words, FLAG_CONFIG, word);
    else if (!command_advice_knows(command, word))
        error_add(words->error, "%s does not know \"%s\"%s", command->name,
            word, command_advice_operand(command, word, advice));
    else
        line->operands[line->operand_count++] = word;
    return line->operand_count > 0 &&
        line->operands[line->operand_count - 1] == word;
}

/* The rest is the command's, but that help may be asked for there. */
static void
take_rest(struct words *words)
{
    struct command_line *line = words->line;

    line->rest = words->items + words->next;
    line->rest_count = words->count - words->next;
    for (int i = 0; i < line->rest_count; i++)
        if (asks_for_help(line->rest[i]))
            (void)note_flag(words, FLAG_HELP);
    words->next = words->count;
}

static bool
take_any_word(struct words *words, const char *word)
{
    struct command_line *line = words->line;

    if (!words->flags_ended && strcmp(word, "--") == 0) {
        words->flags_ended = true;
        return true;
    }
    if (!words->flags_ended && strncmp(word, "--", 2) == 0)
        return take_flag_name(words, word);
    if (!words->flags_ended && word[0] == '-' && word[1] != '\0')
        return take_flag_letters(words, word);
    if (line->command == NULL && command_line_has(line, FLAG_TEST) &&
        command_table_find(word) == NULL)
        line->command = command_table_find("check"); /* -t FILE */
    if (line->command != NULL)
        return take_operand(words, word);
    if (!take_command(words, word))
        return false;
    if (line->command->takes == OPERANDS_ALL)
        take_rest(words);
    return true;
}

/* -t is what other daemons have for `check`, and -V for `version`. */
static bool
stand_for_command(struct words *words, enum command_flag flag,
    const char *name, const char *unless)
{
    struct command_line *line = words->line;
    char text[FLAG_TEXT_SIZE];

    if (!command_line_has(line, flag))
        return true;
    if (line->command != NULL && strcmp(line->command->name, name) != 0 &&
        (unless == NULL || strcmp(line->command->name, unless) != 0)) {
        error_add(words->error, "%s stands for the command %s, and here is %s",
            flag_text(flag, text), name, line->command->name);
        return false;
    }
    line->command = command_table_find(name);
    line->flags &= ~(1U << flag);
    return true;
}

/* Flags before a command are known to be its own only when it is read. */
static bool
judge_flags(struct words *words)
{
    const struct command_line *line = words->line;
    char text[FLAG_TEXT_SIZE];

    for (enum command_flag flag = 0; flag < FLAG_COUNT; flag++) {
        if (!command_line_has(line, flag) || flag == FLAG_HELP ||
            (line->command != NULL &&
                (line->command->flags >> flag & 1) != 0))
            continue;
        if (line->command != NULL)
            error_add(words->error, "%s takes no %s", line->command->name,
                flag_text(flag, text));
        else
            error_add(words->error, "%s is there, but no command",
                flag_text(flag, text));
        return false;
    }
    return true;
}

static bool
judge_operands(struct words *words)
{
    const struct command_line *line = words->line;
    const struct command *command = line->command;
    const char *file = line->file != NULL ? line->file : DEFAULT_CONFIG;
    char advice[COMMAND_ADVICE_SIZE];

    if (command == NULL || command->takes != OPERANDS_ONE ||
        line->operand_count > 0)
        return true;
    error_add(words->error, "%s needs a %s behind it%s", command->name,
        command->operand, command_advice_missing(command,
            command_line_has(line, FLAG_SOCKET) ? NULL : file, advice));
    return false;
}

bool
command_line_parse(struct command_line *line, int count, char *const *items,
    struct error *error)
{
    struct words words = {
        .line = line, .items = items, .count = count, .error = error,
    };
    const char *word;
    bool good = true;

    *line = (struct command_line){ .command = NULL };
    while (good && (word = next_word(&words)) != NULL)
        good = take_any_word(&words, word);
    good = good && stand_for_command(&words, FLAG_TEST, "check", "run") &&
        stand_for_command(&words, FLAG_VERSION, "version", NULL);
    if (line->command != NULL && command_line_has(line, FLAG_HELP))
        good = true;
    else
        good = good && judge_flags(&words) && judge_operands(&words);
    if (line->file == NULL)
        line->file = DEFAULT_CONFIG;
    return good;
}
