/*
 * What `certs` prints: the certificates that services show to peers and the
 * revocation lists that they judge peers by, as text and as JSON, a piece at a time.
 */
#ifndef ADMIN_CERTS_TEXT_H
#define ADMIN_CERTS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"

/* A service that uses it. */
struct certs_user {
    const char *service;
    bool accepts; /* towards clients; else towards servers */
};

/* One certificate, or one list, of which the issuer is the `subject`.  Texts may hold
 * any bytes. */
struct certs_item {
    bool is_crl;
    int64_t begins, until; /* seconds of time(2); `until` 0: a list does not say */
    const char *subject;
    const struct certs_user *users;
    size_t user_count;

    /* Of a certificate. */
    const char *issuer;
    const char *serial;
    const char *key;
    const char *names; /* ", " between them */
    unsigned chain;    /* certificates that are sent, it included */
    const char *fingerprint; /* SHA-256, in hex; of a list too */
};

/* Writes whole lines, none of which has more than CERTS_LINE_MAX bytes with its
 * newline.  `now`: seconds of time(2). */
enum { CERTS_LINE_MAX = 8000 };
void certs_text_item(const struct certs_item *item, int64_t now, FILE *out);

/* A file of a directory or pattern that is not used. */
void certs_text_left_out(const char *path, const char *why, FILE *out);

/* What stands in place of all, and behind those that there was room for. */
void certs_text_none(FILE *out);
void certs_text_omitted(size_t omitted, FILE *out);

/* One object, {"certificates": [...], "crls": [...], "left_out": [...], "omitted": N}:
 * begins, goes on with the lists behind the last certificate and with files that are
 * left out, and ends.  `first`: it is the first one of its array. */
void certs_json_begin(FILE *out);
void certs_json_item(
    const struct certs_item *item, bool first, int64_t now, FILE *out);
void certs_json_lists(FILE *out);
void certs_json_left_out(FILE *out);
void certs_json_file(const char *path, const char *why, bool first, FILE *out);
void certs_json_end(size_t omitted, FILE *out);

#endif
