/*
 * A server that was given up and is told why: the socket stays open behind the
 * alert and the FIN until the peer has closed too, for a reset could destroy what
 * the peer has not read.  The connection goes on without it meanwhile.
 */
#ifndef RELAY_FAREWELL_H
#define RELAY_FAREWELL_H

struct relay;
struct stream;

enum {
    FAREWELL_MS = 2000,
    FAREWELL_BYTES = 256 << 10, /* that are thrown away */
    FAREWELLS_MOST = 64,        /* of a process; then a reset has to do */
};

/* Takes the socket and frees the stream. */
void farewell_start(struct relay *relay, struct stream *stream);

/* Closes all of them now. */
void farewell_end_all(struct relay *relay);

#endif
