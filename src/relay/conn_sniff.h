/*
 * A client at an address that several services share: what it says first is looked
 * at, and decides which of them it is for, before there is anything of TLS.
 *
 * The bytes are read into memory of the connection, 36 KiB at most, and put back
 * for whatever reads the client next (stream_put_back()): a client that sends them
 * one by one wakes the worker once for each.
 */
#ifndef RELAY_CONN_SNIFF_H
#define RELAY_CONN_SNIFF_H

#include "relay/conn_state.h"

/* What CONN_SNIFF does. */
void conn_sniff_enter(struct conn *conn);
void conn_sniff_wake(struct conn *conn);
void conn_sniff_expire(struct conn *conn);

#endif
