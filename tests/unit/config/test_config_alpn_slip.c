#include "config/config_alpn_slip.h"

#include <stddef.h>

#include <criterion/criterion.h>

#include "base/base.h"

static const struct {
    const char *name;
    const char *meant; /* NULL: nothing is said */
} rows[] = {
    { "http1.1", "http/1.1" }, { "http/2", "h2" }, { "h1", "http/1.1" },
    { "http2", "h2" }, { "HTTP/2", "h2" }, { "H2", "h2" },
    { "HTTP/1.1", "http/1.1" }, { "http/1.2", "http/1.0" },
    { "http//1.1", "http/1.1" }, { "imaps", "imap" },
    { "postgres", "postgresql" }, { "postgresq", "postgresql" },
    { "acme-tls/2", "acme-tls/1" },
    { "h2", NULL }, { "http/1.1", NULL }, { "h3", NULL },
    { "postgresql", NULL }, { "x-private", NULL }, { "h4", NULL },
    { "istio-peer-exchange", NULL }, { "istio", NULL }, { "", NULL },
};

Test(config_alpn_slip, says_what_may_have_been_meant)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *meant = config_alpn_slip(rows[i].name);

        if (rows[i].meant == NULL)
            cr_expect_null(meant, "%s: %s", rows[i].name, meant);
        else
            cr_expect_str_eq(meant != NULL ? meant : "", rows[i].meant, "%s",
                rows[i].name);
    }
}
