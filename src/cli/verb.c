#include <stdio.h>
#include <string.h>

#include "admin/verbs.h"
#include "cli/ask.h"
#include "cli/command.h"

static int
print_usage(const struct verb_info *info)
{
    fprintf(stderr, "usage: sallyport %s [-c FILE | -s SOCKET]%s%s%s\n",
        info->name, info->has_json ? " [--json]" : "",
        info->argument != NULL ? " " : "",
        info->argument != NULL ? info->argument : "");
    return EXIT_USAGE;
}

/* sallyport VERB [-c FILE | -s SOCKET] and what the verb's row allows */
int
command_verb(int count, char *const *arguments)
{
    const struct verb_info *info;
    struct ask ask;
    enum verb verb;

    if (!verbs_find(arguments[0], strlen(arguments[0]), &verb))
        return EXIT_USAGE;
    info = verbs_info(verb);
    if (!ask_parse(&ask, count, arguments) || (ask.json && !info->has_json) ||
        (ask.operand != NULL) != (info->argument != NULL))
        return print_usage(info);
    return ask_daemon(&ask, verb);
}
