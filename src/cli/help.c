#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/verbs.h"
#include "base/metrics.h"
#include "cli/command.h"
#include "config/config_help.h"

enum { HELP_COLUMN = 27 };

static const char usage[] =
    "usage: sallyport COMMAND [ARGUMENTS]\n"
    "\n"
    "  run [-c FILE]            serve in the foreground\n"
    "  check [-c FILE]          say everything that is wrong with a "
    "configuration\n"
    "  config show [-c FILE]    every option, its value, and where it comes "
    "from\n"
    "  tunnel LISTEN CONNECT [--OPTION=VALUE ...]\n"
    "                           serve one relay without a file\n"
    "  demo                     try TLS at once: nothing to set up\n";

/* The verbs stand between. */
static const char rest_of_usage[] =
    "  selftest sandbox         try what confined processes must not be able "
    "to do\n"
    "  help [OPTION]            this, or what an option does\n"
    "  help counters            what `status --json` counts\n"
    "  version                  versions and features\n"
    "  version --running [-c FILE]\n"
    "                           those of the daemon that runs with FILE\n"
    "\n"
    "FILE is " DEFAULT_CONFIG " unless said otherwise.\n"
    "-s SOCKET in place of -c names the daemon's control socket itself.\n";

/* A synopsis that is too long has a line of its own. */
static void
print_verbs(void)
{
    for (enum verb verb = 0; verb < VERB_COUNT; verb++) {
        const struct verb_info *info = verbs_info(verb);
        int width;

        if (info->help == NULL)
            continue;
        width = printf("  %s [-c FILE]%s%s%s", info->name,
            info->argument != NULL ? " " : "",
            info->argument != NULL ? info->argument : "",
            info->has_json ? " [--json]" : "");
        if (width >= HELP_COLUMN) {
            putchar('\n');
            width = 0;
        }
        printf("%*s%s\n", HELP_COLUMN - width, "", info->help);
    }
}

/* What is asked for goes to stdout; that there is no such thing, to stderr. */
static int
help_option(const char *option)
{
    char *text = NULL;
    size_t length;
    FILE *memory = open_memstream(&text, &length);
    bool found;

    if (memory == NULL) {
        perror("sallyport: help");
        return EXIT_FAILURE;
    }
    found = config_help(option, memory);
    fclose(memory);
    if (!found)
        fputs("sallyport: ", stderr);
    fputs(text, found ? stdout : stderr);
    free(text);
    return found ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* " By leg (listen, connect) and version (1.2, 1.3)." */
static void
print_labels(const struct metric *metric)
{
    for (const struct metric_label *label = metric->labels;
         label->name != NULL; label++) {
        printf("%s %s (", label == metric->labels ? " By" : " and",
            label->name);
        for (size_t i = 0; label->values[i] != NULL; i++)
            printf("%s%s", i > 0 ? ", " : "", label->values[i]);
        fputs(label[1].name == NULL ? ")." : ")", stdout);
    }
}

static void
list_counters(void)
{
    fputs("What `sallyport status --json` counts, for each service and for all "
        "of them:\n\n", stdout);
    for (size_t i = 0; i < metrics_count(); i++) {
        const struct metric *metric = metrics_at(i);

        printf("  %-19s %-12s %s", metric->name, metric->unit, metric->help);
        print_labels(metric);
        putchar('\n');
    }
}

/* sallyport help [OPTION | counters] */
int
command_help(int count, char *const *arguments)
{
    if (count > 2) {
        fputs("usage: sallyport help [OPTION | counters]\n", stderr);
        return EXIT_USAGE;
    }
    if (count == 2 && strcmp(arguments[1], "counters") == 0) {
        list_counters();
        return EXIT_SUCCESS;
    }
    if (count == 2)
        return help_option(arguments[1]);
    fputs(usage, stdout);
    print_verbs();
    fputs(rest_of_usage, stdout);
    fputs("\nOptions (sallyport help OPTION tells more):\n\n", stdout);
    return config_help(NULL, stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
}
