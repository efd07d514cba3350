#include "net/resolv_conf.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

/* The longest line that is looked at; a longer one is cut there. */
enum { LINE_SIZE = 8192, NDOTS_MOST = 15 };

/* What stands behind a keyword at the very front of a line; NULL: it is not
 * that keyword. */
static char *
value_of(char *line, const char *keyword)
{
    size_t length = strlen(keyword);

    if (strncmp(line, keyword, length) != 0 || line[length] == '\0' ||
        strchr(BLANKS, line[length]) == NULL)
        return NULL;
    return line + length + strspn(line + length, BLANKS);
}

static bool
is_server(const char *text)
{
    char bare[RESOLV_SERVER_SIZE];
    struct in6_addr in6;
    struct in_addr in;

    snprintf(bare, sizeof(bare), "%s", text);
    bare[strcspn(bare, "%")] = '\0';
    return inet_pton(AF_INET, text, &in) == 1 ||
        inet_pton(AF_INET6, bare, &in6) == 1;
}

static void
add_server(struct resolv_conf *conf, char *value)
{
    value[strcspn(value, ";#" BLANKS)] = '\0';
    if (conf->server_count == RESOLV_SERVERS_MAX ||
        strlen(value) >= RESOLV_SERVER_SIZE || !is_server(value))
        return;
    strcpy(conf->servers[conf->server_count++], value);
}

static void
add_domain(struct resolv_conf *conf, const char *domain, size_t length)
{
    while (length > 0 && domain[length - 1] == '.')
        length--;
    if (conf->domain_count == RESOLV_DOMAINS_MAX ||
        length >= RESOLV_NAME_SIZE)
        return;
    memcpy(conf->domains[conf->domain_count], domain, length);
    conf->domains[conf->domain_count++][length] = '\0';
}

/* The last line of either keyword counts. */
static void
set_domains(struct resolv_conf *conf, const char *value, size_t most)
{
    conf->domain_count = 0;
    for (size_t i = 0; i < most && *value != '\0'; i++) {
        size_t length = strcspn(value, BLANKS);

        add_domain(conf, value, length);
        value += length;
        value += strspn(value, BLANKS);
    }
}

static void
set_resolv_options(struct resolv_conf *conf, const char *value)
{
    while (*value != '\0') {
        if (strncmp(value, "ndots:", 6) == 0) {
            unsigned long ndots = strtoul(value + 6, NULL, 10);

            conf->ndots = ndots < NDOTS_MOST ? (unsigned)ndots : NDOTS_MOST;
        }
        value += strcspn(value, BLANKS);
        value += strspn(value, BLANKS);
    }
}

static void
read_line(struct resolv_conf *conf, char *line)
{
    char *value;

    if ((value = value_of(line, "nameserver")) != NULL)
        add_server(conf, value);
    else if ((value = value_of(line, "search")) != NULL)
        set_domains(conf, value, RESOLV_DOMAINS_MAX);
    else if ((value = value_of(line, "domain")) != NULL)
        set_domains(conf, value, 1);
    else if ((value = value_of(line, "options")) != NULL)
        set_resolv_options(conf, value);
}

/* Copies the next line, without its end and up to a NUL; returns where the one
 * after it begins. */
static const char *
copy_line(const char *text, const char *end, char line[LINE_SIZE])
{
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    size_t length = (size_t)((newline != NULL ? newline : end) - text);

    if (length >= LINE_SIZE)
        length = LINE_SIZE - 1;
    memcpy(line, text, length);
    line[length] = '\0';
    return newline != NULL ? newline + 1 : end;
}

void
resolv_conf_parse(struct resolv_conf *conf, const char *text, size_t length,
    const char *own_name)
{
    const char *end = text + length, *dot;
    char line[LINE_SIZE];

    memset(conf, 0, sizeof(*conf));
    conf->ndots = 1;
    while (text < end) {
        text = copy_line(text, end, line);
        read_line(conf, line);
    }
    if (conf->server_count == 0)
        strcpy(conf->servers[conf->server_count++], "127.0.0.1");
    dot = own_name != NULL ? strchr(own_name, '.') : NULL;
    if (conf->domain_count == 0 && dot != NULL && dot[1] != '\0')
        add_domain(conf, dot + 1, strlen(dot + 1));
}

static unsigned
count_dots(const char *host)
{
    unsigned dots = 0;

    for (; *host != '\0'; host++)
        dots += *host == '.';
    return dots;
}

/* False: the name would be too long for any server to know it. */
static bool
join_domain(const char *host, const char *domain, char name[RESOLV_NAME_SIZE])
{
    const char *dot = *domain != '\0' ? "." : "";

    return snprintf(name, RESOLV_NAME_SIZE, "%s%s%s", host, dot, domain) <
        RESOLV_NAME_SIZE;
}

/* As it stands first, if it has enough dots, and last if it has not; a name
 * that ends with a dot only so. */
bool
resolv_conf_candidate(const struct resolv_conf *conf, const char *host,
    size_t index, char name[RESOLV_NAME_SIZE])
{
    bool first = count_dots(host) >= conf->ndots;
    bool whole = *host != '\0' && host[strlen(host) - 1] == '.';
    bool as_is = !first && !whole;
    size_t seen = 0;

    if (first || whole) {
        if (index == seen++)
            return join_domain(host, "", name);
    }
    for (size_t i = 0; i < conf->domain_count && !whole; i++) {
        if (*conf->domains[i] == '\0') {
            if (first)
                continue; /* it was the first */
            as_is = false;
        }
        if (!join_domain(host, conf->domains[i], name))
            continue;
        if (index == seen++)
            return true;
    }
    return as_is && index == seen && join_domain(host, "", name);
}
