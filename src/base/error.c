#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"

/* A broken file of any size must not become a broken screen of any size. */
#define MESSAGES_MAX 200
#define MESSAGES_OF_A_KIND 10
#define MESSAGE_SIZE 2048

struct error_note {
    struct error_place place;
    const char *kind; /* NULL: of none */
    size_t rest;      /* > 0: the message stands for so many of its kind */
    size_t order;     /* of being added */
};

/* Takes `message`.  False: it is counted only. */
static bool
append_error_message(
    struct error *error, char *message, const struct error_note *note)
{
    char **messages = NULL;
    struct error_note *notes = NULL;

    if (message != NULL && error->count < MESSAGES_MAX)
        messages = reallocarray(error->messages, error->count + 1,
            sizeof(*messages));
    if (messages != NULL) {
        error->messages = messages;
        notes = reallocarray(
            error->notes, error->count + 1, sizeof(*notes));
    }
    if (notes == NULL) {
        error->dropped++;
        free(message);
        return false;
    }
    error->notes = notes;
    notes[error->count] = *note;
    notes[error->count].order = error->count;
    messages[error->count++] = message;
    return true;
}

static char *PRINTF_LIKE(1, 0)
format_message(const char *format, va_list arguments)
{
    char raw[MESSAGE_SIZE + 1]; /* what is cut here is marked as cut below */
    char text[MESSAGE_SIZE];

    if (vsnprintf(raw, sizeof(raw), format, arguments) < 0)
        snprintf(raw, sizeof(raw), "(unprintable) %s", format);
    escape_bytes(text, sizeof(text), raw, strlen(raw), ESCAPE_MESSAGE);
    return strdup(text);
}

void
error_add(struct error *error, const char *format, ...)
{
    static const struct error_note note;
    int saved = errno;
    va_list arguments;

    va_start(arguments, format);
    (void)append_error_message(
        error, format_message(format, arguments), &note);
    va_end(arguments);
    errno = saved;
}

/* The last message of the kind; `*count` is how many there are. */
static size_t
find_last_of_kind(const struct error *error, const char *kind, size_t *count)
{
    size_t last = 0;

    *count = 0;
    for (size_t i = 0; i < error->count; i++) {
        if (error->notes[i].kind == NULL ||
            strcmp(error->notes[i].kind, kind) != 0)
            continue;
        ++*count;
        last = i;
    }
    return last;
}

/* One more of a kind of which there are enough: the message at `last` says so, or
 * a new one. */
static void
count_kind(struct error *error, size_t last)
{
    struct error_note note = error->notes[last];
    char *text;

    note.rest++;
    if (asprintf(&text, "and %zu more like these", note.rest) < 0) {
        error->dropped++;
    } else if (note.rest > 1) {
        free(error->messages[last]);
        error->messages[last] = text;
        error->notes[last].rest = note.rest;
    } else {
        (void)append_error_message(error, text, &note);
    }
}

void
error_add_at(struct error *error, struct error_place place, const char *kind,
    const char *format, ...)
{
    const struct error_note note = { .place = place, .kind = kind };
    int saved = errno;
    size_t count, last = find_last_of_kind(error, kind, &count);
    va_list arguments;

    if (count >= MESSAGES_OF_A_KIND) {
        count_kind(error, last);
    } else {
        va_start(arguments, format);
        (void)append_error_message(
            error, format_message(format, arguments), &note);
        va_end(arguments);
    }
    errno = saved;
}

/* A message with its note, while they are sorted. */
struct sorted {
    char *message;
    struct error_note note;
};

static int
compare_sizes(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

/* No place comes after all places. */
static int
compare_sorted(const void *a, const void *b)
{
    const struct error_note *left = &((const struct sorted *)a)->note;
    const struct error_note *right = &((const struct sorted *)b)->note;
    int order = compare_sizes(
        left->place.file - 1U, right->place.file - 1U);

    if (order == 0)
        order = compare_sizes(left->place.line, right->place.line);
    return order != 0 ? order : compare_sizes(left->order, right->order);
}

void
error_sort(struct error *error)
{
    struct sorted *sorted = calloc(error->count + 1, sizeof(*sorted));

    if (sorted == NULL)
        return;
    for (size_t i = 0; i < error->count; i++)
        sorted[i] = (struct sorted){ error->messages[i], error->notes[i] };
    qsort(sorted, error->count, sizeof(*sorted), compare_sorted);
    for (size_t i = 0; i < error->count; i++) {
        error->messages[i] = sorted[i].message;
        error->notes[i] = sorted[i].note;
        error->notes[i].order = i;
    }
    free(sorted);
}

void
error_move(struct error *error, struct error *from)
{
    for (size_t i = 0; i < from->count; i++)
        (void)append_error_message(
            error, from->messages[i], &from->notes[i]);
    error->dropped += from->dropped;
    free(from->messages);
    free(from->notes);
    *from = (struct error){ 0 };
}

size_t
error_total(const struct error *error)
{
    size_t total = error->dropped;

    for (size_t i = 0; i < error->count; i++)
        total += error->notes[i].rest > 0 ? error->notes[i].rest : 1;
    return total;
}

void
error_no_memory(struct error *error)
{
    error_add(error, ERROR_NO_MEMORY);
}

const char *
error_first(const struct error *error)
{
    return error->count > 0 ? error->messages[0] : ERROR_NO_MEMORY;
}

bool
error_any(const struct error *error)
{
    return error->count > 0 || error->dropped > 0;
}

void
error_clear(struct error *error)
{
    for (size_t i = 0; i < error->count; i++)
        free(error->messages[i]);
    free(error->messages);
    free(error->notes);
    *error = (struct error){ 0 };
}

void
error_print(struct error *error)
{
    for (size_t i = 0; i < error->count; i++)
        fprintf(stderr, "sallyport: %s\n", error->messages[i]);
    if (error->dropped > 0)
        fprintf(stderr, "sallyport: and %zu more\n", error->dropped);
    error_clear(error);
}
