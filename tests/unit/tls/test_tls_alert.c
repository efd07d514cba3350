#include "tls/tls_alert.h"

#include <criterion/criterion.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string.h>

/* As the library reports an alert that came. */
static unsigned long
came(int alert)
{
    return ERR_PACK(ERR_LIB_SSL, 0, SSL_AD_REASON_OFFSET + alert);
}

Test(tls_alert, has_the_name_of_the_rfc)
{
    static const struct {
        int number;
        const char *name;
    } rows[] = {
        { SSL_AD_HANDSHAKE_FAILURE, "handshake_failure" },
        { SSL_AD_UNKNOWN_CA, "unknown_ca" },
        { SSL_AD_CERTIFICATE_EXPIRED, "certificate_expired" },
        { SSL_AD_PROTOCOL_VERSION, "protocol_version" },
        { SSL_AD_UNRECOGNIZED_NAME, "unrecognized_name" },
        { SSL_AD_CERTIFICATE_REQUIRED, "certificate_required" },
        { SSL_AD_NO_APPLICATION_PROTOCOL, "no_application_protocol" },
    };
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct tls_alert *alert =
            tls_alert_of_error(came(rows[i].number));

        cr_assert_not_null(alert, "%s", rows[i].name);
        cr_expect_str_eq(alert->name, rows[i].name);
    }
}

/* All that OpenSSL can receive: SSL_alert_desc_string_long(3) knows them. */
Test(tls_alert, is_known_whenever_the_library_knows_it)
{
    int number;

    for (number = 1; number < 256; number++) {
        const char *known = SSL_alert_desc_string_long(number);

        cr_expect(strcmp(known, "unknown") == 0 ||
            tls_alert_of_error(came(number)) != NULL, "%d: %s", number, known);
    }
}

Test(tls_alert, is_no_other_error)
{
    cr_expect_null(tls_alert_of_error(0));
    cr_expect_null(tls_alert_of_error(
        ERR_PACK(ERR_LIB_SSL, 0, SSL_R_WRONG_VERSION_NUMBER)));
    cr_expect_null(tls_alert_of_error(ERR_PACK(ERR_LIB_X509, 0,
        SSL_AD_REASON_OFFSET + SSL_AD_UNKNOWN_CA)));
}
