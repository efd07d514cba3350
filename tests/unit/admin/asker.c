#include "admin/asker.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/fd.h"

int
asker_open(const char *path)
{
    struct address address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert(address_from_path(&address, path));
    cr_assert_eq(connect(fd, (struct sockaddr *)&address.storage,
        address.length), 0, "%s: %s", path, strerror(errno));
    cr_assert(fd_set_nonblocking(fd));
    return fd;
}

void
asker_ask(int fd, const char *text)
{
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL),
        (ssize_t)strlen(text));
}

bool
asker_read(int fd, char text[ASKER_TEXT_SIZE])
{
    size_t length = strlen(text);
    ssize_t count;

    while ((count = recv(fd, text + length, ASKER_TEXT_SIZE - 1 - length,
        0)) > 0)
        length += (size_t)count;
    text[length] = '\0';
    cr_assert(count == 0 || errno == EAGAIN || errno == ECONNRESET);
    return count == 0 || errno == ECONNRESET;
}
