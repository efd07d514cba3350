#include "sandbox/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <stddef.h>
#include <unistd.h>

typedef struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

static bool
get_capabilities(sets data)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };

    return syscall(SYS_capget, &header, data) == 0;
}

static bool
set_process_capabilities(const struct __user_cap_data_struct *data)
{
    struct __user_cap_header_struct header = {
        .version = _LINUX_CAPABILITY_VERSION_3,
    };

    return syscall(SYS_capset, &header, data) == 0;
}

/* There are as many as the kernel has an answer for. */
bool
capabilities_bound(uint64_t keep)
{
    sets have;

    if (!get_capabilities(have))
        return false;
    if ((have[0].effective & CAPABILITY(CAP_SETPCAP)) == 0)
        return true;
    for (unsigned number = 0; number < 64; number++) {
        int there = prctl(PR_CAPBSET_READ, number, 0, 0, 0);

        if (there < 0)
            break;
        if (there == 1 && (keep & CAPABILITY(number)) == 0 &&
            prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0)
            return false;
    }
    return true;
}

bool
capabilities_limit(uint64_t keep)
{
    sets data;

    if (!get_capabilities(data))
        return false;
    for (size_t i = 0; i < COUNT(data); i++) {
        uint32_t part = (uint32_t)(keep >> 32 * i);

        data[i].permitted &= part;
        data[i].effective &= part;
        data[i].inheritable &= part;
    }
    return set_process_capabilities(data);
}

bool
capabilities_beyond(uint64_t keep)
{
    sets data;

    if (!get_capabilities(data))
        return true;
    for (size_t i = 0; i < COUNT(data); i++)
        if (((data[i].permitted | data[i].effective | data[i].inheritable) &
                ~(uint32_t)(keep >> 32 * i)) != 0)
            return true;
    return false;
}
