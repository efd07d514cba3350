#include "config/config_check.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "loading.h"

/* A service with the lines given. */
static const char *
service(const char *lines)
{
    static char text[1000];

    snprintf(text, sizeof(text), "[service a]\n%s", lines);
    return text;
}

#define PLAIN "listen = :1\nconnect = x:1\n"
#define TLS_IN "listen = tls://:1\nconnect = x:1\n"
#define TLS_OUT "listen = :1\nconnect = tls://x:1\n"

Test(config_check, refuses)
{
    static const struct { const char *lines, *why; } cases[] = {
        { PLAIN "listen.cert = a\n", "t.ini:4: [service a] listen.cert: no "
            "listen endpoint of this service is TLS" },
        { PLAIN "connect.verify = none\n", "no connect endpoint" },
        { PLAIN "connect.name = x\n", "no connect endpoint" },
        { TLS_IN "listen.cert = a\nconnect.ca = system\n",
            "no connect endpoint" },
        { PLAIN "listen.mode = 0600\n", "listen.mode: no listen endpoint of "
            "this service is a unix path" },
        { "listen = unix:@a\nconnect = x:1\nlisten.owner = root\n",
            "unix path" },
        { "listen = unix:@a\nconnect = x:1\nlisten.group = g\n",
            "listen.group: no listen endpoint of this service is a unix path" },
        { "listen = unix:/a\nconnect = x:1\nlisten.owner = u:g\n"
            "listen.group = h\n", "t.ini:5: [service a] listen.group: "
            "listen.owner names a group as well; write it here only" },
        { "listen = unix:/a\nconnect = x:1\nlisten.freebind = yes\n",
            "listen.freebind: no listen endpoint of this service is "
            "HOST:PORT; remove this option" },
        { "listen = systemd:a\nconnect = x:1\nlisten.freebind = yes\n",
            "HOST:PORT" },
        { TLS_IN, "t.ini:1: [service a] listen.cert: it is missing" },
        { "listen = tls+unix:/a\nconnect = x:1\n", "listen.cert: it is" },
        { "listen = :1\nlisten = tls://:2\nconnect = x:1\n",
            "listen.cert: it is missing" },
        { TLS_IN "listen.cert = a\nlisten.key = a\nlisten.key = b\n",
            "there are 2 key files for 1 certificate files" },
        { TLS_IN "listen.cert = a\nlisten.cert = b\nlisten.key = b\n",
            "there are 1 key files for 2 certificate files" },
        { TLS_OUT "connect.sni = client\n", "connect.sni: client is the name "
            "that a client asks for with TLS, and no listen endpoint" },
        { TLS_OUT "connect.alpn = client\n", "connect.alpn: client is what is "
            "agreed on with a client; write listen.alpn" },
        { "listen = tls://:1\nlisten.cert = a\nconnect = tls://x:1\n"
            "connect.alpn = client\n", "write listen.alpn" },
        { "listen = tls://:1\nlisten.cert = a\nlisten.alpn = h2\n"
            "connect = tls://x:1\nconnect.alpn = client, h2\n",
            "client stands for all that is offered" },
        { TLS_OUT "connect.key = a\n", "1 key files for 0" },
        { TLS_OUT "connect.passphrase_file = a\n", "no certificate" },
        { TLS_OUT "connect.min_version = 1.3\nconnect.max_version = 1.2\n",
            "t.ini:4: [service a] connect.min_version: the least version" },
        { TLS_IN "listen.cert = a\nlisten.verify = required\n",
            "t.ini:5: [service a] listen.verify: there is no CA to verify "
            "clients by; write listen.ca = FILE" },
        { TLS_IN "listen.cert = a\nlisten.verify = optional\n",
            "there is no CA to verify clients by" },
        { TLS_IN "listen.cert = a\nlisten.ca = a\n",
            "listen.ca: clients are not asked for a certificate" },
        { TLS_IN "listen.cert = a\nlisten.crl = a\n",
            "listen.crl: clients are not asked" },
        { "listen = :1\nconnect = tls+unix:/a\n",
            "t.ini:3: [service a] connect: a unix socket has no host name" },
        { "listen = :1\nlisten = 127.0.0.1:2\nlisten = tcp://*:1\n"
            "connect = x:1\n", "t.ini:4: [service a] listen: \"tcp://*:1\" is "
            "the same place as \":1\" (t.ini:2) of this service; remove one" },
        { PLAIN "[service b]\nlisten = :1\nconnect = y:1\n",
            "t.ini:5: [service b] listen: \":1\" is taken by service a" },
        { "listen = 127.0.0.1:80\nconnect = x:1\nconnect = 127.0.0.1:http\n",
            "t.ini:4: [service a] connect: \"127.0.0.1:http\" is where this "
            "service listens" },
        { "listen = unix:/a\nconnect = unix:/a\n", "connect to itself" },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect(loading_fails(service(cases[i].lines), cases[i].why),
            "%s\nshould say: %s", cases[i].lines, cases[i].why);
}

Test(config_check, accepts)
{
    static const char *const cases[] = {
        PLAIN, TLS_OUT,
        TLS_IN "listen.cert = a\n",
        TLS_IN "listen.cert = a\nlisten.key = b\n",
        TLS_IN "listen.cert = a\nlisten.ca = c\nlisten.verify = none\n",
        TLS_IN "listen.cert = a\nlisten.ca = c\nlisten.verify = optional\n",
        TLS_IN "listen.cert = a\nlisten.min_version = 1.3\n",
        TLS_OUT "connect.verify = none\n",
        TLS_OUT "connect.cert = a\nconnect.passphrase_file = b\n",
        "listen = :1\nconnect = tls+unix:/a\nconnect.name = x\n",
        "listen = :1\nconnect = tls+unix:/a\nconnect.verify = none\n",
        "listen = unix:/a\nconnect = x:1\nlisten.mode = 0600\n",
        "listen = :1\nlisten = unix:/a\nconnect = x:1\nlisten.owner = u\n",
        "listen = unix:/a\nconnect = x:1\nlisten.owner = u\n"
            "listen.group = g\n",
        "listen = unix:/a\nlisten = :1\nconnect = x:1\nlisten.group = g\n"
            "listen.freebind = yes\n",
        "listen = :1\nlisten = tls://:2\nconnect = x:1\nlisten.cert = a\n",
        "listen = 127.0.0.1:1\nlisten = 127.0.0.2:1\nconnect = 127.0.0.3:1\n",
        PLAIN "[service b]\nlisten = :2\nconnect = x:1\n",
        /* What [defaults] says is for those whom it suits. */
        PLAIN "[defaults]\nlisten.cert = a\nlisten.mode = 0600\n"
            "listen.freebind = yes\nlisten.group = g\n"
            "connect.min_version = 1.3\nlisten.verify = required\n",
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        config_unref(loading_good(service(cases[i])));
}

Test(config_check, points_to_defaults_where_they_are_at_fault)
{
    cr_expect(loading_fails("[defaults]\nlisten.ca = a\n[service a]\n" TLS_IN
        "listen.cert = b\n", "t.ini:2: [service a] listen.ca: clients"));
    cr_expect(loading_fails("[defaults]\nlisten.max_version = 1.2\n"
        "[service a]\n" TLS_IN "listen.cert = b\nlisten.min_version = 1.3\n",
        "t.ini:7: [service a] listen.min_version: the least"));
}
