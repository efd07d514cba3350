#include "config/config_endpoint_slip.h"

#include <criterion/criterion.h>

#include <stdbool.h>
#include <string.h>

#include "config/config_fault.h"

struct row {
    bool listens;
    const char *text;
    const char *words; /* a part of what is said; NULL: nothing */
};

#define LISTEN true
#define CONNECT false

static const struct row rows[] = {
    { LISTEN, "443", "write 127.0.0.1:443 to listen for this machine, or "
        "*:443 for all" },
    { CONNECT, "6379", "write 127.0.0.1:6379" },
    { CONNECT, ":443", "write 127.0.0.1:443" },
    { LISTEN, "/run/x.sock", "write unix:/run/x.sock" },
    { CONNECT, "@name", "write unix:@name" },
    { CONNECT, "unix:///run/x.sock", "write unix:/run/x.sock" },
    { CONNECT, "unix@/run/x.sock", "write unix:/run/x.sock" },
    { CONNECT, "UNIX-CONNECT:/run/x.sock", "write unix:/run/x.sock" },
    { CONNECT, "abns@name", "write unix:@name" },
    { CONNECT, "https://example.org", "write tls://example.org:443" },
    { CONNECT, "https://example.org/path?x=1", "write tls://example.org:443" },
    { CONNECT, "https://example.org:8443/", "write tls://example.org:8443" },
    { CONNECT, "http://example.org", "write example.org:80" },
    { CONNECT, "ssl://db:5432", "write tls://db:5432" },
    { CONNECT, "ssl://[2001:db8::1]:5432", "write tls://[2001:db8::1]:5432" },
    { CONNECT, "ssl:db:5432", "write tls://db:5432" },
    { CONNECT, "tcp4://db:5432", "write tcp://db:5432" },
    { CONNECT, "ipv4@192.0.2.1:80", "write 192.0.2.1:80" },
    { CONNECT, "tls://example.org", "write tls://example.org:PORT" },
    { CONNECT, "tls://example.org:443/", "write tls://example.org:443" },
    { LISTEN, "tls:443", "write tls://*:443" },
    { CONNECT, "ssl:443", "write tls://127.0.0.1:443" },
    { LISTEN, "127.0.0.1:443 ssl", "write tls://127.0.0.1:443" },
    { LISTEN, "*:443 ssl crt /etc/x.pem", "write tls://*:443" },
    { LISTEN, "127.0.0.1:443 default_server", "write 127.0.0.1:443" },
    { LISTEN, "tls://127.0.0.1:443 ssl", "write tls://127.0.0.1:443" },
    { LISTEN, "127.0.0.1:8443,127.0.0.1:8444", "beginning with \"listen = \"" },
    { CONNECT, "127.0.0.1:1, 127.0.0.1:2", "beginning with \"connect = \"" },
    { CONNECT, "db1:5432 db2:5432", "beginning with \"connect = \"" },
    { LISTEN, "127.0.0.1 80", "write 127.0.0.1:80" },
    { CONNECT, "db.example.net  5432", "write db.example.net:5432" },
    { CONNECT, "tls:/x", "TLS on a unix socket; write tls+unix:/x" },
    { CONNECT, "ssl:///run/x.sock", "write tls+unix:/run/x.sock" },
    { CONNECT, "tls://unix:/run/x.sock", "write tls+unix:/run/x.sock" },
    { CONNECT, "tls:@name", "write tls+unix:@name" },
    { CONNECT, "::1:80", "write [::1]:80" },
    { CONNECT, "2001:db8::1", "write [2001:db8::1]:PORT" },
    { LISTEN, "[127.0.0.1]:443", "write 127.0.0.1:443" },
    { LISTEN, "[*]:443", "write *:443" },
    { CONNECT, "db", "write db:PORT" },
    /* Not for this, or good. */
    { LISTEN, "", NULL },
    { LISTEN, " ", NULL },
    { LISTEN, ",", NULL },
    { LISTEN, ":", NULL },
    { LISTEN, "a: 80", NULL },
    { LISTEN, "a b:80", NULL },
    { LISTEN, "unix:/run/my socket", NULL },
    { LISTEN, "systemd:a b", NULL },
    { LISTEN, "tls://", NULL },
    { CONNECT, "tls://*:443", NULL },
    { CONNECT, "tcp://a:99999", NULL },
    { LISTEN, "tls://tls://a:80", NULL },
    { LISTEN, "tls:/", NULL },
    { LISTEN, "a:80 90", "write a:80" },
    { LISTEN, "[]:80", NULL },
    { LISTEN, "[", NULL },
    { LISTEN, "https:///", NULL },
    { CONNECT, "tls://[:.1]:443", NULL },
    { CONNECT, "tcp://?", NULL },
    { LISTEN, "a:99999", NULL },
};

Test(config_endpoint_slip, says_what_to_write)
{
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        struct fault fault = { .text = "as before" };
        bool known = config_endpoint_slip(row->text, row->listens, &fault);

        cr_expect_eq(known, row->words != NULL, "%s: %s", row->text,
            fault.text);
        cr_expect(strstr(fault.text,
            row->words != NULL ? row->words : "as before") != NULL, "%s: %s",
            row->text, fault.text);
    }
}

Test(config_endpoint_slip, leaves_long_texts_alone)
{
    struct fault fault = { .text = "as before" };
    char text[1000];

    memset(text, '4', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cr_expect_not(config_endpoint_slip(text, true, &fault));
    cr_expect_str_eq(fault.text, "as before");
}
