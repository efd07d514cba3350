#include "config/config_foreign_line.h"

#include <criterion/criterion.h>

#include <string.h>

#include "config/config_fault.h"

static const struct {
    const char *line;
    const char *said; /* a part of it; NULL: nothing */
} rows[] = {
    /* nginx */
    { "proxy_pass http://x;", "\"proxy_pass http://x;\" is a line of nginx; "
        "write \"connect = x:80\"" },
    { "proxy_pass https://x:8443;", "write \"connect = tls://x:8443\"" },
    { "proxy_pass 127.0.0.1:8080;", "write \"connect = 127.0.0.1:8080\"" },
    { "proxy_pass backend;", "write \"connect = HOST:PORT\"" },
    { "proxy_timeout 10m;", "write \"timeout.idle = 10m\"" },
    { "proxy_ssl on;", "write \"listen = tls://HOST:PORT\"" },
    { "ssl_certificate /etc/x.pem;", "write \"listen.cert = /etc/x.pem\"" },
    { "ssl_verify_client on;", "write \"listen.verify = required\"" },
    { "ssl_protocols TLSv1.2 TLSv1.3;", "write \"listen.min_version = ...\"" },
    { "listen 443 ssl;", "has no '='; write \"listen = tls://*:443\"" },
    { "listen [::]:443 ssl;", "write \"listen = tls://[::]:443\"" },
    { "server_name a.example;", "write \"listen.match = sni:a.example\"" },
    { "server 10.0.0.1:80;", "of nginx; write \"connect = 10.0.0.1:80\"" },
    { "server {", "is a line of nginx; write [service NAME]" },
    { "upstream db {", "that uses them (db)" },
    { "stream {", "is a line of nginx; remove it" },
    { "}", "is a line of nginx; remove it: a section ends where the next" },
    /* HAProxy */
    { "frontend web", "\"frontend web\" is a line of HAProxy; write "
        "[service web]" },
    { "listen db", "is a line of HAProxy; write [service db]" },
    { "backend web", "write its servers as connect = HOST:PORT" },
    { "default_backend web", "write the servers of web as connect" },
    { "bind *:443 ssl crt /etc/x.pem", "is a line of HAProxy; write "
        "\"listen = tls://*:443\" and \"listen.cert = /etc/x.pem\"" },
    { "bind :80", "write \"listen = :80\"" },
    { "bind /run/x.sock", "write \"listen = unix:/run/x.sock\"" },
    { "server a 127.0.0.1:80 check", "write \"connect = 127.0.0.1:80\"" },
    { "server a 127.0.0.1:443 ssl verify none", "write \"connect = "
        "tls://127.0.0.1:443\"" },
    { "timeout connect 5s", "write \"timeout.connect = 5s\"" },
    { "timeout client 1m", "write \"timeout.idle = 1m\"" },
    { "maxconn 1000", "write \"max_connections = 1000\"" },
    { "mode tcp", "remove it" },
    { "daemon", "remove it" },
    { "global", "write [global]" },
    /* Ours. */
    { "connect 127.0.0.1:9", "\"connect 127.0.0.1:9\" has no '='; write "
        "\"connect = 127.0.0.1:9\"" },
    { "log_level debug", "write \"log_level = debug\"" },
    /* None that is known. */
    { "splice", NULL },
    { "listen", NULL },
    { "", NULL },
    { ";", NULL },
    { "{", NULL },
    { "foo bar", NULL },
    { "bind = *:443", NULL },
    { "timeout http-request 5s", NULL },
    { "a b c d e f g h i j k l m n", NULL },
};

Test(config_foreign_line, says_what_to_write)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct fault fault = { .text = "" };
        bool known = config_foreign_line(rows[i].line, &fault);

        cr_expect_eq(known, rows[i].said != NULL, "%s: %s", rows[i].line,
            fault.text);
        if (known && rows[i].said != NULL)
            cr_expect_not_null(strstr(fault.text, rows[i].said), "%s: %s",
                rows[i].line, fault.text);
    }
}
