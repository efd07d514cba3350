/*
 * The certificates that a generation's services show to peers, and the revocation
 * lists that they judge them by, as its trial has told of them.
 */
#ifndef MASTER_CERT_RECORDS_H
#define MASTER_CERT_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "tls/tls_cert_facts.h"

struct message;
struct service_config;

/* More than a configuration of a size that can be served has: a trial that was
 * taken over may tell of any number. */
enum { CERT_RECORDS_MAX = 1 << 16 };

struct cert_record {
    char *service;
    char *subject;
    char *details;    /* lines: issuer, serial, key and names */
    enum tls_cert_kind kind;
    unsigned chain;
    int64_t begins;   /* seconds of time(2), as is `until`: struct tls_cert_facts */
    int64_t until;
    int64_t told;     /* likewise: since then its end is not warned of in loading */
    bool accepts;     /* shown to clients; else to servers */
    bool is_copy;     /* of a file in the service manager's care, made at start */
    uint8_t announced; /* stages of its end: cert_expiry.c */
    unsigned char fingerprint[TLS_FINGERPRINT_BYTES];
};

/* Zero-initialise before use. */
struct cert_records {
    struct cert_record *items;
    size_t count;
    size_t size; /* of `items` */
};

/* Adds what MESSAGE_CERT tells of a certificate of that service.  False: out of
 * memory, or too many. */
NODISCARD bool cert_records_add(struct cert_records *records,
    const struct service_config *service, const struct message *message);

/* Orders them so that one can be found. */
void cert_records_sort(struct cert_records *records);

/* The one of the same service, leg and certificate among sorted ones; NULL: there
 * is none. */
const struct cert_record *cert_records_find(
    const struct cert_records *records, const struct cert_record *like);

/* Empties them. */
void cert_records_clear(struct cert_records *records);

#endif
