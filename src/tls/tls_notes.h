/*
 * What was found wrong with something that several legs share.  It is loaded
 * once, and every leg that uses it reports the same.
 */
#ifndef TLS_TLS_NOTES_H
#define TLS_TLS_NOTES_H

#include <stdbool.h>
#include <stddef.h>

enum tls_note_level { TLS_NOTE_INFO, TLS_NOTE_WARNING, TLS_NOTE_FAULT };

struct tls_note {
    enum tls_note_level level;
    const char *option; /* borrowed, and so is the kind */
    const char *kind;   /* of messages (config_fault.h) */
    char *about;        /* which value of the option it is of; "": the first */
    char *text;
};

/* Zero-initialise before use. */
struct tls_notes {
    struct tls_note *items;
    size_t count;
    bool faulty;        /* a fault is among them, or one found no memory */
    bool incomplete;    /* there was no memory for one */
};

/* Keeps a copy. */
void tls_notes_add(struct tls_notes *notes, const struct tls_note *note);

void tls_notes_clear(struct tls_notes *notes);

#endif
