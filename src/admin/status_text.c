#include <event2/buffer.h>

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "admin/status.h"
#include "admin/status_facts.h"
#include "admin/status_words.h"

/* A table is built in full even if memory runs out on the way; the first
 * failure is remembered. */
struct sheet {
    const struct status *status;
    struct evbuffer *out;
    bool failed;
};

static void PRINTF_LIKE(2, 3)
put_text(struct sheet *sheet, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (evbuffer_add_vprintf(sheet->out, format, arguments) < 0)
        sheet->failed = true;
    va_end(arguments);
}

static void
put_reload(struct sheet *sheet, const struct status_facts *facts)
{
    char time[STATUS_TIME_SIZE];

    if (facts->reload == RELOAD_NONE) {
        put_text(sheet, "last reload    none\n");
        return;
    }
    put_text(sheet, "last reload    %s, %s%s%s\n",
        status_time(facts->reload_s, time),
        facts->reload == RELOAD_DONE ? "ok" : "failed",
        facts->reload_text[0] != '\0' ? ": " : "", facts->reload_text);
}

static void
put_sandbox(struct sheet *sheet, const struct status_facts *facts)
{
    if (facts->sandbox[0] == '\0')
        return; /* a master that is older than its admin */
    put_text(sheet, "sandbox        %s\n", facts->sandbox);
    if (facts->not_enforced[0] != '\0')
        put_text(sheet, "not enforced   %s\n", facts->not_enforced);
}

static void
put_facts(struct sheet *sheet)
{
    const struct status_facts *facts = sheet->status->facts;
    char up[STATUS_TIME_SIZE];

    if (facts == NULL) {
        put_text(sheet, "the master did not answer: what follows is from its "
            "children alone\n");
        return;
    }
    put_text(sheet, "sallyport %s, up %s\n", facts->version,
        status_span(sheet->status->now_ms - facts->started_ms, up));
    put_text(sheet, "configuration  %s, generation %" PRIu64 "\n",
        facts->config[0] != '\0' ? facts->config : "(no file)",
        facts->generation);
    put_reload(sheet, facts);
    put_text(sheet, "workers        %" PRIu64 "\n", facts->workers);
    put_sandbox(sheet, facts);
    if (facts->certs_fault[0] != '\0')
        put_text(sheet, "certificates   the previous ones are in force: %s\n",
            facts->certs_fault);
    if (facts->certs_left_out[0] != '\0')
        put_text(sheet, "certificates   left out, for what is wrong with them: "
            "%s\n", facts->certs_left_out);
    if (facts->certs[0] != '\0')
        put_text(sheet, "certificates   %s\n", facts->certs);
}

static void
put_process(struct sheet *sheet, const struct scoreboard_slot_info *slot)
{
    const char *kind = sheet->status->kind_name(slot->kind);
    char name[STATUS_TIME_SIZE];

    snprintf(name, sizeof(name), "%s %u", kind, slot->number);
    put_text(sheet, "%-14s %8d %11" PRIu64 "\n", name, slot->pid, slot->active);
}

static void
put_processes(struct sheet *sheet)
{
    const struct status_facts *facts = sheet->status->facts;
    unsigned count = scoreboard_slot_count(sheet->status->board);

    put_text(sheet, "\n%-14s %8s %11s\n", "PROCESS", "PID", "CONNECTIONS");
    if (facts != NULL)
        put_text(sheet, "%-14s %8" PRIu64 " %11s\n", "master", facts->pid, "-");
    for (unsigned i = 0; i < count; i++) {
        struct scoreboard_slot_info slot =
            scoreboard_slot_info(sheet->status->board, i);

        if (slot.pid != 0)
            put_process(sheet, &slot);
    }
}

/* What there is room for.  A connection that is accepted and fails is counted
 * once, among those that ended badly. */
static const struct {
    const char *heading;
    enum metric_cell cell;
    int width;
} columns[] = {
    { "ACTIVE", METRIC_ACTIVE, 8 },
    { "TOTAL", METRIC_ACCEPTED, 12 },
    { "UP BYTES", METRIC_UP_BYTES, 16 },
    { "DOWN BYTES", METRIC_DOWN_BYTES, 16 },
    { "FAILURES", METRIC_ENDED_BADLY, 10 },
};

static void
put_service(struct sheet *sheet, unsigned service, int width)
{
    const struct scoreboard *board = sheet->status->board;
    char name[STATUS_NAME_SIZE];

    put_text(sheet, "%-*s", width, status_name(board, service, name));
    for (size_t i = 0; i < COUNT(columns); i++)
        put_text(sheet, " %*" PRIu64, columns[i].width,
            scoreboard_sum(board, service, columns[i].cell));
    put_text(sheet, "\n");
}

static void
put_services(struct sheet *sheet)
{
    const struct scoreboard *board = sheet->status->board;
    unsigned count = scoreboard_service_count(board);
    char name[STATUS_NAME_SIZE];
    int width = (int)strlen("SERVICE");

    for (unsigned i = 0; i < count; i++) {
        int length = (int)strlen(status_name(board, i, name));

        width = length > width ? length : width;
    }
    put_text(sheet, "\n%-*s", width, "SERVICE");
    for (size_t i = 0; i < COUNT(columns); i++)
        put_text(sheet, " %*s", columns[i].width, columns[i].heading);
    put_text(sheet, "\n");
    for (unsigned i = 0; i < count; i++)
        if (i != SCOREBOARD_ALL)
            put_service(sheet, i, width);
    put_service(sheet, SCOREBOARD_ALL, width);
}

bool
status_text(const struct status *status, struct evbuffer *out)
{
    struct sheet sheet = { .status = status, .out = out };

    put_facts(&sheet);
    put_processes(&sheet);
    put_services(&sheet);
    return !sheet.failed;
}
