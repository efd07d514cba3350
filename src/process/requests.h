/*
 * What users ask for by the control socket and hear of when it is done.
 */
#ifndef PROCESS_REQUESTS_H
#define PROCESS_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "process/message.h"

struct child;
struct error;
struct master;

struct request {
    struct request *next;
    struct child *observer; /* who passes the answer on */
    uint32_t number;
    enum request_verb verb;
    bool begun; /* what is done now is what it asked for */
};

/* MESSAGE_REQUEST */
void requests_hear(struct child *observer, const struct message *message);

/* All that wait for such a thing to begin are answered by what begins now. */
void requests_begin(struct master *master, enum request_verb verb);

/* It is done, or (`error` has messages) has failed: answers those that began. */
void requests_finish(struct master *master, enum request_verb verb,
    const char *text, const struct error *error);

/* Answers every one that waits. */
void requests_fail_all(struct master *master, const char *why);

/* The observer has ended, and its clients with it. */
void requests_forget(struct master *master, const struct child *observer);

#endif
