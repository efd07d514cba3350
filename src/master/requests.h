/*
 * What users ask for by the control socket and hear of when it is done.
 */
#ifndef MASTER_REQUESTS_H
#define MASTER_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "ipc/message.h"

struct child;
struct error;
struct master;

/* MESSAGE_REQUEST */
void requests_on_message(struct master *master, struct child *admin,
    const struct message *message);

/* A change of that verb begins: it answers all requests that wait for one. */
void requests_begin(struct master *master, enum verb verb);

/* The change is done, or (`error` has messages) has failed: answers the requests
 * that it began for. */
void requests_finish(struct master *master, enum verb verb,
    const char *text, const struct error *error);

/* Has the clients whose requests of that verb wait ask the successor, which has
 * the control socket by now.  False: there are none. */
bool requests_redirect(struct master *master, enum verb verb);

/* Answers every one that waits. */
void requests_fail_all(struct master *master, const char *why);

/* The admin has ended, and its clients with it. */
void requests_forget(struct master *master, const struct child *admin);

#endif
