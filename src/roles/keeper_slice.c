#include "roles/keeper_slice.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/syscall.h>

#include <unistd.h>

/* The C library has no functions for these calls before glibc 2.41. */
void
keeper_slice_shorten(void)
{
    struct sched_attr attr = { .size = sizeof(attr) };

    if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) != 0 ||
        attr.sched_policy != SCHED_NORMAL)
        return;
    attr.sched_runtime = KEEPER_SLICE_NS;
    (void)!syscall(SYS_sched_setattr, 0, &attr, 0);
}
