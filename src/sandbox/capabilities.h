/* A process's capabilities, capabilities(7), as sets of one bit each. */
#ifndef SANDBOX_CAPABILITIES_H
#define SANDBOX_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

#define CAPABILITY(number) (UINT64_C(1) << (number))

/* Takes all but `keep` out of the bounding set, from which programs that it runs
 * could get them.  Without CAP_SETPCAP the set stays as it is: then it is of
 * use only to root, and where new privileges may be had.  False: errno. */
NODISCARD bool capabilities_bound(uint64_t keep);

/* Gives up all but `keep`: permitted, effective, inheritable, and with them the
 * ambient ones.  False: errno. */
NODISCARD bool capabilities_limit(uint64_t keep);

/* True if it has any beside those. */
bool capabilities_beyond(uint64_t keep);

#endif
