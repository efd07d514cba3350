#include "process/watch.h"

#include <event2/event.h>
#include <sys/inotify.h>

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "process/watch_paths.h"
#include "process/watch_way.h"

enum {
    QUIET_MS = 300,
    AT_LATEST_MS = 2000,
    POLLING_MS = 30000,
    READS_PER_TURN = 16,
    READ_BYTES = 16 << 10,
};

/* A file counts once its writer has closed it: a directory may hold a file that
 * is written to all the time. */
static const uint32_t itself = IN_DELETE_SELF | IN_MOVE_SELF;
static const uint32_t entries = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE |
    IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB;

/* Inotify's numbers for directories; one has one number, by whatever path. */
struct numbers {
    int *items;
    size_t count;
    size_t room;
};

struct watch {
    int fd;        /* -1: the kernel has none for us */
    int refusal;   /* then: errno */
    bool blind;    /* not everything is watched */
    uint64_t polling_ms;
    uint64_t first_ms; /* of the events that are waited with; 0: none */
    watch_changed_fn *changed;
    void *arg;
    struct event *readable; /* NULL: no fd */
    struct event *quiet;
    struct event *polling;
    struct watch_paths paths;
    struct numbers numbers;
};

static int
compare_numbers(const void *a, const void *b)
{
    int one = *(const int *)a, other = *(const int *)b;

    return (one > other) - (one < other);
}

/* The directories of all paths, while they are looked for. */
struct survey {
    struct watch *watch;
    struct numbers numbers;
    int refusal; /* the first one's errno; 0: none */
    char *refused;
};

static void
note_refusal(struct survey *survey, const char *directory, int code)
{
    if (survey->refusal != 0)
        return;
    survey->refusal = code;
    survey->refused = strdup(directory);
}

static bool
add_number(struct numbers *numbers, int number)
{
    if (numbers->count == numbers->room) {
        size_t room = numbers->room > 0 ? numbers->room * 2 : 64;
        int *grown = reallocarray(numbers->items, room, sizeof(*grown));

        if (grown == NULL)
            return false;
        numbers->items = grown;
        numbers->room = room;
    }
    numbers->items[numbers->count++] = number;
    return true;
}

/* The same directory may come again, for less: IN_MASK_ADD keeps what was
 * wanted of it.  What is gone, or is a file, has been told of with the directory
 * before it; and one on the way may be closed to us if we can pass through. */
static void
on_directory(void *arg, const char *directory, enum watch_way way)
{
    struct survey *survey = arg;
    bool whole = way == WATCH_WAY_ENTRIES;
    int number = inotify_add_watch(survey->watch->fd, directory,
        (whole ? entries | itself : itself) | IN_ONLYDIR | IN_DONT_FOLLOW |
            IN_MASK_ADD);

    if (number < 0) {
        if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP &&
            (whole || errno != EACCES))
            note_refusal(survey, directory, errno);
        return;
    }
    if (!add_number(&survey->numbers, number))
        note_refusal(survey, directory, ENOMEM);
}

static void
sort_out(struct numbers *numbers)
{
    size_t kept = 0;

    if (numbers->count == 0)
        return;
    qsort(numbers->items, numbers->count, sizeof(*numbers->items),
        compare_numbers);
    for (size_t i = 1; i < numbers->count; i++)
        if (numbers->items[i] != numbers->items[kept])
            numbers->items[++kept] = numbers->items[i];
    numbers->count = kept + 1;
}

/* Those that nobody wants any more; the kernel has let go of some already. */
static void
let_go(struct watch *watch, const struct numbers *wanted)
{
    for (size_t i = 0; i < watch->numbers.count; i++)
        if (wanted->count == 0 ||
            bsearch(&watch->numbers.items[i], wanted->items, wanted->count,
                sizeof(*wanted->items), compare_numbers) == NULL)
            inotify_rm_watch(watch->fd, watch->numbers.items[i]);
}

static void
warn_blind(const struct survey *survey)
{
    const char *directory = survey->refused != NULL ? survey->refused : "files";
    const char *advice = survey->refusal == ENOSPC
        ? "; fs.inotify.max_user_watches (sysctl(8)) can be raised"
        : survey->refusal == EMFILE
        ? "; fs.inotify.max_user_instances (sysctl(8)) can be raised"
        : "";

    log_warn(NULL,
        "cannot watch %s for changes: %s%s; meanwhile files are looked at "
        "every %llu s", directory, strerror(survey->refusal), advice,
        (unsigned long long)(survey->watch->polling_ms / 1000));
}

static void
note_sight(struct watch *watch, const struct survey *survey)
{
    struct timeval polling = clock_span(watch->polling_ms);
    bool blind = survey->refusal != 0 && watch->paths.count > 0;

    if (blind && !watch->blind)
        warn_blind(survey);
    if (blind)
        event_add(watch->polling, &polling);
    else
        event_del(watch->polling);
    watch->blind = blind;
}

/* Finds the directories that count now and watches these. */
static void
survey_all(struct watch *watch)
{
    struct survey survey = { .watch = watch, .refusal = watch->refusal };

    for (size_t i = 0; watch->fd >= 0 && i < watch->paths.count; i++)
        watch_way_walk(watch->paths.items[i].path, on_directory, &survey);
    sort_out(&survey.numbers);
    let_go(watch, &survey.numbers);
    free(watch->numbers.items);
    watch->numbers = survey.numbers;
    note_sight(watch, &survey);
    free(survey.refused);
}

/* Directories first: what changes after its stamp was taken is an event. */
static void
look(struct watch *watch)
{
    watch->first_ms = 0;
    event_del(watch->quiet);
    survey_all(watch);
    if (watch_paths_stamp(&watch->paths))
        watch->changed(watch->arg); /* last: it may free */
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    look(arg);
}

static void
wait_for_quiet(struct watch *watch)
{
    uint64_t now_ms = clock_now_ms(), due_ms = now_ms + QUIET_MS;
    struct timeval wait;

    if (watch->first_ms == 0)
        watch->first_ms = now_ms;
    if (due_ms > watch->first_ms + AT_LATEST_MS)
        due_ms = watch->first_ms + AT_LATEST_MS;
    wait = clock_span(due_ms > now_ms ? due_ms - now_ms : 0);
    evtimer_add(watch->quiet, &wait);
}

/* Which file it was about, or that some were lost (IN_Q_OVERFLOW), does not
 * matter: everything is looked at.  IN_IGNORED says that a number is no more:
 * why is another event, or our own doing. */
static bool
tells_something(const char *bytes, size_t length)
{
    const struct inotify_event *event;
    bool tells = false;

    for (size_t at = 0; at + sizeof(*event) <= length;
         at += sizeof(*event) + event->len) {
        event = (const void *)(bytes + at);
        tells = tells || (event->mask & ~(uint32_t)IN_IGNORED) != 0;
    }
    return tells;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
    alignas(struct inotify_event) char bytes[READ_BYTES];
    bool tells = false;

    (void)what;
    for (unsigned i = 0; i < READS_PER_TURN; i++) {
        ssize_t got = read(fd, bytes, sizeof(bytes));

        if (got <= 0)
            break;
        tells = tells_something(bytes, (size_t)got) || tells;
    }
    if (tells)
        wait_for_quiet(arg);
}

bool
watch_set(struct watch *watch, char *const *paths, size_t count)
{
    struct watch_paths made;

    if (!watch_paths_make(&made, paths, count, &watch->paths))
        return false;
    watch_paths_clear(&watch->paths);
    watch->paths = made;
    survey_all(watch);
    watch_paths_stamp_new(&watch->paths);
    wait_for_quiet(watch); /* for those that have a stamp from before */
    return true;
}

void
watch_set_polling(struct watch *watch, uint64_t polling_ms)
{
    watch->polling_ms = polling_ms;
}

static bool
make_events(struct watch *watch, struct event_base *base)
{
    watch->quiet = evtimer_new(base, on_timer, watch);
    watch->polling = event_new(base, -1, EV_PERSIST, on_timer, watch);
    if (watch->quiet == NULL || watch->polling == NULL)
        return false;
    if (watch->fd < 0)
        return true;
    watch->readable = event_new(
        base, watch->fd, EV_READ | EV_PERSIST, on_readable, watch);
    return watch->readable != NULL && event_add(watch->readable, NULL) == 0;
}

struct watch *
watch_new(struct event_base *base, watch_changed_fn *changed, void *arg)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return NULL;
    watch->changed = changed;
    watch->arg = arg;
    watch->polling_ms = POLLING_MS;
    watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    watch->refusal = watch->fd < 0 ? errno : 0;
    if (make_events(watch, base))
        return watch;
    watch_free(watch);
    return NULL;
}

static void
free_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

void
watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    free_event(watch->readable);
    free_event(watch->quiet);
    free_event(watch->polling);
    if (watch->fd >= 0)
        close(watch->fd);
    watch_paths_clear(&watch->paths);
    free(watch->numbers.items);
    free(watch);
}
