#include "net/hosts_file.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* A part of the text. */
struct span {
    const char *start;
    const char *end;
};

/* isspace(3) of the C locale, whatever the locale is. */
static bool
is_space(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Takes the next word off the front of `line`; an empty one at its end. */
static struct span
take_word(struct span *line)
{
    struct span word;

    while (line->start < line->end && is_space(*line->start))
        line->start++;
    word.start = line->start;
    while (line->start < line->end && !is_space(*line->start))
        line->start++;
    word.end = line->start;
    return word;
}

/* Up to the line's end, a comment or a NUL, whichever comes first; `*text` then
 * begins with the next line. */
static struct span
take_hosts_line(struct span *text)
{
    size_t left = (size_t)(text->end - text->start);
    const char *newline = memchr(text->start, '\n', left);
    struct span line = { text->start, newline != NULL ? newline : text->end };
    const char *at;

    text->start = newline != NULL ? newline + 1 : text->end;
    for (at = line.start; at < line.end && *at != '#' && *at != '\0'; at++)
        continue;
    line.end = at;
    return line;
}

static bool
line_names_host(struct span line, const char *host, size_t length)
{
    for (;;) {
        struct span word = take_word(&line);

        if (word.start == word.end)
            return false;
        if ((size_t)(word.end - word.start) == length &&
            strncasecmp(word.start, host, length) == 0)
            return true;
    }
}

/* As inet_pton(3) reads it: no zones, no short forms. */
static bool
parse_address(struct span word, struct address *address)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->storage;
    size_t length = (size_t)(word.end - word.start);
    char text[INET6_ADDRSTRLEN];

    memset(address, 0, sizeof(*address));
    if (length == 0 || length >= sizeof(text))
        return false;
    memcpy(text, word.start, length);
    text[length] = '\0';
    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        address->length = sizeof(*in);
        return true;
    }
    if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
        return false;
    in6->sin6_family = AF_INET6;
    address->length = sizeof(*in6);
    return true;
}

static bool
is_among(const struct address *address, const struct address *others,
    size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (others[i].length == address->length &&
            memcmp(&others[i].storage, &address->storage, address->length) ==
                0)
            return true;
    return false;
}

size_t
hosts_file_find(const char *text, size_t length, const char *host,
    struct address *addresses, size_t room)
{
    struct span rest = { text, text + length };
    size_t host_length = strlen(host), count = 0;
    struct address address;

    while (rest.start < rest.end && count < room) {
        struct span line = take_hosts_line(&rest);
        struct span word = take_word(&line);

        if (line_names_host(line, host, host_length) &&
            parse_address(word, &address) &&
            !is_among(&address, addresses, count))
            addresses[count++] = address;
    }
    return count;
}
