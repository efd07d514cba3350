/*
 * Lines of other programs' configurations, which have no '=': what they are
 * here.
 */
#ifndef CONFIG_CONFIG_FOREIGN_LINE_H
#define CONFIG_CONFIG_FOREIGN_LINE_H

#include <stdbool.h>

#include "base/base.h"

struct fault;

/* For a line of nginx or HAProxy, such as "proxy_pass http://a;", or one with an
 * option of ours and no '='; `text` begins with its first word.  True: `fault`
 * says what to write in its place.  False: it is none that is known. */
NODISCARD bool config_foreign_line(const char *text, struct fault *fault);

#endif
