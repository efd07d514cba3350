/*
 * Descriptors on their way through a unix socket: SCM_RIGHTS of unix(7), in the
 * control part of sendmsg(2) and recvmsg(2).
 */
#ifndef BASE_FD_PASS_H
#define BASE_FD_PASS_H

#include <sys/socket.h>

#include <stddef.h>

enum { FD_PASS_MAX = 2 }; /* that any message of ours has */

/* The control part of a message, aligned as the kernel wants its headers. */
union fd_pass {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(FD_PASS_MAX * sizeof(int))];
};

/* Has a message about to be sent carry `count` descriptors; 0: none.  The kernel
 * duplicates them when it is sent.  `pass` must stay until then. */
void fd_pass_pack(struct msghdr *message, union fd_pass *pass, const int *fds,
    size_t count);

/* Has a message about to be received bring `most` descriptors; the kernel closes
 * those beyond, and sets MSG_CTRUNC.  `pass` must stay until fd_pass_unpack(). */
void fd_pass_expect(struct msghdr *message, union fd_pass *pass, size_t most);

/* Takes at most `most` descriptors out of a message that was received: the
 * caller's to close.  The rest of `fds` is -1.  Closes those beyond.  Returns how
 * many there are. */
size_t fd_pass_unpack(struct msghdr *message, int *fds, size_t most);

#endif
