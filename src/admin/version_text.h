/*
 * What this program is, and with what it was built and runs.
 */
#ifndef ADMIN_VERSION_TEXT_H
#define ADMIN_VERSION_TEXT_H

#include "base/base.h"

enum { VERSION_TEXT_SIZE = 1024 };

/* Several lines.  Returns `text`. */
const char *version_text(char text[VERSION_TEXT_SIZE]);

#endif
