#include "sealed.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

int
sealed_make(const void *data, size_t length, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, data, length), (ssize_t)length);
    cr_assert_eq(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

char *
sealed_bytes(int fd, size_t *length)
{
    struct stat status;
    char *data;

    cr_assert_eq(fstat(fd, &status), 0);
    *length = (size_t)status.st_size;
    data = malloc(*length + 1);
    cr_assert_not_null(data);
    cr_assert_eq(pread(fd, data, *length, 0), (ssize_t)*length);
    return data;
}
