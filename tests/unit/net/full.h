/*
 * A kernel that says that a socket has room, and then has none: that is when
 * bytes stay in a pipe.  For tests whose splice(2) is wrapped (net/wraps.h).
 */
#ifndef TESTS_NET_FULL_H
#define TESTS_NET_FULL_H

#include <stdbool.h>

/* From now on splice(2) to a descriptor of which `is_full` returns true fails
 * with EAGAIN; NULL: to none. */
void full_set(bool (*is_full)(int fd));

#endif
