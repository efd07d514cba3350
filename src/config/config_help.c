#include "config/config_help.h"

#include <string.h>

#include "config/config_options.h"
#include "config/config_suggest.h"
#include "config/config_type.h"

#define TEXT_WIDTH 76

void
config_help_wrap(const char *text, FILE *out)
{
    size_t column = 0;

    while (*text != '\0') {
        size_t length = strcspn(text, " ");

        if (column > 0 && column + 1 + length > TEXT_WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        column += (size_t)fprintf(out, "%s%.*s", column > 0 ? " " : "",
            (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static const char *
sections_with_option(const struct option *option)
{
    if (option->scope == OPTION_GLOBAL)
        return "[global]";
    return option->flags & OPTION_OWN ? "[service NAME]"
        : "[service NAME] and [defaults]";
}

static void
write_option_help(const struct option *option, FILE *out)
{
    char expects[CONFIG_TYPE_EXPECTS_SIZE];

    fprintf(out, "%s, in %s\n\n", option->name, sections_with_option(option));
    config_help_wrap(option->help, out);
    if (option->details != NULL) {
        fputc('\n', out);
        config_help_wrap(option->details, out);
    }
    fprintf(out, "\nValue:   %s%s\nDefault: %s\n",
        config_type_expects(option, expects), option->flags & OPTION_LIST
        ? "; may be repeated" : "", option->flags & OPTION_REQUIRED
        ? "none, it must be written"
        : option->value != NULL ? option->value : "not set");
    if (option->flags & OPTION_TLS)
        fprintf(out, "Only where an endpoint of the leg is TLS.\n");
    if (option->flags & OPTION_UNIX)
        fprintf(out, "Only where an endpoint of the leg is a unix path.\n");
    if (option->flags & OPTION_INET)
        fprintf(out, "Only where an endpoint of the leg is HOST:PORT.\n");
}

/* Has the other leg the same option, and is there the same to say of it? */
static bool
is_on_both_legs(const struct option *option)
{
    const char *name = config_option_leg_name(option);
    const struct option *other;
    char other_name[64];

    if (name == option->name)
        return false;
    snprintf(other_name, sizeof(other_name), "%s.%s",
        option->flags & OPTION_OF_LISTEN ? "connect" : "listen", name);
    other = config_option_find(OPTION_SERVICE, other_name);
    return other != NULL && strcmp(option->help, other->help) == 0;
}

static void
write_line(const char *prefix, const char *name, const char *help, FILE *out)
{
    int width = 26 - (int)strlen(prefix);

    fprintf(out, "  %s%-*s %s\n", prefix, width, name, help);
}

/* The options of one scope, but for those that both legs have. */
static void
write_scope(enum option_scope scope, FILE *out)
{
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);

        if (option->scope == scope && !is_on_both_legs(option))
            write_line("", option->name, option->help, out);
    }
}

static void
write_legs(FILE *out)
{
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);

        if ((option->flags & OPTION_OF_LISTEN) && is_on_both_legs(option))
            write_line("*.", config_option_leg_name(option), option->help,
                out);
    }
}

static void
write_all_options(FILE *out)
{
    fprintf(out, "Options of [global]:\n");
    write_scope(OPTION_GLOBAL, out);
    fprintf(out, "\nOptions of [service NAME], and of [defaults] for all "
        "services:\n");
    write_scope(OPTION_SERVICE, out);
    fprintf(out, "\nOptions of each leg, with listen or connect in place of "
        "the '*':\n");
    write_legs(out);
    fprintf(out, "\n\"sallyport help OPTION\" tells more about one.\n");
}

/* Is `name` the option's, in full or without its leg? */
static bool
is_meant(const struct option *option, const char *name)
{
    return strcmp(option->name, name) == 0
        || strcmp(config_option_leg_name(option), name) == 0;
}

bool
config_help(const char *name, FILE *out)
{
    size_t found = 0;
    char hint[CONFIG_HINT_SIZE];

    if (name == NULL) {
        write_all_options(out);
        return true;
    }
    if (strncmp(name, "*.", 2) == 0)
        name += 2;
    for (size_t i = 0; i < config_option_count(); i++) {
        if (!is_meant(config_option_at(i), name))
            continue;
        if (found++ > 0)
            fputs("\n\n", out);
        write_option_help(config_option_at(i), out);
    }
    if (found == 0)
        fprintf(out, "there is no option \"%s\"; %s\n", name,
            config_suggest_option(OPTION_SERVICE, name, NULL, hint));
    return found > 0;
}
