#include "config/config_suggest.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/duration.h"
#include "base/number.h"
#include "config/config_foreign.h"

#define WORD_MAX 64

static size_t
least_of_three(size_t a, size_t b, size_t c)
{
    size_t low = a < b ? a : b;

    return low < c ? low : c;
}

static int
lower_letter(const char *word, size_t index)
{
    return tolower((unsigned char)word[index]);
}

size_t
config_suggest_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1], a_length = strlen(a), b_length = strlen(b);

    if (a_length > WORD_MAX || b_length > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            bool same = lower_letter(a, i - 1) == lower_letter(b, j - 1);

            row[j] = least_of_three(above[j] + 1, row[j - 1] + 1,
                above[j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 &&
                lower_letter(a, i - 1) == lower_letter(b, j - 2) &&
                lower_letter(a, i - 2) == lower_letter(b, j - 1))
                row[j] = least_of_three(row[j], rows[(i + 1) % 3][j - 2] + 1,
                    SIZE_MAX);
        }
    }
    return rows[a_length % 3][b_length];
}

void
config_suggest_consider(struct suggestion *suggestion, const char *known)
{
    size_t distance = config_suggest_distance(suggestion->word, known);
    size_t near = strlen(suggestion->word) > 4 ? 2 : 1;

    if (distance > near)
        return;
    if (suggestion->best != NULL && distance >= suggestion->distance)
        return;
    suggestion->best = known;
    suggestion->distance = distance;
}

static const struct option *
on_leg(const char *leg, const char *word)
{
    char name[WORD_MAX * 2];

    snprintf(name, sizeof(name), "%s.%s", leg, word);
    return config_option_find(OPTION_SERVICE, name);
}

/* For a leg's option without its leg, or with the wrong one.  False: it is
 * neither. */
static bool
suggest_leg(const char *name, char *text, size_t size)
{
    const char *dot = strchr(name, '.'), *word = dot != NULL ? dot + 1 : name;
    const struct option *listen = on_leg("listen", word);
    const struct option *connect = on_leg("connect", word);
    bool has_leg = strncmp(name, "listen.", 7) == 0
        || strncmp(name, "connect.", 8) == 0;

    if ((dot != NULL && !has_leg) || (listen == NULL && connect == NULL))
        return false;
    if (listen != NULL && connect != NULL)
        snprintf(text, size, "did you mean \"%s\" or \"%s\"?", listen->name,
            connect->name);
    else
        snprintf(text, size, has_leg ? "only \"%s\" exists"
            : "did you mean \"%s\"?",
            listen != NULL ? listen->name : connect->name);
    return true;
}

static const char *
nearest_option(enum option_scope scope, const char *name, bool leg_names)
{
    struct suggestion suggestion = { .word = name };

    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);

        if (option->scope == scope)
            config_suggest_consider(&suggestion, leg_names
                ? config_option_leg_name(option) : option->name);
    }
    return suggestion.best;
}

static const char *
section_of_scope(enum option_scope scope)
{
    return scope == OPTION_GLOBAL ? "[global]" : "[service NAME]";
}

/* A time that the option may have.  False: it is none. */
static bool
may_be_timeout(const struct option *option, uint64_t ms)
{
    return option->type == OPTION_MSEC &&
        strncmp(option->name, "timeout.", 8) == 0 &&
        (ms == 0 ? option->zero != NULL
                 : ms >= option->min && ms <= option->max);
}

/* "write timeout.connect = 30s, timeout.idle = 30s or timeout.lifetime = 30s", for
 * a `timeout` that does not say which. */
static void
suggest_timeouts(
    enum option_scope scope, const char *value, char text[CONFIG_HINT_SIZE])
{
    char time[DURATION_TEXT_SIZE];
    uint64_t number = SECONDS(30);
    size_t used, last = 0;

    if (value != NULL && number_parse(value, &number) && number < 1000000)
        number = SECONDS(number);
    else if (value == NULL || !duration_parse(value, &number))
        number = SECONDS(30);
    used = (size_t)snprintf(text, CONFIG_HINT_SIZE, "there are several: %swrite",
        scope == OPTION_GLOBAL ? "in [service NAME] or [defaults] " : "");
    for (size_t i = 0; i < config_option_count(); i++)
        if (may_be_timeout(config_option_at(i), number))
            last = i;
    for (size_t i = 0, found = 0; i <= last && used < CONFIG_HINT_SIZE; i++)
        if (may_be_timeout(config_option_at(i), number))
            used += (size_t)snprintf(text + used, CONFIG_HINT_SIZE - used,
                "%s %s = %s", found++ == 0 ? "" : i == last ? " or" : ",",
                config_option_at(i)->name, duration_format(number, time));
}

const char *
config_suggest_option(enum option_scope scope, const char *name,
    const char *value, char text[CONFIG_HINT_SIZE])
{
    enum option_scope other =
        scope == OPTION_GLOBAL ? OPTION_SERVICE : OPTION_GLOBAL;
    const char *near, *advice = config_foreign_advice(name);

    if (strcasecmp(name, "timeout") == 0)
        suggest_timeouts(scope, value, text);
    else if (config_option_find(other, name) != NULL)
        snprintf(text, CONFIG_HINT_SIZE, "it belongs in %s",
            section_of_scope(other));
    else if (advice != NULL)
        snprintf(text, CONFIG_HINT_SIZE, "%s", advice);
    else if (scope == OPTION_SERVICE &&
        suggest_leg(name, text, CONFIG_HINT_SIZE))
        return text;
    else if ((near = nearest_option(scope, name, false)) != NULL)
        snprintf(text, CONFIG_HINT_SIZE, "did you mean \"%s\"?", near);
    else if ((near = nearest_option(scope, name, true)) != NULL
        && suggest_leg(near, text, CONFIG_HINT_SIZE))
        return text;
    else if ((near = nearest_option(other, name, false)) != NULL)
        snprintf(text, CONFIG_HINT_SIZE, "did you mean \"%s\", which belongs "
            "in %s?", near, section_of_scope(other));
    else
        snprintf(text, CONFIG_HINT_SIZE, "\"sallyport help\" lists them all");
    return text;
}
