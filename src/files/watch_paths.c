#include "files/watch_paths.h"

#include <stdlib.h>
#include <string.h>

static int
compare_watched_paths(const void *a, const void *b)
{
    return strcmp(
        ((const struct watched *)a)->path, ((const struct watched *)b)->path);
}

void
watch_paths_clear(struct watch_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free(paths->items[i].path);
    free(paths->items);
    *paths = (struct watch_paths){ NULL, 0 };
}

static bool
copy_watch_paths(struct watch_paths *made, char *const *paths, size_t count)
{
    *made = (struct watch_paths){ NULL, 0 };
    if (count == 0)
        return true;
    made->items = calloc(count, sizeof(*made->items));
    if (made->items == NULL)
        return false;
    for (; made->count < count; made->count++) {
        char *path = strdup(paths[made->count]);

        if (path == NULL)
            break;
        made->items[made->count].path = path;
    }
    if (made->count == count)
        return true;
    watch_paths_clear(made);
    return false;
}

static void
sort_watch_paths(struct watch_paths *paths)
{
    size_t kept = 0;

    if (paths->count == 0)
        return;
    qsort(paths->items, paths->count, sizeof(*paths->items),
        compare_watched_paths);
    for (size_t i = 1; i < paths->count; i++)
        if (compare_watched_paths(&paths->items[i], &paths->items[kept]) != 0)
            paths->items[++kept] = paths->items[i];
        else
            free(paths->items[i].path);
    paths->count = kept + 1;
}

bool
watch_paths_make(struct watch_paths *made, char *const *paths, size_t count,
    const struct watch_paths *before)
{
    if (!copy_watch_paths(made, paths, count))
        return false;
    sort_watch_paths(made);
    for (size_t i = 0; i < made->count && before->count > 0; i++) {
        const struct watched *known = bsearch(&made->items[i], before->items,
            before->count, sizeof(*before->items), compare_watched_paths);

        if (known == NULL)
            continue;
        made->items[i].stamp = known->stamp;
        made->items[i].stamped = known->stamped;
        made->items[i].silent = known->silent;
    }
    return true;
}

bool
watch_paths_note(
    struct watch_paths *paths, size_t index, uint64_t stamp)
{
    struct watched *watched = &paths->items[index];
    bool differs = !watched->stamped || stamp != watched->stamp;

    watched->stamp = stamp;
    watched->stamped = true;
    return differs;
}
