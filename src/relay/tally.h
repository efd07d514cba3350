/*
 * A connection's numbers on the board, each in its service's column and in the
 * sum of all.
 */
#ifndef RELAY_TALLY_H
#define RELAY_TALLY_H

#include <stdint.h>

#include "base/board.h"

struct conn;
struct relay;
struct service;

void tally_count(struct relay *relay, const struct service *service,
    enum board_counter counter, uint64_t more);

/* The client's handshake is done. */
void tally_handshake(const struct conn *conn);

/* What an ended connection comes to. */
void tally_end(const struct conn *conn);

#endif
