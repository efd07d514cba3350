/*
 * A resolver whose source is the scout: a worker's.
 *
 * The scout may not be there yet, or die and be replaced, and the channel may
 * be lost.  What was asked waits for another, and is told after ten seconds that
 * it failed; old answers serve on all that time.
 */
#ifndef ROLES_SCOUT_CLIENT_H
#define ROLES_SCOUT_CLIENT_H

#include <stdbool.h>

#include "base/base.h"

struct loop;
struct resolver;
struct scout_client;

/* `lost` runs when a name is asked for and the scout has no channel, at once
 * and then once a second while that is so; the answer to it is
 * scout_client_connect(), if ever.  NULL: out of memory. */
NODISCARD struct scout_client *scout_client_new(
    struct loop *loop, void (*lost)(void *arg), void *arg);

/* Every query must have ended or been cancelled. */
void scout_client_free(struct scout_client *client);

/* Takes `fd`, the channel to a scout that replaces the one before, and asks it
 * for all that is not answered. */
void scout_client_connect(struct scout_client *client, int fd);

/* Whether there is a scout. */
bool scout_client_is_connected(const struct scout_client *client);

/* Borrowed: it goes with the client. */
struct resolver *scout_client_resolver(const struct scout_client *client);

#endif
