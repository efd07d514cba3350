/*
 * What is known of a client at an address that several services share, until it is
 * decided which of them it is for.
 */
#ifndef RELAY_CONN_SNIFFED_H
#define RELAY_CONN_SNIFFED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/buffer.h"

struct conn;
struct share;

struct conn_sniff {
    struct share *share; /* a reference */
    struct buffer bytes; /* read from its socket */
    size_t wants;        /* a hello has begun: so many bytes say more; 0: none */
    bool ended;          /* it says nothing more */
    bool accepted;       /* some service has counted it as accepted */
};

/* Gives the connection one.  False: out of memory. */
NODISCARD bool conn_sniff_open(struct conn *conn, struct share *share);

/* After a reload another share is to decide. */
void conn_sniff_change(struct conn *conn, struct share *share);

/* Frees it, if there is one; the bytes too, unless they were taken. */
void conn_sniff_clear(struct conn *conn);

#endif
