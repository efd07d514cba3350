#include "admin/certs_text.h"

#include <string.h>

#include "admin/status_words.h"
#include "base/escape.h"
#include "tls/tls_certificate.h"

enum {
    DAY_S = 24 * 60 * 60,
    TEXT_USERS_MAX = 30, /* of whose names any byte may take four */
    JSON_USERS_MAX = 1000,
    ESCAPED_SIZE = 3000,
};

static const char *
escape_line(const char *text, char escaped[ESCAPED_SIZE])
{
    escape_bytes(escaped, ESCAPED_SIZE, text, strlen(text), ESCAPE_MESSAGE);
    return escaped;
}

/* "89 days left, until 2027-02-27" */
static void
write_end(const struct certs_item *item, int64_t now, FILE *out)
{
    char left[TLS_LEFT_SIZE], date[TLS_DATE_SIZE];

    tls_certificate_day(item->until, date);
    if (item->begins > now)
        fprintf(out, "not valid yet, from %s",
            tls_certificate_day(item->begins, date));
    else if (item->until < now)
        fprintf(out, "HAS RUN OUT, on %s", date);
    else
        fprintf(out, "%s left, until %s",
            tls_certificate_left(item->until - now, left), date);
}

/* "dated 2026-11-29, 24 hours ago; the next one is due on 2026-12-29" */
static void
write_age(const struct certs_item *item, int64_t now, FILE *out)
{
    char age[TLS_LEFT_SIZE], date[TLS_DATE_SIZE];

    fprintf(out, "dated %s", tls_certificate_day(item->begins, date));
    if (item->begins <= now)
        fprintf(out, ", %s ago",
            tls_certificate_left(now - item->begins, age));
    else
        fputs(", ahead of this machine's clock", out);
    if (item->until == 0)
        return;
    tls_certificate_day(item->until, date);
    if (item->until < now)
        fprintf(out, "; HAS RUN OUT, on %s", date);
    else
        fprintf(out, "; the next one is due on %s", date);
}

/* "  services  web, api, 12 more"; nothing if no service uses it so. */
static void
write_users(const struct certs_item *item, bool accepts, const char *title,
    FILE *out)
{
    char escaped[ESCAPED_SIZE];
    size_t count = 0;

    for (size_t i = 0; i < item->user_count; i++) {
        if (item->users[i].accepts != accepts)
            continue;
        if (count == 0)
            fprintf(out, "  %-9s ", title);
        if (count < TEXT_USERS_MAX)
            fprintf(out, "%s%s", count > 0 ? ", " : "",
                escape_line(item->users[i].service, escaped));
        count++;
    }
    if (count > TEXT_USERS_MAX)
        fprintf(out, ", %zu more", count - TEXT_USERS_MAX);
    if (count > 0)
        fputc('\n', out);
}

static void
write_cert_line(const char *title, const char *text, FILE *out)
{
    char escaped[ESCAPED_SIZE];

    fprintf(out, "  %-9s %s\n", title, escape_line(text, escaped));
}

void
certs_text_item(const struct certs_item *item, int64_t now, FILE *out)
{
    char escaped[ESCAPED_SIZE];

    fprintf(out, "%s%s: ", item->is_crl ? "CRL of " : "",
        escape_line(item->subject, escaped));
    if (item->is_crl)
        write_age(item, now, out);
    else
        write_end(item, now, out);
    fputc('\n', out);
    if (!item->is_crl) {
        write_cert_line("names", item->names, out);
        write_cert_line("issuer", item->issuer, out);
        write_cert_line("serial", item->serial, out);
        fprintf(out, "  %-9s %s, chain of %u\n", "key",
            escape_line(item->key, escaped), item->chain);
    }
    write_users(item, true, item->is_crl ? "clients" : "listen", out);
    write_users(item, false, item->is_crl ? "servers" : "connect", out);
}

void
certs_text_left_out(const char *path, const char *why, FILE *out)
{
    char escaped_path[ESCAPED_SIZE], escaped_why[ESCAPED_SIZE];

    fprintf(out, "LEFT OUT: %s: %s\n", escape_line(path, escaped_path),
        escape_line(why, escaped_why));
}

void
certs_text_none(FILE *out)
{
    fputs("no service has a certificate or a revocation list\n", out);
}

void
certs_text_omitted(size_t omitted, FILE *out)
{
    fprintf(out, "%zu more\n", omitted);
}

static void
put_json_string(const char *text, size_t length, FILE *out)
{
    char escaped[2 * ESCAPED_SIZE];

    escape_bytes(escaped, sizeof(escaped), text, length, ESCAPE_JSON);
    fprintf(out, "\"%s\"", escaped);
}

static void
put_json_pair(const char *key, const char *text, FILE *out)
{
    fprintf(out, "      \"%s\": ", key);
    put_json_string(text, strlen(text), out);
    fputs(",\n", out);
}

static void
put_json_time(const char *key, int64_t seconds, FILE *out)
{
    char time[STATUS_TIME_SIZE];

    if (seconds > 0)
        put_json_pair(key, status_time((uint64_t)seconds, time), out);
    else
        fprintf(out, "      \"%s\": null,\n", key);
}

/* As an array. */
static void
put_json_names(const char *names, FILE *out)
{
    bool none = strcmp(names, "no name") == 0;

    fputs("      \"names\": [", out);
    while (!none && *names != '\0') {
        const char *end = strstr(names, ", ");
        size_t length = end != NULL ? (size_t)(end - names) : strlen(names);

        put_json_string(names, length, out);
        names += length;
        if (end != NULL) {
            fputs(", ", out);
            names += strlen(", ");
        }
    }
    fputs("],\n", out);
}

static void
put_json_users(const struct certs_item *item, FILE *out)
{
    size_t count = item->user_count < JSON_USERS_MAX ? item->user_count
                                                     : JSON_USERS_MAX;

    fprintf(out, "      \"services_omitted\": %zu,\n"
        "      \"services\": [", item->user_count - count);
    for (size_t i = 0; i < count; i++) {
        const struct certs_user *user = &item->users[i];

        fprintf(out, "%s\n        {\"service\": ", i > 0 ? "," : "");
        put_json_string(user->service, strlen(user->service), out);
        fprintf(out, ", \"leg\": \"%s\"}",
            user->accepts ? "listen" : "connect");
    }
    fputs("\n      ]\n", out);
}

static int64_t
days_between(int64_t from, int64_t to)
{
    return (to - from - (to < from ? DAY_S - 1 : 0)) / DAY_S;
}

static void
put_json_cert(const struct certs_item *item, int64_t now, FILE *out)
{
    put_json_pair("subject", item->subject, out);
    put_json_names(item->names, out);
    put_json_pair("issuer", item->issuer, out);
    put_json_pair("serial", item->serial, out);
    put_json_pair("key", item->key, out);
    put_json_pair("fingerprint", item->fingerprint, out);
    fprintf(out, "      \"chain\": %u,\n", item->chain);
    put_json_time("valid_from", item->begins, out);
    put_json_time("valid_until", item->until, out);
    fprintf(out, "      \"days_left\": %lld,\n",
        (long long)days_between(now, item->until));
}

static void
put_json_crl(const struct certs_item *item, int64_t now, FILE *out)
{
    put_json_pair("issuer", item->subject, out);
    put_json_pair("fingerprint", item->fingerprint, out);
    put_json_time("last_update", item->begins, out);
    put_json_time("next_update", item->until, out);
    fprintf(out, "      \"age_days\": %lld,\n",
        (long long)days_between(item->begins, now));
}

void
certs_json_begin(FILE *out)
{
    fputs("{\n  \"certificates\": [", out);
}

void
certs_json_item(
    const struct certs_item *item, bool first, int64_t now, FILE *out)
{
    fprintf(out, "%s\n    {\n", first ? "" : ",");
    if (item->is_crl)
        put_json_crl(item, now, out);
    else
        put_json_cert(item, now, out);
    put_json_users(item, out);
    fputs("    }", out);
}

void
certs_json_lists(FILE *out)
{
    fputs("\n  ],\n  \"crls\": [", out);
}

void
certs_json_left_out(FILE *out)
{
    fputs("\n  ],\n  \"left_out\": [", out);
}

void
certs_json_file(const char *path, const char *why, bool first, FILE *out)
{
    fprintf(out, "%s\n    {\n", first ? "" : ",");
    put_json_pair("file", path, out);
    fputs("      \"why\": ", out);
    put_json_string(why, strlen(why), out);
    fputs("\n    }", out);
}

void
certs_json_end(size_t omitted, FILE *out)
{
    fprintf(out, "\n  ],\n  \"omitted\": %zu\n}\n", omitted);
}
