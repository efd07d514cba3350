/*
 * What was found wrong with something that several legs share.  It is loaded
 * once, and every leg that uses it reports the same.
 */
#ifndef TLS_TLS_NOTES_H
#define TLS_TLS_NOTES_H

#include <stdbool.h>
#include <stddef.h>

struct tls_load;
struct tls_note;

/* Zero-initialise before use. */
struct tls_notes {
    struct tls_note *items;
    size_t count;
    bool faulty;        /* a fault is among them, or one found no memory */
    bool incomplete;    /* there was no memory for one */
};

/* Keeps a copy of `text`; `option` must outlive the notes.  Not a fault: a
 * warning. */
void tls_notes_add(
    struct tls_notes *notes, bool fault, const char *option, const char *text);

/* Reports all of them as the leg's own, by tls_load_fault() and
 * tls_load_warn(). */
void tls_notes_report(
    const struct tls_notes *notes, const struct tls_load *load);

void tls_notes_clear(struct tls_notes *notes);

#endif
