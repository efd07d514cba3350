#include <event2/buffer.h>
#include <jansson.h>
#include <sys/random.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "admin/status.h"
#include "admin/status_facts.h"
#include "admin/status_words.h"

/* jansson takes NULL for a value that could not be made, and then fails: so
 * only the outermost call has to be looked at, if every one before it hands
 * its failure on. */

static json_t *
json_number(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static const char *const reloads[] = {
    [RELOAD_NONE] = "none",
    [RELOAD_DONE] = "ok",
    [RELOAD_FAILED] = "failed",
};

static json_t *
reload_object(const struct status_facts *facts)
{
    char time[STATUS_TIME_SIZE];

    if (facts->reload == RELOAD_NONE)
        return json_null();
    return json_pack("{s:s, s:s, s:s}", "result", reloads[facts->reload],
        "time", status_time(facts->reload_s, time), "text",
        facts->reload_text);
}

/* "master": null if it did not answer. */
static json_t *
master_object(const struct status *status)
{
    const struct status_facts *facts = status->facts;

    if (facts == NULL)
        return json_null();
    return json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:o}",
        "version",
        facts->version, "pid", json_number(facts->pid), "uptime_ms",
        json_number(status->now_ms - facts->started_ms), "configuration",
        facts->config, "generation", json_number(facts->generation),
        "workers_wanted", json_number(facts->workers), "sandbox",
        facts->sandbox, "sandbox_not_enforced", facts->not_enforced,
        "certificates_ending", facts->certs, "certificates_fault",
        facts->certs_fault, "certificates_left_out", facts->certs_left_out,
        "last_reload", reload_object(facts));
}

static json_t *
process_list(const struct status *status)
{
    unsigned count = scoreboard_slot_count(status->board);
    json_t *list = json_array();

    for (unsigned i = 0; i < count; i++) {
        struct scoreboard_slot_info slot =
            scoreboard_slot_info(status->board, i);

        if (slot.pid == 0)
            continue;
        if (json_array_append_new(list,
                json_pack("{s:s, s:i, s:i, s:o}", "role",
                    status->kind_name(slot.kind), "number", (int)slot.number,
                    "pid", slot.pid, "active", json_number(slot.active))) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Whose cells are written, and which comes next. */
struct metric_cursor {
    const struct status *status;
    const struct metric *metric;
    unsigned service;
    unsigned cell;
};

static uint64_t
sum_of_cell(const struct metric_cursor *at)
{
    return scoreboard_sum(
        at->status->board, at->service, (enum metric_cell)at->cell);
}

/* Goes past it. */
static bool
skips_cell(struct metric_cursor *at, const struct metric_label *label)
{
    if (!at->metric->sparse || label[1].name != NULL || sum_of_cell(at) != 0)
        return false;
    at->cell++;
    return true;
}

/* A number, or where a metric has labels, an object with one for each value of
 * the first, and so on. */
static json_t *
metric_value(struct metric_cursor *at, const struct metric_label *label)
{
    json_t *object, *number;
    int failed = 0;

    if (label->name == NULL) {
        number = json_number(sum_of_cell(at));
        at->cell++;
        return number;
    }
    object = json_object();
    for (size_t i = 0; label->values[i] != NULL; i++)
        if (!skips_cell(at, label))
            failed |= json_object_set_new(
                object, label->values[i], metric_value(at, label + 1));
    if (failed == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *
service_object(const struct status *status, unsigned service)
{
    const struct scoreboard *board = status->board;
    char name[STATUS_NAME_SIZE];
    json_t *object = json_object();
    int failed = 0;

    if (service != SCOREBOARD_ALL)
        failed |= json_object_set_new(object, "name",
            json_string(status_name(board, service, name)));
    for (size_t i = 0; i < metrics_count(); i++) {
        const struct metric *metric = metrics_at(i);
        struct metric_cursor at = { .status = status, .metric = metric,
            .service = service, .cell = metric->first };

        failed |= json_object_set_new(
            object, metric->name, metric_value(&at, metric->labels));
    }
    if (failed == 0)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *
service_list(const struct status *status)
{
    unsigned count = scoreboard_service_count(status->board);
    json_t *list = json_array();

    for (unsigned i = 0; i < count; i++) {
        if (i == SCOREBOARD_ALL ||
            json_array_append_new(list, service_object(status, i)) == 0)
            continue;
        json_decref(list);
        return NULL;
    }
    return list;
}

/* Or jansson would open a file for it, where there may be none to be had; only
 * the first time counts. */
static void
seed_json_hashes(void)
{
    uint32_t number = 0;

    if (getrandom(&number, sizeof(number), 0) == sizeof(number))
        json_object_seed(number | 1); /* 0 stands for that file */
}

bool
status_json(const struct status *status, struct evbuffer *out)
{
    json_t *whole;
    char *text;
    bool done;

    seed_json_hashes();
    whole = json_pack("{s:o, s:o, s:o, s:o}", "master", master_object(status),
        "processes", process_list(status), "all",
        service_object(status, SCOREBOARD_ALL), "services",
        service_list(status));
    text = whole != NULL
        ? json_dumps(whole, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
    done = text != NULL &&
        evbuffer_add_printf(out, "%s\n", text) >= 0;

    free(text);
    json_decref(whole);
    return done;
}
