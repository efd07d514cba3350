#include "master/cert_records.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "config/config.h"
#include "ipc/message.h"
#include "systemd/credential.h"

/* True: a place for one more. */
static bool
make_record_room(struct cert_records *records)
{
    size_t size = records->size == 0 ? 16 : 2 * records->size;
    struct cert_record *grown;

    if (records->count >= CERT_RECORDS_MAX)
        return false;
    if (records->count < records->size)
        return true;
    grown = reallocarray(records->items, size, sizeof(*grown));
    if (grown == NULL)
        return false;
    records->items = grown;
    records->size = size;
    return true;
}

static void
clear_record(struct cert_record *record)
{
    free(record->service);
    free(record->subject);
    free(record->details);
}

static bool
names_credential(const struct leg_config *leg)
{
    struct credential credential;

    for (size_t i = 0; i < leg->cert.count; i++)
        if (credential_parse(leg->cert.items[i], &credential))
            return true;
    return false;
}

bool
cert_records_add(struct cert_records *records,
    const struct service_config *service, const struct message *message)
{
    const struct message_cert *cert = message->payload;
    bool accepts = cert->accepts != 0;
    size_t subject = strcspn(message->text, "\n");
    const char *details = message->text + subject;
    struct cert_record record = {
        .service = strdup(service->name),
        .subject = strndup(message->text, subject),
        .details = strdup(details + (*details != '\0')),
        .kind = (enum tls_cert_kind)cert->kind,
        .chain = cert->chain,
        .begins = cert->begins,
        .until = cert->until,
        .told = time(NULL),
        .accepts = accepts,
        .is_copy = names_credential(
            accepts ? &service->listen_leg : &service->connect_leg),
    };

    memcpy(record.fingerprint, cert->fingerprint, sizeof(record.fingerprint));
    if (record.service != NULL && record.subject != NULL &&
        record.details != NULL &&
        make_record_room(records)) {
        records->items[records->count++] = record;
        return true;
    }
    clear_record(&record);
    return false;
}

static int
compare_records(const void *a, const void *b)
{
    const struct cert_record *one = a, *other = b;
    int order = memcmp(one->fingerprint, other->fingerprint,
        sizeof(one->fingerprint));

    if (order == 0)
        order = (int)one->accepts - (int)other->accepts;
    return order != 0 ? order : strcmp(one->service, other->service);
}

void
cert_records_sort(struct cert_records *records)
{
    if (records->count > 0)
        qsort(records->items, records->count, sizeof(*records->items),
            compare_records);
}

const struct cert_record *
cert_records_find(
    const struct cert_records *records, const struct cert_record *like)
{
    if (records->count == 0)
        return NULL;
    return bsearch(like, records->items, records->count,
        sizeof(*records->items), compare_records);
}

void
cert_records_clear(struct cert_records *records)
{
    for (size_t i = 0; i < records->count; i++)
        clear_record(&records->items[i]);
    free(records->items);
    *records = (struct cert_records){ 0 };
}
