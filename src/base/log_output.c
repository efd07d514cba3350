#include "base/log_output.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log_record.h"

#define IDENTIFIER "sallyport"
#define FACILITY_DAEMON 24      /* RFC 3164; <syslog.h> has a LOG_SYSLOG too */

_Static_assert(LOG_LINE_SIZE <= PIPE_BUF, "a line must be written whole");

/* Each level's priority, as syslog(3) has it. */
static const unsigned priorities[] = {
    [LOG_LEVEL_ERROR] = 3,
    [LOG_LEVEL_WARN] = 4,
    [LOG_LEVEL_INFO] = 6,
    [LOG_LEVEL_DEBUG] = 7,
};

static struct {
    struct log_sink sink;
    bool opened;
    enum log_format format;
    uint64_t lost;              /* lines, since the last that was written */
    bool child;                 /* lines are sent to the parent */
} state;

/* Lines of children that are to be written by one call. */
enum { BATCH_BYTES = 32 << 10 };
static struct {
    char bytes[BATCH_BYTES];
    size_t length;
} batch;

/* `pid`: of the process whose line it is, where that is not this one; 0. */
static bool
send_journal(enum log_level level, int pid, struct iovec text,
    struct iovec fields)
{
    struct log_line head;

    log_line_start(&head);
    log_line_put(&head, "PRIORITY=%u\nSYSLOG_FACILITY=%u\nSYSLOG_IDENTIFIER="
        IDENTIFIER "\n", priorities[level], FACILITY_DAEMON >> 3);
    if (pid != 0)
        log_line_put(&head, "SYSLOG_PID=%d\n", pid);
    log_line_put(&head, "MESSAGE=");
    return log_sink_write(&state.sink, (struct iovec[]){
        { head.text, head.length }, text, { (char *)"\n", 1 }, fields,
    }, 4);
}

/* The text is without its newline. */
static bool
send_text(enum log_level level, int pid, struct iovec text)
{
    enum log_dress dress = state.sink.dress;
    struct log_line head;

    log_line_start(&head);
    if (state.sink.torn)
        log_line_put(&head, "\n");
    if (dress == LOG_DRESS_PRIORITY)
        log_line_put(&head, "<%u>", priorities[level]);
    else if (dress == LOG_DRESS_SYSLOG)
        log_line_put(&head, "<%u>" IDENTIFIER "[%d]: ",
            FACILITY_DAEMON | priorities[level], pid);
    /* A datagram ends by itself. */
    return log_sink_write(&state.sink, (struct iovec[]){
        { head.text, head.length }, text, { (char *)"\n", 1 },
    }, dress == LOG_DRESS_SYSLOG ? 2 : 3);
}

static bool
send_to_parent(const struct log_record *record)
{
    struct log_line line;

    log_record_write(&line, record, state.format, state.sink.dress);
    return log_sink_write(&state.sink, (struct iovec[]){
        { (char *)"\n", state.sink.torn ? 1 : 0 },
        { line.text, line.length },
    }, 2);
}

static bool
write_record(const struct log_record *record)
{
    enum log_dress dress = state.sink.dress;
    struct log_line line, fields;
    struct iovec text = { line.text, 0 };

    if (state.child)
        return send_to_parent(record);
    log_line_start(&line);
    log_line_add(&line, record, state.format, dress == LOG_DRESS_TIME);
    text.iov_len = line.length - 1;
    if (dress != LOG_DRESS_JOURNAL)
        return send_text(record->level, (int)getpid(), text);
    log_line_start(&fields);
    log_line_add_journal(&fields, record);
    return send_journal(record->level, 0, text,
        (struct iovec){ fields.text, fields.length });
}

static bool
is_open(void)
{
    struct error ignored = { 0 };

    if (!state.opened)
        state.opened = log_sink_open(&state.sink, LOG_STDERR, NULL, &ignored);
    error_clear(&ignored);
    return state.opened;
}

/* True if no line is missing from the log any more. */
static bool
report_lost(void)
{
    char text[64];
    struct log_record record = { .level = LOG_LEVEL_WARN, .message = text };

    if (state.lost == 0)
        return true;
    snprintf(text, sizeof(text), "%" PRIu64 " log line%s lost", state.lost,
        state.lost == 1 ? " was" : "s were");
    if (!write_record(&record))
        return false;
    state.lost = 0;
    return true;
}

/* Of a batch that was written in part. */
static void
count_unwritten(void)
{
    size_t written = state.sink.written;

    for (size_t i = written; i < batch.length; i++)
        state.lost += batch.bytes[i] == '\n';
    if (written > 0 && batch.bytes[written - 1] == '\n')
        state.sink.torn = false;
}

void
log_output_flush(void)
{
    struct iovec all = { batch.bytes, batch.length };

    if (batch.length == 0)
        return;
    if (!report_lost()) {
        state.sink.written = 0;
        count_unwritten();
    } else if (!log_sink_write(&state.sink, &all, 1)) {
        count_unwritten();
    }
    batch.length = 0;
}

/* False: it has to be written by itself. */
static bool
put_into_batch(const struct log_sent *sent)
{
    if (!state.sink.regular || state.sink.torn ||
        state.sink.dress != LOG_DRESS_TIME ||
        sent->length >= sizeof(batch.bytes))
        return false;
    if (sent->length >= sizeof(batch.bytes) - batch.length)
        log_output_flush();
    memcpy(batch.bytes + batch.length, sent->text, sent->length);
    batch.length += sent->length;
    batch.bytes[batch.length++] = '\n';
    return true;
}

static bool
write_sent(const struct log_sent *sent, int pid)
{
    struct iovec text = { (char *)sent->text, sent->length };

    if (state.sink.dress == LOG_DRESS_JOURNAL)
        return send_journal(sent->level, pid, text,
            (struct iovec){ (char *)sent->fields, sent->fields_length });
    return send_text(sent->level, pid, text);
}

void
log_output_forward(const struct log_sent *sent, int pid)
{
    if (!is_open() || put_into_batch(sent))
        return;
    log_output_flush();
    if (!report_lost() || !write_sent(sent, pid))
        state.lost++;
}

void
log_output_emit(const struct log_record *record)
{
    int saved = errno;

    log_output_flush();
    if (!is_open() || !report_lost() || !write_record(record))
        state.lost++;
    errno = saved;
}

void
log_output_replace(const struct log_sink *sink)
{
    log_output_flush();
    if (state.opened) {
        report_lost();
        log_sink_close(&state.sink);
    }
    state.sink = *sink;
    state.opened = true;
}

void
log_output_close(void)
{
    log_output_flush();
    if (state.opened) {
        report_lost();
        log_sink_close(&state.sink);
    }
    memset(&state, 0, sizeof(state));
}

void
log_output_lead_to_parent(int fd)
{
    enum log_dress dress = log_output_dress();

    if (state.opened)
        log_sink_close(&state.sink);
    state.sink = (struct log_sink){
        .fd = fd, .dress = dress, .way = LOG_WAY_WRITE,
    };
    state.opened = true;
    state.child = true;
    state.lost = 0;
    batch.length = 0;
}

const struct log_sink *
log_output_sink(void)
{
    return state.opened ? &state.sink : NULL;
}

enum log_dress
log_output_dress(void)
{
    return is_open() ? state.sink.dress : LOG_DRESS_TIME;
}

enum log_format
log_output_format(void)
{
    return state.format;
}

void
log_output_adjust(enum log_dress dress, enum log_format format)
{
    state.sink.dress = dress;
    state.format = format;
}
