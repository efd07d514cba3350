#include "relay/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "config/config.h"
#include "config/loading.h"
#include "tls/tls_cert_facts.h"

enum { NOW = 1800000000 }; /* 2027-01-15 */

static const struct tls_cert_facts one = {
    .until = NOW + 43 * 86400, .chain = 2, .subject = "CN=web.test",
    .names = "web.test",
};
static const struct tls_cert_facts three = {
    .until = NOW - 86400, .chain = 1, .subject = "CN=x",
    .names = "a.test, *.b.test, 192.0.2.1",
};
static const struct tls_cert_facts nameless = {
    .until = NOW + 43 * 86400, .chain = 1, .subject = "CN=app",
    .names = "no name",
};

/* Of the first service of a text without its header. */
static char *
plan_of(const char *text, const struct plan_facts *facts)
{
    char whole[2000], *line = NULL;
    struct config *config;
    size_t length;
    FILE *out = open_memstream(&line, &length);

    snprintf(whole, sizeof(whole), "[service web]\n%s", text);
    config = loading_good(whole);
    plan_write(&config->services[0], facts, 5, out);
    fclose(out);
    config_unref(config);
    return line;
}

#define TLS_IN "listen = tls://*:443\nlisten.cert = /etc/c/web.pem\n"
#define OUT "connect = tls://db.test:5433\n"

#define PIN_A "connect.pin = sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
#define PIN_B "connect.pin = sha256/BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"

Test(plan, says_what_a_service_does)
{
    static const struct {
        const char *text;
        const struct tls_cert_facts *listen, *connect;
        const char *line;
    } cases[] = {
        { "listen = 127.0.0.1:1\nconnect = 127.0.0.1:2\n", NULL, NULL,
            "127.0.0.1:1 -> 127.0.0.1:2 plain" },
        { "listen = 127.0.0.1:1\nlisten = unix:/run/x\nconnect = a:2\n"
          "connect = unix:@b\n", NULL, NULL,
            "127.0.0.1:1, unix:/run/x -> a:2, then unix:@b plain" },
        { "listen = [::]:80\nconnect = a:2\n", NULL, NULL,
            "[::]:80 (IPv6 only; *:80 takes both) -> a:2 plain" },
        { "listen = [::]:80\nlisten = 0.0.0.0:80\nlisten = [::1]:81\n"
          "connect = a:2\n", NULL, NULL,
            "[::]:80, 0.0.0.0:80, [::1]:81 -> a:2 plain" },
        { "listen = [::]:80\nlisten = 0.0.0.0:81\nconnect = a:2\n", NULL, NULL,
            "[::]:80 (IPv6 only; *:80 takes both), 0.0.0.0:81 -> a:2 plain" },
        { TLS_IN "connect = 127.0.0.1:8080\n", &one, NULL,
            "tls://*:443 (web.test, until 2027-02-27, chain of 2) -> "
            "127.0.0.1:8080 plain" },
        { TLS_IN "connect = 127.0.0.1:8080\n", NULL, NULL,
            "tls://*:443 (web.pem) -> 127.0.0.1:8080 plain" },
        { TLS_IN "connect = 127.0.0.1:8080\n", &three, NULL,
            "tls://*:443 (a.test and 2 more, expired on 2027-01-14, chain of 1)"
            " -> 127.0.0.1:8080 plain" },
        { TLS_IN "connect = 127.0.0.1:8080\n", &nameless, NULL,
            "tls://*:443 (CN=app, until 2027-02-27, chain of 1) -> "
            "127.0.0.1:8080 plain" },
        { TLS_IN "listen.verify = required\nlisten.ca = /ca.pem\n"
          "listen.crl = /ca.crl\nlisten.allow = cn:app ou:x\n"
          "listen.allow = dns:y\nconnect = a:1\n", &one, NULL,
            "tls://*:443 (web.test, until 2027-02-27, chain of 2; clients "
            "verified: ca.pem, CRL ca.crl, allow cn:app ou:x or dns:y) -> a:1 "
            "plain" },
        { TLS_IN "listen.verify = required\nlisten.ca = /ca.pem\n"
          "listen.allow = cn:app\nlisten.allow_file = /etc/rules.txt\n"
          "connect = a:1\n", &one, NULL,
            "tls://*:443 (web.test, until 2027-02-27, chain of 2; clients "
            "verified: ca.pem, allow cn:app or what rules.txt says) -> a:1 "
            "plain" },
        { TLS_IN "listen.verify = optional\nlisten.ca = /a.pem\n"
          "listen.ca = system\nconnect = a:1\n", &one, NULL,
            "tls://*:443 (web.test, until 2027-02-27, chain of 2; clients "
            "verified if they show a certificate: a.pem, the system's "
            "authorities) -> a:1 plain" },
        { "listen = 127.0.0.1:5432\n" OUT "connect.ca = /etc/ca.pem\n"
          "connect.cert = /etc/app.pem\n", NULL, NULL,
            "127.0.0.1:5432 -> tls://db.test:5433 (verified: ca.pem, name "
            "db.test; shows app.pem)" },
        { "listen = 127.0.0.1:5432\n" OUT "connect.cert = /etc/app.pem\n",
            NULL, &one,
            "127.0.0.1:5432 -> tls://db.test:5433 (verified: the system's "
            "authorities, name db.test; shows app.pem, until 2027-02-27)" },
        { "listen = 127.0.0.1:5432\n" OUT "connect.verify = none\n", NULL, NULL,
            "127.0.0.1:5432 -> tls://db.test:5433 (NOT VERIFIED)" },
        { "listen = 127.0.0.1:5432\n" OUT "connect.verify = none\n"
          PIN_A PIN_B, NULL, NULL,
            "127.0.0.1:5432 -> tls://db.test:5433 (key pinned (2))" },
        { "listen = 127.0.0.1:5432\n" OUT PIN_A, NULL, NULL,
            "127.0.0.1:5432 -> tls://db.test:5433 (verified: the system's "
            "authorities, name db.test, key pinned (1))" },
        { "listen = 127.0.0.1:5432\nconnect = tls://192.0.2.1:1\n", NULL, NULL,
            "127.0.0.1:5432 -> tls://192.0.2.1:1 (verified: the system's "
            "authorities, address 192.0.2.1)" },
        { "listen = 127.0.0.1:5432\n" OUT "connect = tls://db2.test:5433\n",
            NULL, NULL,
            "127.0.0.1:5432 -> tls://db.test:5433, then tls://db2.test:5433 "
            "(verified: the system's authorities, each by its own name)" },
        { "listen = 127.0.0.1:5432\n" OUT "connect = tls://db2.test:5433\n"
          "connect.name = db\n", NULL, NULL,
            "127.0.0.1:5432 -> tls://db.test:5433, then tls://db2.test:5433 "
            "(verified: the system's authorities, name db)" },
        { TLS_IN OUT "connect.sni = client\n", &one, NULL,
            "tls://*:443 (web.test, until 2027-02-27, chain of 2) -> "
            "tls://db.test:5433 (verified: the system's authorities, the name "
            "that the client asks for)" },
        { "listen = tcp://*:443\nlisten.match = sni:a.test alpn:h2\n"
          "listen.match = proto:ssh\nconnect = a:1\n", NULL, NULL,
            "tcp://*:443 for sni:a.test alpn:h2 or proto:ssh -> a:1 plain" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct plan_facts facts = {
            .listen = { cases[i].listen, cases[i].listen != NULL },
            .connect = { cases[i].connect, cases[i].connect != NULL },
            .now = NOW,
        };
        char *line = plan_of(cases[i].text, &facts), wanted[1000];

        snprintf(wanted, sizeof(wanted), "web    %s\n", cases[i].line);
        cr_expect_str_eq(line, wanted, "%s", line);
        free(line);
    }
}

Test(plan, tells_each_certificate)
{
    const struct tls_cert_facts both[] = { one, nameless };
    const struct plan_facts facts = { .listen = { both, 2 }, .now = NOW };
    char *line = plan_of(TLS_IN "connect = a:1\n", &facts);

    cr_expect_not_null(strstr(line, "(web.test, until 2027-02-27, chain of 2; "
        "CN=app, until 2027-02-27, chain of 1)"), "%s", line);
    free(line);
}

Test(plan, bounds_the_list_of_certificates)
{
    const struct tls_cert_facts five[] = { one, nameless, one, nameless, one };
    struct plan_facts facts = { .listen = { five, 5 }, .now = NOW };
    char *line = plan_of(TLS_IN "connect = a:1\n", &facts);

    cr_expect_not_null(strstr(line, "; CN=app, until 2027-02-27, chain of 1; "
        "web.test, until 2027-02-27, chain of 2; and 2 more certificates)"),
        "%s", line);
    free(line);
    facts.listen.count = 4;
    line = plan_of(TLS_IN "connect = a:1\n", &facts);
    cr_expect_null(strstr(line, "more certificates"), "%s", line);
    free(line);
}

Test(plan, bounds_the_list_of_servers)
{
    char text[8000] = "[service a]\nlisten = *:1\n", servers[PLAN_SERVERS_SIZE];
    struct config *config;

    for (int i = 0; i < 50; i++)
        strcat(text, "connect = a-rather-long-name.example.net:1234\n");
    config = loading_good(text);
    plan_servers(&config->services[0], servers);
    cr_expect_lt(strlen(servers), PLAN_SERVERS_SIZE);
    cr_expect_str_eq(servers + strlen(servers) - 10, ":1234, ...");
    config_unref(config);
}
