/* The descriptors of this process. */
#ifndef TESTS_BASE_DESCRIPTORS_H
#define TESTS_BASE_DESCRIPTORS_H

#include <stddef.h>

/* How many are open. */
size_t descriptors_count(void);

#endif
