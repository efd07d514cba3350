/* What is said of a server that was probed. */
#include "relay/probe_report.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "config/config.h"

enum { NOW = 1800000000 }; /* 2027-01-15 */

static char *ca_paths[] = { (char *)"/etc/ssl/ca.pem", (char *)"system" };
static struct service_config service;
static struct endpoint inet, path;

static void
set_up(void)
{
    service = (struct service_config){
        .connect_leg = { .verify = VERIFY_REQUIRED,
            .ca = { .items = ca_paths, .count = 2 } },
    };
    inet = (struct endpoint){ .kind = ENDPOINT_INET,
        .host = (char *)"db.test", .text = (char *)"tls://db.test:5433" };
    path = (struct endpoint){ .kind = ENDPOINT_UNIX,
        .path = (char *)"/run/x", .text = (char *)"unix:/run/x" };
}

TestSuite(probe_report, .init = set_up, .timeout = 30);

static void
expect_good(const struct probe_report *report, const char *want)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    probe_report_write_good(report, &service, NOW, out);
    fclose(out);
    cr_expect_str_eq(text, want);
    free(text);
}

Test(probe_report, says_what_a_good_server_is_like)
{
    struct probe_report report = { .result = PROBE_GOOD };

    expect_good(&report, "connected in plain");
    report.tls = report.shown = report.cert.verified = true;
    strcpy(report.version, "TLSv1.3");
    strcpy(report.cert.subject, "CN=db");
    report.cert.until = NOW + 43 * 86400;
    expect_good(&report, "TLSv1.3, certificate CN=db, valid until 2027-02-27, "
        "verified by ca.pem, the system's authorities");
    service.connect_leg.verify = VERIFY_NONE; /* a pin alone counts */
    expect_good(&report, "TLSv1.3, certificate CN=db, valid until 2027-02-27, "
        "key pinned");
    service.connect_leg.verify = VERIFY_REQUIRED;
    report.cert.verified = false;
    report.cert.until = NOW - 86400;
    strcpy(report.alpn, "h2");
    expect_good(&report, "TLSv1.3, ALPN h2, certificate CN=db, expired on "
        "2027-01-14, NOT VERIFIED");
    report.shown = false;
    report.lacks_cert = true;
    expect_good(&report, "TLSv1.3, ALPN h2, NOT VERIFIED; it asks for a client "
        "certificate, and gets none (connect.cert)");
}

static void
expect_fault(const struct probe_report *report,
    const struct endpoint *endpoint, const char *want)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    probe_report_write_server(report, endpoint, out);
    fputs(": ", out);
    probe_report_write_fault(report, endpoint, out);
    fclose(out);
    cr_expect_str_eq(text, want);
    free(text);
}

Test(probe_report, says_why_a_name_is_not_resolved)
{
    struct probe_report report = { .result = PROBE_NO_HOST };

    expect_fault(&report, &inet, "tls://db.test:5433: there is no host "
        "\"db.test\"; correct the name, or make it known to the DNS or "
        "/etc/hosts");
    report.result = PROBE_UNRESOLVED;
    expect_fault(&report, &inet, "tls://db.test:5433: \"db.test\" cannot be "
        "resolved now: the DNS does not answer");
}

Test(probe_report, says_why_each_address_failed)
{
    struct probe_report report = { .result = PROBE_FAILED };

    probe_report_add_failure(&report, "", CONNECTOR_REFUSED, &path);
    expect_fault(
        &report, &path, "unix:/run/x: refused, no server listens there");
    report.why[0] = '\0';
    probe_report_add_failure(&report, "192.0.2.7", CONNECTOR_TIMEOUT, &inet);
    probe_report_add_failure(
        &report, "2001:db8::7", CONNECTOR_UNREACHABLE, &inet);
    expect_fault(&report, &inet, "tls://db.test:5433: 192.0.2.7: no answer "
        "within timeout.connect; 2001:db8::7: unreachable");
}

/* A name may have any number of addresses. */
Test(probe_report, keeps_as_many_failures_as_fit)
{
    struct probe_report report = { .result = PROBE_FAILED };

    for (int i = 0; i < 100; i++)
        probe_report_add_failure(
            &report, "2001:db8::7", CONNECTOR_PORTLESS, &inet);
    cr_expect_lt(strlen(report.why), sizeof(report.why));
    cr_expect_gt(strlen(report.why), sizeof(report.why) / 2);
}

Test(probe_report, shows_addresses_without_their_port)
{
    static const char *const hosts[] = { "192.0.2.7", "2001:db8::7" };
    char text[PROBE_ADDRESS_SIZE];
    struct address address;

    for (size_t i = 0; i < COUNT(hosts); i++) {
        cr_assert(address_from_numeric(&address, hosts[i], 80));
        cr_expect_str_eq(probe_report_address(&address, text), hosts[i]);
    }
    cr_assert(address_from_path(&address, "/run/x"));
    cr_expect_str_eq(probe_report_address(&address, text), "");
    cr_expect_str_eq(probe_report_address(NULL, text), "");
}
