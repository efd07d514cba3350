/*
 * A client of a control socket.
 */
#ifndef TESTS_OBSERVE_ASKER_H
#define TESTS_OBSERVE_ASKER_H

#include <stdbool.h>
#include <stddef.h>

enum { ASKER_TEXT_SIZE = 64 << 10 };

/* Connected, non-blocking; the process ends if that is not possible. */
int asker_open(const char *path);
void asker_ask(int fd, const char *text);

/* Takes what has come, as text behind what is in `text` already.  True: the
 * stream has ended. */
bool asker_read(int fd, char text[ASKER_TEXT_SIZE]);

#endif
