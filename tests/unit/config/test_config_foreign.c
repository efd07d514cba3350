#include "config/config_foreign.h"

#include <criterion/criterion.h>

#include <string.h>

#include "base/base.h"
#include "config/config_options.h"

static const struct {
    const char *word;
    const char *part; /* of the advice */
} rows[] = {
    { "accept", "stunnel's word; write \"listen\"" },
    { "CAfile", "write \"listen.ca\" or \"connect.ca\"" },
    { "cafile", "write \"listen.ca\" or \"connect.ca\"" },
    { "checkHost", "write \"connect.name\"" },
    { "client", "connect = tls://HOST:PORT" },
    { "bind", "HAProxy's word; write \"listen\"" },
    { "server", "write \"connect\"" },
    { "ssl_certificate", "nginx's word; write \"listen.cert\"" },
    { "proxy_pass", "write \"connect\"" },
    { "frontend", "hitch's word; write \"listen\"" },
    { "backend", "write \"connect\"" },
    { "listen.certificate", "write \"listen.cert\"" },
};

Test(config_foreign, says_what_to_write)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *advice = config_foreign_advice(rows[i].word);

        cr_assert_not_null(advice, "%s", rows[i].word);
        cr_expect(strstr(advice, rows[i].part) != NULL, "%s: %s",
            rows[i].word, advice);
        /* Else it would never be looked up. */
        cr_expect_null(config_option_find(OPTION_SERVICE, rows[i].word));
    }
}

Test(config_foreign, knows_nothing_of_other_words)
{
    cr_expect_null(config_foreign_advice(""));
    cr_expect_null(config_foreign_advice("listen"));
    cr_expect_null(config_foreign_advice("lissten"));
}
