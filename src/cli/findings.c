#include "cli/findings.h"

#include <stdio.h>

#include "base/log.h"
#include "base/number.h"

/* "FILE:LINE: warning: [service web] "; returns `text`. */
enum { PREFIX_SIZE = 1024 };
static const char *
warning_prefix(const struct log_warning *warning, char text[PREFIX_SIZE])
{
    const struct log_cause *cause = &warning->cause;
    char line[32] = "";

    if (cause->place.line > 0)
        snprintf(line, sizeof(line), ":%u", cause->place.line);
    snprintf(text, PREFIX_SIZE, "%s%s%swarning: %s%s%s",
        cause->file != NULL ? cause->file : "", line,
        cause->file != NULL ? ": " : "",
        warning->service != NULL ? "[service " : "",
        warning->service != NULL ? warning->service : "",
        warning->service != NULL ? "] " : "");
    return text;
}

/* log_hear_fn */
static bool
keep_finding(void *arg, const struct log_warning *warning)
{
    struct findings *found = arg;
    char prefix[PREFIX_SIZE];

    error_add_at(&found->warnings, warning->cause.place, warning->kind,
        "%s%s", warning_prefix(warning, prefix), warning->text);
    return false;
}

/* What is worth a line of a daemon's log, but is no finding, is left out. */
void
findings_begin(struct findings *found)
{
    log_adjust(log_dress(), log_format(), LOG_LEVEL_WARN);
    *found = (struct findings){ .errors = { .count = 0 } };
    log_tap_warnings(keep_finding, found);
}

const char *
findings_count(const struct findings *found, char text[FINDINGS_COUNT_SIZE])
{
    size_t errors = error_total(&found->errors);
    size_t warnings = error_total(&found->warnings);
    int used = 0;

    text[0] = '\0';
    if (errors > 0)
        used = snprintf(text, FINDINGS_COUNT_SIZE, "%zu error%s%s", errors,
            number_plural(errors), warnings > 0 ? ", " : "");
    if (warnings > 0)
        snprintf(text + used, FINDINGS_COUNT_SIZE - (size_t)used,
            "%zu warning%s", warnings, number_plural(warnings));
    return text;
}

void
findings_end(struct findings *found)
{
    log_tap_warnings(NULL, NULL);
    error_move(&found->errors, &found->warnings);
    error_sort(&found->errors);
    error_print(&found->errors);
}
