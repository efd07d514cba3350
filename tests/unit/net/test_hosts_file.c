#include "net/hosts_file.h"

#include <netdb.h>
#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "own_net.h"

enum { ROOM = 16, TEXT_SIZE = ROOM * ADDRESS_TEXT_SIZE };

/* The addresses as text, in order, a space behind each. */
static const char *
found(const char *text, size_t length, const char *host)
{
    static char list[TEXT_SIZE];
    struct address addresses[ROOM];
    char one[ADDRESS_TEXT_SIZE];
    size_t count = hosts_file_find(text, length, host, addresses, ROOM);

    list[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        address_format((const struct sockaddr *)&addresses[i].storage,
            addresses[i].length, one);
        snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s ",
            one);
    }
    return list;
}

/* The port is 0 in each. */
static const struct {
    const char *text;
    const char *host;
    const char *want;
} cases[] = {
    { "192.0.2.1 a\n", "a", "192.0.2.1:0 " },
    { "192.0.2.1 a", "a", "192.0.2.1:0 " },
    { "192.0.2.1 a\n", "b", "" },
    { "192.0.2.1 a\n", "A", "192.0.2.1:0 " },
    { "192.0.2.1 One two\tthree\n", "ONE", "192.0.2.1:0 " },
    { "192.0.2.1 One two\tthree\n", "three", "192.0.2.1:0 " },
    { "192.0.2.1 aa\n", "a", "" },
    { "192.0.2.1 a\n", "aa", "" },
    { "192.0.2.1 a.\n", "a", "" },
    { "2001:DB8::1 a\n", "a", "[2001:db8::1]:0 " },
    { "::ffff:192.0.2.1 a\n", "a", "[::ffff:192.0.2.1]:0 " },
    /* Lines that share a name or an address stay apart. */
    { "192.0.2.1 a b\n192.0.2.1 c\n192.0.2.2 b\n", "a", "192.0.2.1:0 " },
    { "192.0.2.1 a b\n192.0.2.1 c\n192.0.2.2 b\n", "c", "192.0.2.1:0 " },
    { "192.0.2.1 a b\n192.0.2.1 c\n192.0.2.2 b\n", "b",
        "192.0.2.1:0 192.0.2.2:0 " },
    { "127.0.0.1 localhost\n127.0.0.1 a\n192.0.2.7 a\n", "localhost",
        "127.0.0.1:0 " },
    { "::1 a\n192.0.2.1 a\n", "a", "[::1]:0 192.0.2.1:0 " },
    { "192.0.2.1 a\n192.0.2.1 a\n", "a", "192.0.2.1:0 " },
    { "192.0.2.1 a a\n", "a", "192.0.2.1:0 " },
    /* White space, comments, ends of lines. */
    { "  \t192.0.2.1 \t a  \r\n", "a", "192.0.2.1:0 " },
    { "192.0.2.1\va\f\n", "a", "192.0.2.1:0 " },
    { "#192.0.2.1 a\n", "a", "" },
    { "192.0.2.1 #a\n", "a", "" },
    { "192.0.2.1 a#b\n", "a", "192.0.2.1:0 " },
    { "192.0.2.1 a#b\n", "a#b", "" },
    { "192.0.2.1 a # b\n", "b", "" },
    { "192.0.2.1\na\n", "a", "" },
    { "\n\n192.0.2.1 a\n\n", "a", "192.0.2.1:0 " },
    { "192.0.2.1\n", "192.0.2.1", "" },
    { "", "a", "" },
    { "\n", "", "" },
    { "192.0.2.1 \n", "", "" },
    /* What is no address makes no line. */
    { "192.0.2 a\n192.0.2.2 a\n", "a", "192.0.2.2:0 " },
    { "192.0.2.256 a\n", "a", "" },
    { "192.0.2.01 a\n", "a", "" },
    { "0x7f.1 a\n", "a", "" },
    { "fe80::1%lo a\n", "a", "" },
    { "[::1] a\n", "a", "" },
    { "a 192.0.2.1\n", "a", "" },
    { "1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222 a\n", "a",
        "" },
};

/* Promise 50 */
Test(hosts_file, is_read_line_by_line)
{
    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_str_eq(
            found(cases[i].text, strlen(cases[i].text), cases[i].host),
            cases[i].want, "%s in %s", cases[i].host, cases[i].text);
}

Test(hosts_file, a_nul_ends_a_line_and_not_the_file)
{
    static const char text[] = "192.0.2.1 a\0 b\n192.0.2.2 b\n";

    cr_expect_str_eq(found(text, sizeof(text) - 1, "a"), "192.0.2.1:0 ");
    cr_expect_str_eq(found(text, sizeof(text) - 1, "b"), "192.0.2.2:0 ");
}

Test(hosts_file, finds_no_more_than_there_is_room_for)
{
    struct address addresses[2];
    static const char text[] = "192.0.2.1 a\n192.0.2.2 a\n192.0.2.3 a\n";

    cr_expect_eq(hosts_file_find(text, strlen(text), "a", addresses, 2), 2);
    cr_expect_eq(hosts_file_find(text, strlen(text), "a", addresses, 0), 0);
}

/* Whether the C library finds this address, too. */
static bool
is_among(const struct address *address, const struct addrinfo *found)
{
    for (; found != NULL; found = found->ai_next)
        if (found->ai_addrlen == address->length &&
            memcmp(found->ai_addr, &address->storage, address->length) == 0)
            return true;
    return false;
}

static size_t
count_found(const struct addrinfo *found)
{
    size_t count = 0;

    for (; found != NULL; found = found->ai_next)
        count++;
    return count;
}

/* Names whose addresses getaddrinfo(3) finds in the file that this process has
 * for its own; whether the name exists, and which addresses it has.
 * Promise 50. */
Test(hosts_file, agrees_with_the_c_library, .timeout = 60)
{
    static const char text[] =
        "127.0.0.1 localhost\n::1 localhost six\n"
        "192.0.2.1 one two # three\n192.0.2.1 four\n192.0.2.2 two\n"
        " \t192.0.2.3\tfive\r\n192.0.2 bad\n192.0.2.4 bad\n"
        "192.0.2.5 FIVE Seven.example\n2001:db8::1 four\n"
        "#192.0.2.6 eight\n192.0.2.7 nine#ten\n192.0.2.01 eleven\n"
        "fe80::1%lo eleven\n192.0.2.8 eleven";
    static const char *const hosts[] = {
        "localhost", "one", "two", "three", "four", "five", "six", "bad",
        "seven.example", "eight", "nine", "nine#ten", "eleven",
    };
    static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };

    if (!own_net_enter(text, "options timeout:1 attempts:1\n"))
        cr_skip_test("it takes rights to have files of one's own");
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct address addresses[ROOM];
        size_t count = hosts_file_find(
            text, strlen(text), hosts[i], addresses, ROOM);
        struct addrinfo *theirs = NULL;

        if (getaddrinfo(hosts[i], NULL, &hints, &theirs) != 0)
            theirs = NULL;
        cr_expect_eq(count, count_found(theirs), "%s: %zu, not %zu", hosts[i],
            count, count_found(theirs));
        for (size_t j = 0; j < count; j++)
            cr_expect(is_among(&addresses[j], theirs), "%s", hosts[i]);
        if (theirs != NULL)
            freeaddrinfo(theirs);
    }
}
