/*
 * The table of metrics: what is counted for each service, and for all of them
 * together.  The scoreboard has a cell for each; status, the help and the manual
 * read the rows.
 *
 * A new one is a row of metrics.inc and a call of scoreboard_count() where it
 * happens.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

/* Cells of the scoreboard: METRIC_ACTIVE and so on. */
enum metric_cell {
#define METRIC(word, cells, ...) \
    METRIC_##word, METRIC_##word##_LAST = METRIC_##word + (cells) - 1,
#include "base/metrics.inc"
#undef METRIC
    METRIC_CELL_COUNT,
};

enum metric_kind {
    METRIC_COUNTER, /* only grows, and outlives the process that counts */
    METRIC_GAUGE,   /* what there is now; 0 once the process has ended */
};

enum { METRIC_LABELS_MAX = 2, METRIC_VALUES_MAX = 24 };

/* By what the cells of one metric are told apart. */
struct metric_label {
    const char *name;
    const char *values[METRIC_VALUES_MAX + 1]; /* NULL ends the list */
};

struct metric {
    const char *name; /* in `status --json` */
    const char *unit;
    struct metric_label labels[METRIC_LABELS_MAX + 1]; /* no name: the end */
    const char *help; /* a sentence whose subject is the unit */
    enum metric_kind kind;
    enum metric_cell first;
    unsigned cells;
    bool sparse; /* `status --json` leaves out cells of 0 */
};

size_t metrics_count(void);
const struct metric *metrics_at(size_t index);

#endif
