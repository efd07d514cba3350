#include "config/config_arguments.h"

#include <string.h>

#include "config/config_fault.h"
#include "config/config_line.h"
#include "config/config_options.h"
#include "config/config_read.h"
#include "config/config_suggest.h"

struct words {
    struct config_source *source;
    const struct origin *origin;
    struct error *error;
    size_t places;          /* taken: LISTEN, CONNECT */
};

static struct section *
section_of_option(const struct words *words, const struct option *option)
{
    return &words->source->sections[option->scope];
}

static bool
is_said(const struct section *section, const struct option *option)
{
    for (size_t i = 0; i < section->count; i++) {
        if (section->items[i].option == option)
            return true;
    }
    return false;
}

static void
report_value(const struct words *words, const struct option *option,
    const char *value, struct fault *fault)
{
    config_fault_shorten(fault, value);
    config_fault_report(
        words->error, words->origin, NULL, option->name, fault);
}

static void
add_option_value(const struct words *words, const struct option *option,
    const char *value)
{
    struct section *section = section_of_option(words, option);
    struct fault fault;

    if (*value == '\0')
        config_fault_add(words->error, words->origin, NULL, option->name,
            "the value is missing after the '='");
    else if (!(option->flags & OPTION_LIST) && is_said(section, option))
        config_fault_add(words->error, words->origin, NULL, option->name,
            "it is given twice; give it once");
    else if (!config_line_value_is_good(value, &fault))
        report_value(words, option, value, &fault);
    else if (!config_read_add(section, option, value, words->origin,
        words->error))
        return;     /* which has been reported */
}

static void
take_place(struct words *words, const char *word)
{
    static const char *const names[] = { "listen", "connect" };

    if (words->places >= COUNT(names)) {
        config_fault_add(words->error, words->origin, NULL, NULL,
            "\"%s\" is one word too many; write LISTEN, CONNECT and "
            "--OPTION=VALUE", word);
        return;
    }
    add_option_value(words,
        config_option_find(OPTION_SERVICE, names[words->places++]), word);
}

/* max_connections, which both have, is the service's: with one service it
 * comes to the same. */
static const struct option *
find_option_in_any_scope(const char *name)
{
    const struct option *option = config_option_find(OPTION_SERVICE, name);

    return option != NULL ? option : config_option_find(OPTION_GLOBAL, name);
}

/* `word` is OPTION=VALUE. */
static void
take_option(const struct words *words, const char *word)
{
    const char *value = strchr(word, '=');
    char name[LINE_NAME_MAX + 1], hint[CONFIG_HINT_SIZE];
    const struct option *option;
    size_t length;

    if (value == NULL) {
        config_fault_add(words->error, words->origin, NULL, NULL,
            "\"--%s\" has no '='; write --OPTION=VALUE", word);
        return;
    }
    length = (size_t)(value - word);
    if (length > LINE_NAME_MAX)
        length = LINE_NAME_MAX;     /* longer than any name, still */
    memcpy(name, word, length);
    name[length] = '\0';
    option = find_option_in_any_scope(name);
    if (option == NULL)
        config_fault_add(words->error, words->origin, NULL, name,
            "there is no such option; %s", config_suggest_option(
            OPTION_SERVICE, name, value + 1, hint));
    else if (option->flags & OPTION_FILE_ONLY)
        config_fault_add(words->error, words->origin, NULL, name,
            "it is for files only");
    else
        add_option_value(words, option, value + 1);
}

/* In the order of enum option_scope, which section_of_option() relies on. */
static bool
add_sections(const struct words *words, const char *directory)
{
    static const enum section_kind kinds[] = {
        [OPTION_GLOBAL] = SECTION_GLOBAL, [OPTION_SERVICE] = SECTION_SERVICE,
    };
    static const char *const titles[] = {
        [OPTION_GLOBAL] = "global", [OPTION_SERVICE] = "service tunnel",
    };

    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct section *section = config_read_add_section(words->source,
            kinds[i], titles[i], words->origin, words->error);

        if (section == NULL)
            return false;
        section->directory = directory;
    }
    return true;
}

void
config_arguments_read(struct config_source *source, int count,
    char *const *words, const struct origin *origin, const char *directory,
    struct error *error)
{
    struct words state = { source, origin, error, 0 };

    if (!add_sections(&state, directory))
        return;
    for (int i = 0; i < count; i++) {
        if (strncmp(words[i], "--", 2) == 0)
            take_option(&state, words[i] + 2);
        else
            take_place(&state, words[i]);
    }
    if (state.places >= 2)
        return;
    source->sections[OPTION_SERVICE].faulty = true;
    config_fault_add(error, origin, NULL, NULL, "LISTEN and CONNECT are "
        "needed, as in: sallyport tunnel 127.0.0.1:8080 tls://example.net:443");
}
