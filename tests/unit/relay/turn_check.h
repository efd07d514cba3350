/*
 * What holds after every turn of the loop: a connection has made progress, or
 * waits for something that is armed, or has ended.
 */
#ifndef TESTS_RELAY_TURN_CHECK_H
#define TESTS_RELAY_TURN_CHECK_H

struct conn;

/* Ends the test where `conn` could wait for ever, and where it would be woken
 * without end for what no peer takes. */
void turn_check(const struct conn *conn);

#endif
