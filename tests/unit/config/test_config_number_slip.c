#include "config/config_number_slip.h"

#include <criterion/criterion.h>

#include <string.h>

#include "config/config_fault.h"
#include "config/config_options.h"

enum of { TIME, SIZE };

struct row {
    enum of of;
    const char *zero;
    const char *text;
    const char *words; /* what is said; NULL: nothing */
};

static const struct row rows[] = {
    { TIME, "off", "none", "\"none\" is not known here; write off" },
    { TIME, "off", "Never", "\"Never\" is not known here; write off" },
    { TIME, "off", "-1", "\"-1\" is not known here; write off" },
    { SIZE, "auto", "off", "\"off\" is not known here; write auto" },
    { TIME, NULL, "none", NULL },
    { TIME, NULL, "5min", "\"5min\": write 5m" },
    { TIME, NULL, "5 minutes", "\"5 minutes\": write 5m" },
    { TIME, NULL, "5M", "\"5M\": write 5m" },
    { TIME, NULL, "30sec", "\"30sec\": write 30s" },
    { TIME, NULL, "30 s", "\"30 s\": write 30s" },
    { TIME, NULL, "500msec", "\"500msec\": write 500ms" },
    { TIME, NULL, "2hours", "\"2hours\": write 2h" },
    { TIME, NULL, "1day", "\"1day\": write 1d" },
    { TIME, NULL, "2weeks", "\"2weeks\": write 14d" },
    { SIZE, NULL, "64KB", "\"64KB\": write 64k" },
    { SIZE, NULL, "1MiB", "\"1MiB\": write 1m" },
    { SIZE, NULL, "4096 bytes", "\"4096 bytes\": write 4096" },
    { SIZE, NULL, "5min", NULL },
    { TIME, NULL, "64kb", NULL },
    { TIME, NULL, "min", NULL },
    { TIME, NULL, "", NULL },
    { TIME, NULL, "5 minutes or so", NULL },
    { TIME, NULL, "9999999999min", NULL },
    { TIME, NULL, "1.5h", NULL },
};

Test(config_number_slip, says_what_to_write)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct option option = { .zero = rows[i].zero };
        struct fault fault = { .text = "" };
        bool slip = config_number_slip(
            &option, rows[i].of == TIME, rows[i].text, &fault);

        cr_expect_eq(slip, rows[i].words != NULL, "%s", rows[i].text);
        cr_expect_str_eq(fault.text, rows[i].words != NULL ? rows[i].words : "",
            "%s", rows[i].text);
    }
}
