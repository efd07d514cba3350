#include "net/resolv_conf.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

enum { LIST_SIZE = 1024 };

static void
add(char *list, const char *word)
{
    snprintf(list + strlen(list), LIST_SIZE - strlen(list), "%s%s",
        *list != '\0' ? " " : "", word);
}

static const struct {
    const char *text;
    const char *servers;
    const char *domains; /* "." is the root */
    unsigned ndots;
} files[] = {
    { "", "127.0.0.1", "home.test", 1 },
    { "nameserver 192.0.2.1\n", "192.0.2.1", "home.test", 1 },
    { "nameserver 192.0.2.1", "192.0.2.1", "home.test", 1 },
    { "nameserver\t 2001:db8::1  \n", "2001:db8::1", "home.test", 1 },
    { "nameserver fe80::1%eth0\n", "fe80::1%eth0", "home.test", 1 },
    { "nameserver 1.1.1.1 # two\n", "1.1.1.1", "home.test", 1 },
    { "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n"
      "nameserver 4.4.4.4\n", "1.1.1.1 2.2.2.2 3.3.3.3", "home.test", 1 },
    { "nameserver dns.test\nnameserver 1.1.1.1\n", "1.1.1.1", "home.test", 1 },
    { " nameserver 1.1.1.1\n", "127.0.0.1", "home.test", 1 },
    { "nameserver1.1.1.1\nnameserver\n", "127.0.0.1", "home.test", 1 },
    { "#nameserver 1.1.1.1\n;nameserver 1.1.1.1\n", "127.0.0.1", "home.test",
        1 },
    { "search .\n", "127.0.0.1", ".", 1 },
    { "search a.test b.test.\t c.test\n", "127.0.0.1", "a.test b.test c.test",
        1 },
    { "search a.test\nsearch b.test\n", "127.0.0.1", "b.test", 1 },
    { "search a.test\ndomain b.test c.test\n", "127.0.0.1", "b.test", 1 },
    { "domain b.test\nsearch a.test .\n", "127.0.0.1", "a.test .", 1 },
    { "search\n", "127.0.0.1", "home.test", 1 },
    { "options ndots:2 timeout:1\n", "127.0.0.1", "home.test", 2 },
    { "options rotate ndots:0\n", "127.0.0.1", "home.test", 0 },
    { "options ndots:99\n", "127.0.0.1", "home.test", 15 },
    { "options ndots:x\n", "127.0.0.1", "home.test", 0 },
    { "sortlist 1.2.3.4\nno such line\n\n\n", "127.0.0.1", "home.test", 1 },
};

/* Promise 50 */
Test(resolv_conf, is_read_as_the_c_library_reads_it)
{
    for (size_t i = 0; i < COUNT(files); i++) {
        char servers[LIST_SIZE] = "", domains[LIST_SIZE] = "";
        struct resolv_conf conf;

        resolv_conf_parse(
            &conf, files[i].text, strlen(files[i].text), "host.home.test");
        for (size_t j = 0; j < conf.server_count; j++)
            add(servers, conf.servers[j]);
        for (size_t j = 0; j < conf.domain_count; j++)
            add(domains, *conf.domains[j] != '\0' ? conf.domains[j] : ".");
        cr_expect_str_eq(servers, files[i].servers, "%s: %s", files[i].text,
            servers);
        cr_expect_str_eq(domains, files[i].domains, "%s: %s", files[i].text,
            domains);
        cr_expect_eq(conf.ndots, files[i].ndots, "%s", files[i].text);
    }
}

Test(resolv_conf, a_machine_without_a_domain_has_none)
{
    static const char *const names[] = { NULL, "", "host", "host." };
    struct resolv_conf conf;

    for (size_t i = 0; i < COUNT(names); i++) {
        resolv_conf_parse(&conf, "", 0, names[i]);
        cr_expect_eq(conf.domain_count, 0, "%zu", i);
    }
}

Test(resolv_conf, bounds_what_it_takes)
{
    static char text[1 << 16];
    struct resolv_conf conf;

    memset(text, 'a', sizeof(text));
    memcpy(text, "search ", 7);
    resolv_conf_parse(&conf, text, sizeof(text), NULL);
    cr_expect_eq(conf.domain_count, 0, "one domain that is too long");
    for (size_t i = 8; i < sizeof(text); i += 2)
        text[i] = ' ';
    resolv_conf_parse(&conf, text, sizeof(text), NULL);
    cr_expect_eq(conf.domain_count, RESOLV_DOMAINS_MAX);
    memcpy(text, "nameserver ", 11);
    resolv_conf_parse(&conf, text, sizeof(text), NULL);
    cr_expect_str_eq(conf.servers[0], "127.0.0.1");
}

static const struct {
    const char *text;
    const char *host;
    const char *want; /* the names in turn */
} questions[] = {
    { "search .\n", "redis", "redis" },
    { "search .\n", "a.test", "a.test" },
    { "search . b.test\n", "redis", "redis redis.b.test" },
    { "search b.test .\n", "redis", "redis.b.test redis" },
    { "search b.test .\n", "a.test", "a.test a.test.b.test" },
    { "search b.test c.test\n", "a", "a.b.test a.c.test a" },
    { "search b.test c.test\n", "a.d", "a.d a.d.b.test a.d.c.test" },
    { "search b.test\noptions ndots:2\n", "a.d", "a.d.b.test a.d" },
    { "search b.test\noptions ndots:2\n", "a.d.e", "a.d.e a.d.e.b.test" },
    { "search b.test\noptions ndots:0\n", "a", "a a.b.test" },
    { "search b.test\n", "a.", "a." },
    { "search b.test\n", "a.b.", "a.b." },
    { "", "a", "a" },
    { "", "a.b", "a.b" },
};

Test(resolv_conf, asks_for_the_names_that_the_c_library_would_ask_for)
{
    for (size_t i = 0; i < COUNT(questions); i++) {
        char name[RESOLV_NAME_SIZE], list[LIST_SIZE] = "";
        struct resolv_conf conf;

        resolv_conf_parse(
            &conf, questions[i].text, strlen(questions[i].text), "host");
        for (size_t j = 0;
             resolv_conf_candidate(&conf, questions[i].host, j, name); j++)
            add(list, name);
        cr_expect_str_eq(list, questions[i].want, "%s of %s: %s",
            questions[i].host, questions[i].text, list);
    }
}

/* No server could know it. */
Test(resolv_conf, leaves_names_out_that_are_too_long)
{
    char host[RESOLV_NAME_SIZE], name[RESOLV_NAME_SIZE];
    struct resolv_conf conf;

    memset(host, 'a', sizeof(host));
    host[sizeof(host) - 1] = '\0';
    host[100] = host[200] = '.';
    resolv_conf_parse(&conf, "search b.test c.test\n", 21, NULL);
    cr_assert(resolv_conf_candidate(&conf, host, 0, name));
    cr_expect_str_eq(name, host);
    cr_expect_not(resolv_conf_candidate(&conf, host, 1, name));
}
