#include "own_net.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PACKET = 512, HEADER = 12, TYPE_A = 1 };

#define NEED(condition) need((condition), #condition)

static void
need(bool met, const char *what)
{
    if (met)
        return;
    perror(what);
    abort();
}

/* In a file without a name, which is gone with the mount. */
static void
put_in_place(const char *text, const char *target)
{
    char path[] = "/tmp/sallyport-test.XXXXXX";
    int fd = mkstemp(path);

    NEED(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    NEED(fchmod(fd, 0644) == 0);
    NEED(mount(path, target, NULL, MS_BIND, NULL) == 0);
    unlink(path);
    close(fd);
}

void
own_net_put(const char *text, const char *path)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    NEED(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void
bring_loopback_up(void)
{
    struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    NEED(fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0);
    close(fd);
}

void
own_net_add(uint32_t address)
{
    struct ifreq lo = { .ifr_name = "lo:1" };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    *(struct sockaddr_in *)&lo.ifr_addr = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
    NEED(fd >= 0 && ioctl(fd, SIOCSIFADDR, &lo) == 0);
    close(fd);
}

bool
own_net_enter(const char *hosts, const char *resolv_conf)
{
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return false;
    bring_loopback_up();
    put_in_place(hosts, "/etc/hosts");
    put_in_place(resolv_conf, "/etc/resolv.conf");
    return true;
}

int
own_net_dns_open(uint32_t host)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_port = htons(53), .sin_addr.s_addr = htonl(host) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    NEED(fd >= 0 &&
        bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    return fd;
}

static size_t
add_number(uint8_t *packet, size_t at, uint32_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        packet[at++] = (uint8_t)(value >> (8 * i));
    return at;
}

/* RFC 1035 4.1.3, for the name that the question has at its beginning. */
static size_t
add_answer(uint8_t *packet, size_t at, const struct own_net_dns *dns)
{
    at = add_number(packet, at, 0xc000 | HEADER, 2);
    at = add_number(packet, at, TYPE_A, 2);
    at = add_number(packet, at, 1, 2);
    at = add_number(packet, at, dns->ttl_s, 4);
    at = add_number(packet, at, 4, 2);
    return add_number(packet, at, dns->address, 4);
}

static size_t
reply_to(uint8_t *packet, struct own_net_dns *dns)
{
    size_t end = HEADER;
    bool asks_a;

    while (packet[end] != 0)
        end += packet[end] + 1u;
    asks_a = packet[end + 2] == TYPE_A;
    end += 5;
    dns->asked += asks_a;
    packet[2] = 0x84; /* an answer, with authority */
    packet[3] = dns->mood == DNS_FAILS ? 2 : dns->mood == DNS_UNKNOWN ? 3 : 0;
    add_number(packet, 6, dns->mood == DNS_ANSWERS && asks_a, 2);
    add_number(packet, 8, 0, 4); /* no more sections */
    if (packet[7] == 1)
        end = add_answer(packet, end, dns);
    return end;
}

void
own_net_dns_serve(int fd, struct own_net_dns *dns)
{
    uint8_t packet[PACKET];
    struct sockaddr_in peer;
    socklen_t length = sizeof(peer);

    while (recvfrom(fd, packet, PACKET - 16, 0, (struct sockaddr *)&peer,
               &length) > HEADER)
        if (dns->mood != DNS_IS_DEAD)
            sendto(fd, packet, reply_to(packet, dns), 0,
                (struct sockaddr *)&peer, length);
}
