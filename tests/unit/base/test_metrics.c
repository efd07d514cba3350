#include "base/metrics.h"

#include <ctype.h>
#include <string.h>

#include <criterion/criterion.h>

static unsigned
count_values(const struct metric_label *label)
{
    unsigned count = 0;

    cr_expect_neq(*label->name, '\0');
    while (label->values[count] != NULL)
        count++;
    return count;
}

Test(metrics, every_row_is_complete)
{
    for (size_t i = 0; i < metrics_count(); i++) {
        const struct metric *metric = metrics_at(i);
        unsigned cells = 1;

        cr_assert_not_null(metric->name);
        cr_expect_not_null(metric->unit, "%s", metric->name);
        cr_assert_not_null(metric->help, "%s", metric->name);
        cr_expect_eq(metric->help[strlen(metric->help) - 1], '.', "%s",
            metric->name);
        for (const char *at = metric->name; *at != '\0'; at++)
            cr_expect(islower(*at) || *at == '_', "%s", metric->name);
        for (const struct metric_label *label = metric->labels;
             label->name != NULL; label++)
            cells *= count_values(label);
        cr_expect_eq(metric->cells, cells, "%s", metric->name);
    }
}

/* The rows share out the cells of the scoreboard, none left over, and what
 * limits read lies first. */
Test(metrics, every_cell_is_of_one_row)
{
    unsigned next = 0;

    cr_expect_eq(METRIC_ACTIVE, 0);
    for (size_t i = 0; i < metrics_count(); i++) {
        cr_expect_eq(metrics_at(i)->first, next, "%s", metrics_at(i)->name);
        next += metrics_at(i)->cells;
    }
    cr_expect_eq(next, METRIC_CELL_COUNT);
}

Test(metrics, every_name_is_its_own)
{
    for (size_t i = 0; i < metrics_count(); i++)
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(metrics_at(i)->name, metrics_at(j)->name);
}
