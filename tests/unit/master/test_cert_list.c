/* Records in, the answer to `certs` out: each certificate once, with its services. */
#include "master/cert_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "config/config.h"
#include "ipc/message.h"
#include "master/cert_records.h"

enum { DAY = 24 * 60 * 60, NOW = 1800000000, MOST = 1 << 20 };

static struct cert_records records;

static void
tear_down(void)
{
    cert_records_clear(&records);
}

TestSuite(cert_list, .fini = tear_down, .timeout = 60);

static void
add_record(const char *service, bool accepts, enum tls_cert_kind kind,
    const char *text, int days)
{
    struct message_cert fixed = {
        .begins = NOW - DAY, .until = NOW + (int64_t)days * DAY,
        .kind = kind, .chain = 1, .accepts = accepts,
    };
    struct message message = {
        .payload = &fixed, .text = text, .text_length = strlen(text),
    };
    char name[64];
    struct service_config config = { .name = name };

    snprintf(name, sizeof(name), "%s", service);
    snprintf((char *)fixed.fingerprint, sizeof(fixed.fingerprint), "%s", text);
    cr_assert(cert_records_add(&records, &config, &message));
}

static char *
make_list(bool json, size_t most)
{
    char *text;

    cert_records_sort(&records);
    text = cert_list_make(&records, NULL, json, NOW, most);
    cr_assert_not_null(text);
    return text;
}

Test(cert_list, has_each_once_and_the_first_to_end_in_front)
{
    char *text;

    add_record("web", true, TLS_CERT_LEAF, "CN=a\nCN=ca\n01\nRSA 2048\na", 90);
    add_record("db", false, TLS_CERT_LEAF, "CN=b\nCN=ca\n02\nED25519\nb", 20);
    add_record("web", true, TLS_CERT_CRL, "CN=ca\n\n\n\n", 5);
    add_record("api", true, TLS_CERT_LEAF, "CN=a\nCN=ca\n01\nRSA 2048\na", 90);
    text = make_list(false, MOST);
    cr_expect_str_eq(text,
        "CN=b: 20 days left, until 2027-02-04\n"
        "  names     b\n  issuer    CN=ca\n  serial    02\n"
        "  key       ED25519, chain of 1\n  connect   db\n"
        "CN=a: 90 days left, until 2027-04-15\n"
        "  names     a\n  issuer    CN=ca\n  serial    01\n"
        "  key       RSA 2048, chain of 1\n  listen    api, web\n"
        "CRL of CN=ca: dated 2027-01-14, 24 hours ago; the next one is due on "
        "2027-01-20\n  clients   web\n");
    free(text);
}

Test(cert_list, says_that_there_are_none)
{
    char *text = make_list(false, MOST);

    cr_expect_str_eq(
        text, "no service has a certificate or a revocation list\n");
    free(text);
    text = make_list(true, MOST);
    cr_expect_not_null(strstr(text, "\"omitted\": 0\n}\n"));
    free(text);
}

Test(cert_list, counts_what_there_is_no_room_for)
{
    char *text, line[64];

    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof(line), "CN=%d\nCN=ca\n%d\nED25519\nx", i, i);
        add_record("web", true, TLS_CERT_LEAF, line, i + 1);
    }
    text = make_list(false, 10000);
    cr_expect_lt(strlen(text), 11000);
    cr_expect(strstr(text, "CN=0: 24 hours left") == text);
    cr_expect_not_null(strstr(text, " more\n"));
    free(text);
    text = make_list(true, 10000);
    cr_expect_lt(strlen(text), 11000);
    cr_expect_null(strstr(text, "\"omitted\": 0\n"));
    free(text);
}

/* Lines that are missing are empty. */
Test(cert_list, takes_any_text)
{
    char *text;

    add_record("web", true, TLS_CERT_LEAF, "CN=a", 1);
    text = make_list(false, MOST);
    cr_expect_not_null(strstr(text, "  issuer    \n"));
    free(text);
}
