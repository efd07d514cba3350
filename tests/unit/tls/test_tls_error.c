#include "tls/tls_error.h"

#include <criterion/criterion.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"

/* As the first SSL_CTX does: before it the library has no words. */
static void
setup(void)
{
    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_SSL_STRINGS, NULL);
}

TestSuite(tls_error, .init = setup);

Test(tls_error, gives_the_first_reason_and_empties_the_queue)
{
    char text[64];

    ERR_raise(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER);
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
    cr_expect_str_eq(tls_error_reason(text, sizeof(text)),
        "wrong version number");
    cr_expect_eq(ERR_peek_error(), 0);
    cr_expect_str_eq(tls_error_reason(text, sizeof(text)), "");
}

Test(tls_error, knows_the_operating_system)
{
    char text[64];

    ERR_raise(ERR_LIB_SYS, ECONNRESET);
    cr_expect_str_eq(tls_error_reason(text, sizeof(text)),
        strerror(ECONNRESET));
}

Test(tls_error, has_a_number_for_what_has_no_words)
{
    char text[64];

    ERR_raise(ERR_LIB_SSL, 4000);
    tls_error_reason(text, sizeof(text));
    cr_expect_not_null(strstr(text, "OpenSSL error"), "%s", text);
}

Test(tls_error, cuts_what_does_not_fit)
{
    char text[8];

    ERR_raise(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER);
    cr_expect_str_eq(tls_error_reason(text, sizeof(text)), "wrong v");
    ERR_raise(ERR_LIB_SSL, SSL_R_WRONG_VERSION_NUMBER);
    cr_expect_eq(tls_error_reason(NULL, 0), NULL);
    cr_expect_eq(ERR_peek_error(), 0);
}

Test(tls_error, adds_to_an_error)
{
    struct error error = { .count = 0 };

    ERR_raise_data(ERR_LIB_SSL, SSL_R_BAD_VALUE, "group '%s'", "X");
    ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
    tls_error_add(&error, "%s: cannot %s", "file", "load");
    tls_error_add(&error, "nothing to add");
    cr_assert_eq(error.count, 2);
    cr_expect_str_eq(error.messages[0],
        "file: cannot load: bad value (group 'X')");
    cr_expect_str_eq(error.messages[1], "nothing to add");
    cr_expect_eq(ERR_peek_error(), 0);
    error_clear(&error);
}
