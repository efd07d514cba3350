/*
 * A signer whose signatures the keeper makes: a worker's.
 *
 * The keeper may not be there yet, or die and be replaced.  Requests then wait
 * for its replacement: a handshake takes longer rather than fail, until its
 * own timeout.
 *
 * No more than KEEPER_CLIENT_ASKED_MAX requests are with the keeper at once,
 * counting requests that were cancelled after they were sent; one cancelled
 * before costs the keeper nothing.
 */
#ifndef ROLES_KEEPER_CLIENT_H
#define ROLES_KEEPER_CLIENT_H

#include <stdbool.h>

#include "base/base.h"

struct keeper_client;
struct loop;
struct tls_signer;

enum { KEEPER_CLIENT_ASKED_MAX = 256 };

/* `lost` runs from the loop, about once a second, while there are questions and
 * no channel to a keeper.  NULL: out of memory. */
NODISCARD struct keeper_client *keeper_client_new(
    struct loop *loop, void (*lost)(void *arg), void *arg);

/* Every signing must have been answered or cancelled. */
void keeper_client_free(struct keeper_client *client);

/* Takes `fd`, the channel to a keeper that replaces the one before, and asks it
 * for all that is not answered. */
void keeper_client_connect(struct keeper_client *client, int fd);

/* Borrowed: it goes with the client. */
struct tls_signer *keeper_client_signer(struct keeper_client *client);

#endif
