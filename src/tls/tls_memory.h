/*
 * OpenSSL's memory: OpenSSL wipes keys, but not every copy that it made of their
 * encoding on the way from a file.
 */
#ifndef TLS_TLS_MEMORY_H
#define TLS_TLS_MEMORY_H

#include <stdbool.h>

#include "base/base.h"

/* Has OpenSSL wipe all that it frees from here on, which costs a little each time:
 * for a process that reads keys and then talks to peers that it does not trust.
 * Before anything else of OpenSSL.  False: it has been used already. */
NODISCARD bool tls_memory_wipe_freed(void);

#endif
