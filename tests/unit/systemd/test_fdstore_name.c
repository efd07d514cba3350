#include "systemd/fdstore_name.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/scratch.h"
#include "net/listener_bind.h"

TestSuite(store_name, .fini = scratch_remove, .timeout = 30);

/* A socket that listens at any port of 127.0.0.1. */
static int
listen_inet(unsigned *port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, length), 0);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static int
listen_unix(const char *path)
{
    struct address address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert(address_from_path(&address, path));
    cr_assert_eq(bind(fd, (struct sockaddr *)&address.storage,
        address.length), 0);
    cr_assert_eq(listen(fd, 1), 0);
    return fd;
}

Test(store_name, says_all_that_is_needed)
{
    static const struct {
        struct listener_socket socket;
        const char *name;
    } cases[] = {
        { { .text = (char *)"127.0.0.1:443" },
            "sallyport,0,0,0,127.0.0.1%3A443" },
        { { .text = (char *)"[::]:443", .index = 7 },
            "sallyport,7,0,0,[%3A%3A]%3A443" },
        { { .text = (char *)"[fe80::1%eth0]:1", .index = 255 },
            "sallyport,255,0,0,[fe80%3A%3A1%25eth0]%3A1" },
        { { .text = (char *)"unix:/a b",
              .path = (char *)"/a b",
              .device = 16,
              .inode = 255 },
            "sallyport,0,10,ff,unix%3A/a%20b" },
        { { .text = (char *)"unix:@a", .device = 1, .inode = 2 },
            "sallyport,0,0,0,unix%3A@a" },
        { { .text = (char *)"unix:/\\xc3\n" },
            "sallyport,0,0,0,unix%3A/\\xc3%0A" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[STORE_NAME_SIZE];

        cr_assert(fdstore_name_make(&cases[i].socket, name));
        cr_expect_str_eq(name, cases[i].name);
        cr_expect(fdstore_name_is_ours(name));
    }
    cr_expect_not(fdstore_name_is_ours("web"));
    cr_expect_not(fdstore_name_is_ours("sallyport.socket"));
}

Test(store_name, has_a_bound)
{
    char text[300], name[STORE_NAME_SIZE];
    struct listener_socket socket = { .text = text };

    /* "sallyport,0,0,0," is 16 bytes long. */
    for (size_t length = 230; length < 250; length++) {
        memset(text, 'a', length);
        text[length] = '\0';
        cr_expect_eq(fdstore_name_make(&socket, name), length + 16 < 256,
            "%zu", length);
        text[length - 1] = ':';
        cr_expect_eq(fdstore_name_make(&socket, name), length + 18 < 256,
            "%zu", length);
    }
}

/* Makes a name of the socket's true one; "@" in `form` is where it listens. */
static const char *
name_like(const char *form, const char *address)
{
    static char name[STORE_NAME_SIZE];
    const char *at = strchr(form, '@');

    if (at == NULL)
        snprintf(name, sizeof(name), "%s", form);
    else
        snprintf(name, sizeof(name), "%.*s%s%s", (int)(at - form), form,
            address, at + 1);
    return name;
}

Test(store_name, is_believed_if_the_socket_agrees)
{
    static const struct { const char *form; bool good; } cases[] = {
        { "sallyport,0,0,0,@", true },
        { "sallyport,255,0,0,@", true },
        { "sallyport,256,0,0,@", false },
        { "sallyport,4294967296,0,0,@", false },
        { "sallyport,99999999999999999999,0,0,@", false },
        { "sallyport,0,0,1,@", false }, /* it has no path */
        { "sallyport,00,0,0,@", false },
        { "sallyport,-1,0,0,@", false },
        { "sallyport, 1,0,0,@", false },
        { "sallyport,a,0,0,@", false },
        { "sallyport,0x1,0,0,@", false },
        { "sallyport,0,0,@", false },
        { "sallyport,0,0,0,", false },
        { "sallyport,0,0,0,@0", false },
        { "sallyport,0,0,0,127.0.0.1%3A1", false },
        { "sallyport,,,,@", false },
        { "sallyport,", false },
        { "sallyport", false },
        { "", false },
    };
    unsigned port;
    int fd = listen_inet(&port);
    char address[64];

    snprintf(address, sizeof(address), "127.0.0.1%%3A%u", port);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct listener_socket socket;
        bool good = fdstore_name_read(
            name_like(cases[i].form, address), fd, &socket);

        cr_expect_eq(good, cases[i].good, "%s", cases[i].form);
        if (!good)
            continue;
        cr_expect_eq(socket.fd, fd);
        cr_expect_eq(socket.path, NULL);
        free(socket.text);
    }
    close(fd);
}

Test(store_name, is_of_a_socket_that_listens)
{
    int pair[2];
    struct listener_socket found;
    int loose = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    cr_expect_not(fdstore_name_read("sallyport,0,0,0,unix%3A", pair[0], &found));
    cr_expect_not(fdstore_name_read("sallyport,0,0,0,unix%3A", 0, &found));
    cr_expect_not(fdstore_name_read("sallyport,0,0,0,unix%3A", -1, &found));
    cr_expect_not(
        fdstore_name_read("sallyport,0,0,0,0.0.0.0%3A0", loose, &found));
    close(loose);
    close(pair[0]);
    close(pair[1]);
}

Test(store_name, knows_its_path)
{
    const char *path = scratch_path("socket");
    struct listener_socket made = { .text = NULL }, socket;
    char name[STORE_NAME_SIZE], text[200];
    struct stat file;
    int fd = listen_unix(path);

    cr_assert_eq(lstat(path, &file), 0);
    snprintf(text, sizeof(text), "unix:%s", path);
    made.text = text;
    made.path = (char *)path;
    made.device = file.st_dev;
    made.inode = file.st_ino;
    cr_assert(fdstore_name_make(&made, name));
    cr_assert(fdstore_name_read(name, fd, &socket));
    cr_expect_str_eq(socket.text, text);
    cr_expect_str_eq(socket.path, path);
    cr_expect_eq(socket.inode, file.st_ino);
    free(socket.text);
    free(socket.path);
    /* Another file, and none. */
    cr_assert_eq(unlink(path), 0);
    cr_expect_not(fdstore_name_read(name, fd, &socket));
    close(listen_unix(path));
    cr_expect_not(fdstore_name_read(name, fd, &socket));
    cr_expect_eq(socket.text, NULL);
    close(fd);
}

Test(store_name, knows_abstract_names)
{
    char path[64], text[80], name[STORE_NAME_SIZE];
    struct listener_socket made = { .text = text }, socket;
    int fd;

    snprintf(path, sizeof(path), "@sallyport-test-%d", (int)getpid());
    snprintf(text, sizeof(text), "unix:%s", path);
    fd = listen_unix(path);
    cr_assert(fdstore_name_make(&made, name));
    cr_assert(fdstore_name_read(name, fd, &socket));
    cr_expect_str_eq(socket.text, text);
    cr_expect_eq(socket.path, NULL);
    free(socket.text);
    close(fd);
}
