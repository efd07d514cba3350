#include "files/watch.h"

#include <event2/event.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/strings.h"
#include "files/watch_look.h"
#include "files/watch_paths.h"

enum {
    LOOK_MS = 2000,
    QUIET_MS = 300,
    AT_LATEST_MS = 2000,
    PATIENCE_S = 10,
    LOOKS_MAX = 16,
};

/* A look that has taken too long is given up.  It stays in `looks` as long as
 * its process does, which only a file system that cannot be interrupted makes
 * long. */
struct watch {
    struct event_base *base;
    watch_changed_fn *changed;
    void *arg;
    struct event *timer; /* of the next look; or of the end of this one */
    struct watch_paths paths;
    struct watch_look *looks[LOOKS_MAX]; /* NULL: none */
    struct watch_look *current;          /* one of them; NULL: none */
    size_t *visited;                     /* by the current one: indexes */
    size_t visited_count;
    struct watch_look *probe; /* another one: of a silent path; NULL: none */
    size_t probed;            /* its index */
    size_t turn;              /* of the silent paths */
    uint64_t since_ms; /* when the changes began that wait; 0: none wait */
    unsigned look_ms;
    unsigned patience_s;
    bool failing; /* to look at all, and that has been told */
};

static void
set_timer(struct watch *watch, uint64_t ms)
{
    struct timeval wait = clock_span(ms);

    if (evtimer_add(watch->timer, &wait) != 0)
        log_error(NULL, "changed files are not noticed any more: out of "
            "memory; reload by hand");
}

/* After a look; the next one shows whether it is quiet now. */
static void
conclude_look(struct watch *watch, bool differs)
{
    uint64_t now_ms = clock_now_ms();

    if (differs && watch->since_ms == 0)
        watch->since_ms = now_ms;
    set_timer(watch, differs ? QUIET_MS : watch->look_ms);
    if (watch->since_ms == 0 ||
        (differs && now_ms < watch->since_ms + AT_LATEST_MS))
        return;
    watch->since_ms = differs ? now_ms : 0;
    watch->changed(watch->arg); /* last: it may free */
}

static void
note_silence(struct watched *watched)
{
    watched->silent = true;
    log_warn(NULL, "no answer from the file system of %s: changes there are "
        "not noticed until it answers", watched->path);
}

/* The stamp of the probed path is for the next look to note. */
static void
end_probe(struct watch *watch)
{
    struct watched *watched = &watch->paths.items[watch->probed];
    const uint64_t *stamps;

    if (watch_look_stamps(watch->probe, &stamps) > 0) {
        watched->silent = false;
        log_info(NULL, "the file system of %s answers again", watched->path);
    }
    watch->probe = NULL;
}

/* Of the current look, as far as it has come.  True: they differ from those of
 * the look before it. */
static bool
take_stamps(struct watch *watch)
{
    const uint64_t *stamps;
    size_t count = watch_look_stamps(watch->current, &stamps);
    bool differs = false;

    for (size_t i = 0; i < count; i++)
        differs = watch_paths_note(
            &watch->paths, watch->visited[i], stamps[i]) || differs;
    if (count < watch->visited_count)
        note_silence(&watch->paths.items[watch->visited[count]]);
    watch->current = NULL;
    return differs;
}

static void
on_look_ended(struct watch_look *look, void *arg)
{
    struct watch *watch = arg;
    bool was_current = look == watch->current;
    bool differs = was_current && take_stamps(watch);

    if (look == watch->probe)
        end_probe(watch);
    for (size_t i = 0; i < LOOKS_MAX; i++)
        if (watch->looks[i] == look)
            watch->looks[i] = NULL;
    watch_look_free(look);
    if (was_current)
        conclude_look(watch, differs);
}

static bool
has_looks(const struct watch *watch)
{
    for (size_t i = 0; i < LOOKS_MAX; i++)
        if (watch->looks[i] != NULL)
            return true;
    return false;
}

/* Chooses the paths that have answered. */
static void
choose_paths(struct watch *watch)
{
    watch->visited_count = 0;
    for (size_t i = 0; i < watch->paths.count; i++)
        if (!watch->paths.items[i].silent)
            watch->visited[watch->visited_count++] = i;
}

/* Silent ones take turns.  False: there is none. */
static bool
choose_silent(struct watch *watch)
{
    size_t count = watch->paths.count;

    for (size_t i = 0; i < count; i++) {
        watch->probed = watch->turn++ % count;
        if (watch->paths.items[watch->probed].silent)
            return true;
    }
    return false;
}

/* The timer of a look comes before the end of its process, unless the master
 * itself has been held up. */
static struct watch_look *
start_look(struct watch *watch, const size_t *indexes, size_t count)
{
    char **paths = calloc(count, sizeof(*paths));
    struct watch_look *look = NULL;
    size_t slot = 0;

    while (slot < LOOKS_MAX && watch->looks[slot] != NULL)
        slot++;
    for (size_t i = 0; paths != NULL && i < count; i++)
        paths[i] = watch->paths.items[indexes[i]].path;
    if (paths != NULL && slot < LOOKS_MAX)
        look = watch->looks[slot] = watch_look_start(watch->base, paths,
            count, watch->patience_s + 1, on_look_ended, watch);
    else if (slot == LOOKS_MAX)
        errno = EAGAIN;
    free(paths);
    return look;
}

static void
note_watch_failure(struct watch *watch, bool fails)
{
    if (fails && !watch->failing)
        log_warn(NULL, "cannot look whether files have changed: %m");
    watch->failing = fails;
}

/* A silent path has a process of its own, unless there is one that is held up:
 * then that tells whether the file system goes on. */
static void
begin_look(struct watch *watch)
{
    set_timer(watch, watch->look_ms);
    if (!has_looks(watch) && choose_silent(watch))
        watch->probe = start_look(watch, &watch->probed, 1);
    choose_paths(watch);
    if (watch->visited_count == 0)
        return;
    watch->current =
        start_look(watch, watch->visited, watch->visited_count);
    note_watch_failure(watch, watch->current == NULL);
    if (watch->current != NULL)
        set_timer(watch, (uint64_t)watch->patience_s * 1000);
}

static void
on_watch_timer(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;

    (void)fd;
    (void)what;
    if (watch->current != NULL)
        conclude_look(watch, take_stamps(watch));
    else
        begin_look(watch);
}

bool
watch_set(struct watch *watch, char *const *paths, size_t count)
{
    struct watch_paths made;
    size_t *visited = calloc(count + 1, sizeof(*visited));

    if (visited == NULL)
        return false;
    if (!watch_paths_make(&made, paths, count, &watch->paths)) {
        free(visited);
        return false;
    }
    watch_paths_clear(&watch->paths);
    watch->paths = made;
    free(watch->visited);
    watch->visited = visited;
    watch->current = watch->probe = NULL; /* they are at the old ones */
    if (count > 0)
        set_timer(watch, 0);
    else
        evtimer_del(watch->timer);
    return true;
}

bool
watch_silent(const struct watch *watch, struct strings *paths)
{
    bool ok = true;

    for (size_t i = 0; ok && i < watch->paths.count; i++) {
        const char *path = watch->paths.items[i].path;

        if (watch->paths.items[i].silent)
            ok = strings_add(paths, path, strlen(path));
    }
    return ok;
}

void
watch_set_times(struct watch *watch, unsigned look_ms, unsigned patience_s)
{
    watch->look_ms = look_ms;
    watch->patience_s = patience_s;
}

struct watch *
watch_new(struct event_base *base, watch_changed_fn *changed, void *arg)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (watch == NULL)
        return NULL;
    *watch = (struct watch){
        .base = base,
        .changed = changed,
        .arg = arg,
        .look_ms = LOOK_MS,
        .patience_s = PATIENCE_S,
    };
    watch->timer = evtimer_new(base, on_watch_timer, watch);
    if (watch->timer != NULL)
        return watch;
    free(watch);
    return NULL;
}

void
watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    for (size_t i = 0; i < LOOKS_MAX; i++)
        watch_look_free(watch->looks[i]);
    event_free(watch->timer);
    watch_paths_clear(&watch->paths);
    free(watch->visited);
    free(watch);
}
