/*
 * Calls that a test may play the kernel of, if tests/unit/CMakeLists.txt names
 * them for it: the product's and the test's own calls of NAME() come to its
 * __wrap_NAME(), which has the system's as __real_NAME(): ld(1).
 */
#ifndef TESTS_NET_WRAPS_H
#define TESTS_NET_WRAPS_H

#include <sys/socket.h>
#include <sys/types.h>

#include <stddef.h>

int __real_close(int fd);
int __wrap_close(int fd);
int __real_connect(int fd, const struct sockaddr *to, socklen_t length);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t length);
int __real_getsockname(int fd, struct sockaddr *name, socklen_t *length);
int __wrap_getsockname(int fd, struct sockaddr *name, socklen_t *length);
int __real_getsockopt(
    int fd, int level, int name, void *value, socklen_t *length);
int __wrap_getsockopt(
    int fd, int level, int name, void *value, socklen_t *length);
ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);
ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);
int __real_setsockopt(
    int fd, int level, int name, const void *value, socklen_t length);
int __wrap_setsockopt(
    int fd, int level, int name, const void *value, socklen_t length);
int __real_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how);
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
ssize_t __real_splice(int in, off64_t *in_at, int out, off64_t *out_at,
    size_t size, unsigned flags);
ssize_t __wrap_splice(int in, off64_t *in_at, int out, off64_t *out_at,
    size_t size, unsigned flags);

#endif
