#include "relay/probe_report.h"

#include <netdb.h>
#include <sys/socket.h>

#include <string.h>

#include "base/address.h"
#include "config/config.h"
#include "relay/plan.h"

const char *
probe_report_address(
    const struct address *address, char text[PROBE_ADDRESS_SIZE])
{
    text[0] = '\0';
    if (address != NULL && address->length > 0 &&
        address->storage.ss_family != AF_UNIX &&
        getnameinfo((const struct sockaddr *)&address->storage,
            address->length, text, PROBE_ADDRESS_SIZE, NULL, 0,
            NI_NUMERICHOST) != 0)
        text[0] = '\0';
    return text;
}

static const char *
words_of_failure(enum connector_result result, bool is_unix)
{
    const char *detail = connector_result_detail(result, is_unix);

    switch (result) {
    case CONNECTOR_REFUSED:
        return "refused, no server listens there";
    case CONNECTOR_TIMEOUT:
        return "no answer within timeout.connect";
    default:
        return detail != NULL ? detail : connector_result_text(result);
    }
}

void
probe_report_add_failure(struct probe_report *report, const char *address,
    enum connector_result result, const struct endpoint *endpoint)
{
    const char *words =
        words_of_failure(result, endpoint->kind == ENDPOINT_UNIX);
    size_t used = strlen(report->why);
    size_t more = strlen(words) + strlen(address) + sizeof("; : ");

    if (used + more > sizeof(report->why))
        return;
    snprintf(report->why + used, sizeof(report->why) - used, "%s%s%s%s",
        used > 0 ? "; " : "", address, address[0] != '\0' ? ": " : "", words);
}

void
probe_report_write_server(const struct probe_report *report,
    const struct endpoint *endpoint, FILE *out)
{
    fputs(endpoint->text, out);
    if (report->address[0] != '\0')
        fprintf(out, " (%s)", report->address);
}

void
probe_report_write_fault(const struct probe_report *report,
    const struct endpoint *endpoint, FILE *out)
{
    switch (report->result) {
    case PROBE_NO_HOST:
        fprintf(out, "there is no host \"%s\"; correct the name, or make it "
            "known to the DNS or /etc/hosts", endpoint->host);
        break;
    case PROBE_UNRESOLVED:
        fprintf(out, "\"%s\" cannot be resolved now: the DNS does not answer",
            endpoint->host);
        break;
    default:
        fputs(report->why, out);
    }
}

static void
write_cert(const struct probe_report *report, int64_t now, FILE *out)
{
    char date[TLS_DATE_SIZE];

    fprintf(out, ", certificate %s, %s %s", report->cert.subject,
        report->cert.until < now ? "expired on" : "valid until",
        tls_certificate_day(report->cert.until, date));
}

void
probe_report_write_good(const struct probe_report *report,
    const struct service_config *service, int64_t now, FILE *out)
{
    if (!report->tls) {
        fputs("connected in plain", out);
        return;
    }
    fputs(report->version, out);
    if (report->alpn[0] != '\0')
        fprintf(out, ", ALPN %s", report->alpn);
    if (report->shown)
        write_cert(report, now, out);
    if (report->shown && report->cert.verified &&
        service->connect_leg.verify == VERIFY_NONE) {
        fputs(", key pinned", out);
    } else if (report->shown && report->cert.verified) {
        fputs(", verified by ", out);
        plan_write_paths(&service->connect_leg.ca, out);
    } else {
        fputs(", NOT VERIFIED", out);
    }
    if (report->lacks_cert)
        fputs("; it asks for a client certificate, and gets none "
            "(connect.cert)", out);
}
