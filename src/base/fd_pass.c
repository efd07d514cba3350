#include "base/fd_pass.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

void
fd_pass_pack(struct msghdr *message, union fd_pass *pass, const int *fds,
    size_t count)
{
    size_t size = count * sizeof(int);

    assert(count <= FD_PASS_MAX);
    if (count == 0)
        return;
    memset(pass, 0, sizeof(*pass));
    pass->header.cmsg_level = SOL_SOCKET;
    pass->header.cmsg_type = SCM_RIGHTS;
    pass->header.cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(&pass->header), fds, size);
    message->msg_control = pass;
    message->msg_controllen = CMSG_SPACE(size);
}

void
fd_pass_expect(struct msghdr *message, union fd_pass *pass, size_t most)
{
    assert(most <= FD_PASS_MAX);
    message->msg_control = pass;
    /* Not CMSG_SPACE: its padding would be room for one more. */
    message->msg_controllen = CMSG_LEN(most * sizeof(int));
}

/* Where the descriptors of one header stand that has any, and how many. */
static const unsigned char *
descriptors_of(struct cmsghdr *header, size_t *count)
{
    *count = header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS
        ? (header->cmsg_len - CMSG_LEN(0)) / sizeof(int)
        : 0;
    return CMSG_DATA(header);
}

size_t
fd_pass_unpack(struct msghdr *message, int *fds, size_t most)
{
    size_t taken = 0, count;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        const unsigned char *from = descriptors_of(header, &count);

        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, from + i * sizeof(fd), sizeof(fd));
            if (taken < most)
                fds[taken++] = fd;
            else
                close(fd);
        }
    }
    for (size_t i = taken; i < most; i++)
        fds[i] = -1;
    return taken;
}
