#include "master/cert_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/certs_text.h"
#include "files/file_entry.h"
#include "files/files.h"
#include "master/cert_records.h"

enum { DETAILS = 4, HEX_SIZE = 2 * TLS_FINGERPRINT_BYTES + 1 };

/* Records with one fingerprint, which stand together. */
struct group {
    const struct cert_record *records;
    size_t count;
};

struct cert_list {
    struct group *groups;
    size_t count;
    struct certs_user *users; /* as many as there are records */
    const struct files *files;
    bool json;
    int64_t now;
    size_t most;
    FILE *out;
    size_t omitted;
};

static bool
is_same_cert(const struct cert_record *one, const struct cert_record *other)
{
    return memcmp(one->fingerprint, other->fingerprint,
        sizeof(one->fingerprint)) == 0;
}

static void
make_groups(struct cert_list *list, const struct cert_records *records)
{
    for (size_t i = 0; i < records->count; i++) {
        struct group *last =
            list->count > 0 ? &list->groups[list->count - 1] : NULL;

        if (last != NULL && is_same_cert(last->records, &records->items[i]))
            last->count++;
        else
            list->groups[list->count++] =
                (struct group){ &records->items[i], 1 };
    }
}

/* Certificates before lists, and what ends first in front. */
static int
compare_groups(const void *a, const void *b)
{
    const struct cert_record *one = ((const struct group *)a)->records;
    const struct cert_record *other = ((const struct group *)b)->records;

    if (one->kind != other->kind)
        return one->kind < other->kind ? -1 : 1;
    if (one->until != other->until)
        return one->until < other->until ? -1 : 1;
    return memcmp(one->fingerprint, other->fingerprint,
        sizeof(one->fingerprint));
}

/* Cuts the lines of `text` apart; those that are missing are "". */
static void
split_details(char *text, const char *lines[DETAILS])
{
    for (size_t i = 0; i < DETAILS; i++) {
        size_t length = strcspn(text, "\n");

        lines[i] = text;
        text += length;
        if (*text != '\0')
            *text++ = '\0';
    }
}

static void
format_fingerprint(const struct cert_record *record, char text[HEX_SIZE])
{
    for (size_t i = 0; i < TLS_FINGERPRINT_BYTES; i++)
        snprintf(text + 2 * i, 3, "%02x", record->fingerprint[i]);
}

static void
write_group(const struct cert_list *list, const struct group *group, bool first)
{
    const struct cert_record *record = group->records;
    char hex[HEX_SIZE], *details = strdup(record->details);
    const char *lines[DETAILS];
    struct certs_item item = {
        .is_crl = record->kind == TLS_CERT_CRL,
        .begins = record->begins, .until = record->until,
        .subject = record->subject, .chain = record->chain,
        .users = list->users, .user_count = group->count,
        .fingerprint = hex,
    };

    if (details == NULL)
        return;
    split_details(details, lines);
    item.issuer = lines[0];
    item.serial = lines[1];
    item.key = lines[2];
    item.names = lines[3];
    format_fingerprint(record, hex);
    for (size_t i = 0; i < group->count; i++)
        list->users[i] = (struct certs_user){
            .service = group->records[i].service,
            .accepts = group->records[i].accepts,
        };
    if (list->json)
        certs_json_item(&item, first, list->now, list->out);
    else
        certs_text_item(&item, list->now, list->out);
    free(details);
}

/* Of one kind. */
static void
write_groups(struct cert_list *list, enum tls_cert_kind kind)
{
    bool first = true;

    for (size_t i = 0; i < list->count; i++) {
        if (list->groups[i].records->kind != kind)
            continue;
        if (ftell(list->out) > (long)list->most) {
            list->omitted++;
            continue;
        }
        write_group(list, &list->groups[i], first);
        first = false;
    }
}

/* What is found by a directory or pattern and cannot be used. */
static void
write_left_out(struct cert_list *list)
{
    size_t count = list->files != NULL ? files_count(list->files) : 0;
    bool first = true;

    for (size_t i = 0; i < count; i++) {
        const struct file_entry *entry = files_at(list->files, i);

        if (entry->kind != FILE_LEFT_OUT)
            continue;
        if (ftell(list->out) > (long)list->most)
            list->omitted++;
        else if (list->json)
            certs_json_file(entry->path, entry->data, first, list->out);
        else
            certs_text_left_out(entry->path, entry->data, list->out);
        first = false;
    }
}

static void
write_text(struct cert_list *list)
{
    write_groups(list, TLS_CERT_LEAF);
    write_groups(list, TLS_CERT_CRL);
    write_left_out(list);
    if (list->count == 0)
        certs_text_none(list->out);
    if (list->omitted > 0)
        certs_text_omitted(list->omitted, list->out);
}

static void
write_json(struct cert_list *list)
{
    certs_json_begin(list->out);
    write_groups(list, TLS_CERT_LEAF);
    certs_json_lists(list->out);
    write_groups(list, TLS_CERT_CRL);
    certs_json_left_out(list->out);
    write_left_out(list);
    certs_json_end(list->omitted, list->out);
}

static char *
write_list(struct cert_list *list)
{
    char *text = NULL;
    size_t length;

    list->out = open_memstream(&text, &length);
    if (list->out == NULL)
        return NULL;
    qsort(list->groups, list->count, sizeof(*list->groups), compare_groups);
    if (list->json)
        write_json(list);
    else
        write_text(list);
    if (fclose(list->out) == 0)
        return text;
    free(text);
    return NULL;
}

char *
cert_list_make(const struct cert_records *records, const struct files *files,
    bool json, int64_t now, size_t most)
{
    struct cert_list list = {
        .groups = calloc(records->count + 1, sizeof(*list.groups)),
        .users = calloc(records->count + 1, sizeof(*list.users)),
        .files = files, .json = json, .now = now, .most = most,
    };
    char *text = NULL;

    if (list.groups != NULL && list.users != NULL) {
        make_groups(&list, records);
        text = write_list(&list);
    }
    free(list.groups);
    free(list.users);
    return text;
}
