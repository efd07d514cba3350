/*
 * The titles of sections: [global], [defaults], [service NAME].
 */
#ifndef CONFIG_CONFIG_TITLE_H
#define CONFIG_CONFIG_TITLE_H

#include <stdbool.h>

#include "base/base.h"

struct fault;

/* What fits into inih's 49 bytes with "service " before it, made round. */
#define SERVICE_NAME_MAX 40

enum section_kind { SECTION_GLOBAL, SECTION_DEFAULTS, SECTION_SERVICE };

/* `title` is what stands between the brackets.  False: the section is not one of
 * ours, and `fault` says so. */
NODISCARD bool config_title_judge(
    const char *title, enum section_kind *kind, struct fault *fault);

/* Whether a title that is not one of ours may be the name of a service, as other
 * programs have it: [redis]. */
bool config_title_is_name(const char *title);

#endif
