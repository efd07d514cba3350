#include "config/config_arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "config/config_load.h"
#include "loading.h"

#define WORDS_MAX 8

/* The words are separated by a blank. */
static struct config *
load(const char *line, struct error *error)
{
    char *copy = strdup(line), *rest = copy, *word, *words[WORDS_MAX];
    struct config *config;
    int count = 0;

    while ((word = strsep(&rest, " ")) != NULL) {
        if (*word != '\0')
            words[count++] = word;
    }
    config = config_load_arguments(count, words, error);
    free(copy);
    return config;
}

Test(config_arguments, makes_one_service)
{
    struct error error = { 0 };
    struct config *config = load("tls://:8443 --log_level=debug x:80 "
        "--listen.cert=/a.pem --listen.alpn=h2 --listen.alpn=dot "
        "--timeout.idle=1m", &error);
    const struct service_config *service;

    cr_assert_not_null(config);
    cr_assert_eq(config->service_count, 1);
    service = &config->services[0];
    cr_expect_str_eq(service->name, "tunnel");
    cr_expect_null(config->path);
    cr_expect_eq(config->global.log_level, LOG_LEVEL_DEBUG);
    cr_expect_eq(service->listen.items[0].port, 8443);
    cr_expect(service->listen.items[0].tls);
    cr_expect_str_eq(service->listen.items[0].origin.file, "command line");
    cr_expect_eq(service->listen.items[0].origin.line, 0);
    cr_expect_str_eq(service->connect.items[0].host, "x");
    cr_expect_eq(service->idle_timeout_ms, 60000);
    cr_expect_eq(service->listen_leg.alpn.count, 2);
    cr_expect_eq(service->connect_timeout_ms, 5000);
    config_unref(config);
}

Test(config_arguments, paths_start_from_the_working_folder)
{
    struct error error = { 0 };
    struct config *config = load("tls://:1 x:1 --listen.cert=a.pem", &error);
    char *here = getcwd(NULL, 0), *want;

    cr_assert_not_null(config);
    cr_assert_gt(asprintf(&want, "%s/a.pem", here), 0);
    cr_expect_str_eq(config->services[0].listen_leg.cert.items[0], want);
    free(want);
    free(here);
    config_unref(config);
}

Test(config_arguments, refuses)
{
    static const struct { const char *line, *why; } cases[] = {
        { "", "command line: LISTEN and CONNECT are needed" },
        { ":1", "command line: LISTEN and CONNECT are needed" },
        { ":1 x:1 y:1", "\"y:1\" is one word too many" },
        { ":1 x", "command line: connect: \"x\" has no port" },
        { ":1 x:1 --splice", "\"--splice\" has no '='" },
        { ":1 x:1 --", "\"--\" has no '='" },
        { ":1 x:1 --splice=", "splice: the value is missing" },
        { ":1 x:1 --splice=x", "command line: splice: \"x\" is not known" },
        { ":1 x:1 --splcie=auto", "splcie: there is no such option; did you "
            "mean \"splice\"?" },
        { ":1 x:1 --log_levle=info", "did you mean \"log_level\"" },
        { ":1 x:1 --splice=auto --splice=auto", "splice: it is given twice" },
        { ":1 x:1 --include=a", "include: it is for files only" },
        { ":1 x:1 --=a", "there is no such option" },
        { ":1 x:1 --name.that.is.much.longer.than.any.option.that.there.is=1",
            "there is no such option" },
        { ":1 x:1 --listen.cert=a", "no listen endpoint" },
        { ":1 x:1 --listen.owner=\"a\"", "in quotes" },
        { ":1 x:1 --listen.owner=\x1b", "control byte" },
        { ":1 x:1 --listen.owner=\xff", "not UTF-8" },
        { "tls://:1 x:1", "command line: listen.cert: it is missing" },
        { ":1 :1", "no host to connect to" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error error = { 0 };
        struct config *config = load(cases[i].line, &error);

        cr_expect_null(config, "%s", cases[i].line);
        cr_assert_gt(error.count, 0);
        cr_expect(strstr(error.messages[0], cases[i].why) != NULL, "%s: %s",
            cases[i].line, error.messages[0]);
        cr_expect_eq(error.count, 1, "%s", cases[i].line);
        config_unref(config);
        error_clear(&error);
    }
}
