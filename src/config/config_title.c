#include "config/config_title.h"

#include <stdio.h>
#include <string.h>

#include "config/config_fault.h"
#include "config/config_line.h"
#include "config/config_suggest.h"

/* What is longer may be no name at all, but a secret that was pasted. */
enum { ECHOED_MAX = 30 };

static bool
judge_service_name(const char *name, struct fault *fault)
{
    size_t length = strlen(name);

    if (length == 0)
        return config_refuse(fault, "the service has no name; write "
            "[service NAME]");
    if (strchr(name, ' ') != NULL)
        return config_refuse(fault, "the service name \"%s\" has a blank in "
            "it; use '-' or '_'", name);
    if (length > SERVICE_NAME_MAX)
        return config_refuse(fault, "the service name \"%s\" is %zu bytes "
            "long; shorten it to at most %d", name, length,
            SERVICE_NAME_MAX);
    return true;
}

/* The section that a title may have meant, as it is written; NULL: none. */
static const char *
nearest_title(const char *title)
{
    static const struct { const char *word, *title; } known[] = {
        { "global", "global" }, { "defaults", "defaults" },
        { "service", "service NAME" },
    };
    char word[LINE_NAME_MAX + 1];
    struct suggestion suggestion = { .word = word };

    snprintf(word, sizeof(word), "%.*s", (int)strcspn(title, " "), title);
    for (size_t i = 0; i < COUNT(known); i++)
        config_suggest_consider(&suggestion, known[i].word);
    for (size_t i = 0; i < COUNT(known); i++) {
        if (suggestion.best == known[i].word)
            return known[i].title;
    }
    return NULL;
}

bool
config_title_is_name(const char *title)
{
    return *title != '\0' && strchr(title, ' ') == NULL &&
        strlen(title) <= SERVICE_NAME_MAX && nearest_title(title) == NULL;
}

bool
config_title_judge(
    const char *title, enum section_kind *kind, struct fault *fault)
{
    const char *meant;

    *kind = SECTION_SERVICE;
    if (strcmp(title, "service") == 0)
        return judge_service_name("", fault);
    if (strncmp(title, "service ", 8) == 0)
        return judge_service_name(title + 8, fault);
    *kind = SECTION_GLOBAL;
    if (strcmp(title, "global") == 0)
        return true;
    *kind = SECTION_DEFAULTS;
    if (strcmp(title, "defaults") == 0)
        return true;
    if (config_title_is_name(title))
        return config_refuse(fault, "there is no section [%s]; a service's is "
            "[service %s]", title,
            strlen(title) <= ECHOED_MAX ? title : "NAME");
    meant = nearest_title(title);
    if (meant != NULL)
        return config_refuse(fault, "there is no section [%s]; did you mean "
            "[%s]?", title, meant);
    return config_refuse(fault, "there is no section [%s]; write [global], "
        "[defaults] or [service NAME]", title);
}
