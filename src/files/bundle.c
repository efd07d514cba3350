#include "files/bundle.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/path_why.h"
#include "files/file_cache.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

enum { ERRNO_MAX = 4095 };

struct writer {
    int fd;
    enum bundle_part part;
    uint64_t at;
};

static bool
write_bundle_bytes(struct writer *writer, const void *data, size_t length)
{
    const char *from = data;
    ssize_t put;

    while (length > 0) {
        put = write(writer->fd, from, length);
        if (put < 0 && errno != EINTR)
            return false;
        if (put > 0) {
            from += put;
            length -= (size_t)put;
            writer->at += (uint64_t)put;
        }
    }
    return true;
}

static uint32_t
flags_of(const struct file_entry *answer)
{
    return (answer->secret ? BUNDLE_SECRET : 0u)
        | (answer->printed ? BUNDLE_PRINTED : 0u)
        | (answer->apart ? BUNDLE_APART : 0u);
}

static bool
write_bundle_entry(struct writer *writer, struct file_entry *answer)
{
    size_t path_length = strlen(answer->path);
    struct bundle_record record = {
        .kind = answer->kind,
        .result = answer->result,
        .why = (uint32_t)answer->why,
        .mode = answer->mode,
        .flags = flags_of(answer),
        .path_length = (uint32_t)path_length,
        .size = answer->size,
        .data_length = answer->length,
    };

    if (answer->printed)
        memcpy(record.print, answer->print, sizeof(record.print));
    if (!write_bundle_bytes(writer, &record, sizeof(record))
        || !write_bundle_bytes(writer, answer->path, path_length + 1))
        return false;
    if (writer->part == BUNDLE_SECRETS) {
        answer->whole_at = writer->at;
        answer->whole_length = answer->length;
    }
    return write_bundle_bytes(writer, answer->data, answer->length);
}

static bool
is_part(const struct file_entry *answer, enum bundle_part part)
{
    return part == BUNDLE_ALL || file_entry_is_whole_secret(answer);
}

static bool
write_table(struct writer *writer, const struct file_cache *table,
    const struct bundle_head *head)
{
    if (!write_bundle_bytes(writer, head, sizeof(*head)))
        return false;
    for (size_t i = 0; i < table->count; i++) {
        if (is_part(table->items[i], writer->part)
            && !write_bundle_entry(writer, table->items[i]))
            return false;
    }
    return fcntl(writer->fd, F_ADD_SEALS, SEALS) == 0;
}

/* False: it is too much. */
static bool
measure_bundle(const struct file_cache *table, enum bundle_part part,
    struct bundle_head *head)
{
    *head = (struct bundle_head){ .length = sizeof(*head) };
    memcpy(head->magic, BUNDLE_MAGIC, sizeof(head->magic));
    if (table->count > BUNDLE_RECORDS_MAX)
        return false;
    for (size_t i = 0; i < table->count; i++) {
        const struct file_entry *answer = table->items[i];

        if (!is_part(answer, part))
            continue;
        head->length += sizeof(struct bundle_record);
        head->length += strlen(answer->path) + 1 + answer->length;
        head->records++;
    }
    return head->length <= BUNDLE_BYTES_MAX;
}

int
bundle_write(const struct file_cache *table, enum bundle_part part,
    struct error *error)
{
    struct writer writer = { .fd = -1, .part = part };
    struct bundle_head head;

    if (!measure_bundle(table, part, &head)) {
        error_add(error, "the configuration names %zu files and directories "
            "with %ju bytes together, which is too much; at most %d and %zu "
            "can be served", table->count, (uintmax_t)head.length,
            BUNDLE_RECORDS_MAX, BUNDLE_BYTES_MAX);
        return -1;
    }
    writer.fd = memfd_create(part == BUNDLE_SECRETS ? "sallyport-secrets" :
        "sallyport-bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (writer.fd >= 0 && write_table(&writer, table, &head))
        return writer.fd;
    error_add(error, "cannot pack the configuration into memory: %s",
        strerror(errno));
    if (writer.fd >= 0)
        close(writer.fd);
    return -1;
}

/* What is left of the bundle. */
struct reader {
    char *at;
    size_t left;
};

/* The next `length` bytes; NULL: there are not so many. */
static char *
take_bundle_bytes(struct reader *reader, uint64_t length)
{
    char *at = reader->at;

    if (length > reader->left)
        return NULL;
    reader->at += length;
    reader->left -= (size_t)length;
    return at;
}

/* Only what was read for TLS and is secret has a print, and only what has one
 * can be apart.  No print is always the same bytes. */
static bool
has_sound_print(const struct file_entry *answer)
{
    static const unsigned char none[FILE_PRINT_BYTES];

    if (!answer->printed)
        return !answer->apart
            && memcmp(answer->print, none, sizeof(none)) == 0;
    return answer->secret && answer->kind == FILE_TLS
        && answer->result == FILE_DONE;
}

/* Of a failure there is nothing, or a text that ends with its only NUL. */
static bool
has_sound_failure(const struct file_entry *answer)
{
    if (answer->length == 0)
        return true;
    return answer->result == FILE_NOT_OPENED && answer->why == EACCES
        && answer->length <= PATH_WHY_SIZE
        && memchr(answer->data, '\0', answer->length)
        == answer->data + answer->length - 1;
}

/* Contents are all there or not at all; names each have their NUL. */
static bool
is_sound(const struct file_entry *answer)
{
    bool done = answer->result == FILE_DONE;

    if (!has_sound_print(answer))
        return false;
    if (!done && !has_sound_failure(answer))
        return false;
    if ((answer->why == 0) != (answer->result != FILE_NOT_OPENED
        && answer->result != FILE_NOT_READ))
        return false;
    if (file_entry_is_contents(answer))
        return !done || answer->size == answer->length;
    if (!done && answer->result != FILE_NOT_OPENED)
        return false;
    return answer->size == 0 && (answer->length == 0
        || answer->data[answer->length - 1] == '\0');
}

static bool
is_in_range(const struct bundle_record *record)
{
    return record->kind < FILE_KIND_COUNT
        && record->result < FILE_RESULT_COUNT && record->why <= ERRNO_MAX
        && record->mode <= ALLPERMS && record->flags <= BUNDLE_FLAGS;
}

static bool
read_bundle_record(struct reader *reader, struct file_entry *answer)
{
    const char *start = take_bundle_bytes(reader, sizeof(struct bundle_record));
    struct bundle_record record;

    if (start == NULL)
        return false;
    memcpy(&record, start, sizeof(record));     /* it may lie anywhere */
    if (!is_in_range(&record))
        return false;
    *answer = (struct file_entry){
        .kind = (enum file_kind)record.kind,
        .result = (enum file_result)record.result,
        .why = (int)record.why,
        .mode = record.mode,
        .size = record.size,
        .secret = (record.flags & BUNDLE_SECRET) != 0,
        .printed = (record.flags & BUNDLE_PRINTED) != 0,
        .apart = (record.flags & BUNDLE_APART) != 0,
        .borrowed = true,
        .path = take_bundle_bytes(reader, (uint64_t)record.path_length + 1),
        .data = take_bundle_bytes(reader, record.data_length),
        .length = (size_t)record.data_length,
    };
    memcpy(answer->print, record.print, sizeof(record.print));
    return answer->path != NULL && answer->data != NULL
        && memchr(answer->path, '\0', (size_t)record.path_length + 1)
        == answer->path + record.path_length && is_sound(answer);
}

enum reading { READING_GOOD, READING_BAD, READING_NO_MEMORY };

/* A second answer to one question would be one too many. */
static enum reading
read_bundle_entry(struct reader *reader, struct file_cache *table)
{
    struct file_entry answer, *kept;

    if (!read_bundle_record(reader, &answer)
        || file_cache_find(table, answer.kind, answer.path) != NULL)
        return READING_BAD;
    kept = malloc(sizeof(*kept));
    if (kept == NULL)
        return READING_NO_MEMORY;
    *kept = answer;
    if (file_cache_add(table, kept))
        return READING_GOOD;
    free(kept);
    return READING_NO_MEMORY;
}

static enum reading
read_bundle_entries(const struct bundle_map *map, struct file_cache *table)
{
    struct reader reader = { map->memory, map->length };
    const char *start = take_bundle_bytes(&reader, sizeof(struct bundle_head));
    enum reading reading = READING_GOOD;
    struct bundle_head head;

    if (start == NULL)
        return READING_BAD;
    memcpy(&head, start, sizeof(head));
    if (memcmp(head.magic, BUNDLE_MAGIC, sizeof(head.magic)) != 0
        || head.length != map->length || head.zero != 0
        || head.records > BUNDLE_RECORDS_MAX)
        return READING_BAD;
    for (uint32_t i = 0; i < head.records && reading == READING_GOOD; i++)
        reading = read_bundle_entry(&reader, table);
    return reading == READING_GOOD && reader.left > 0 ? READING_BAD : reading;
}

/* False: the reason is among the errors. */
static bool
map_sealed(int fd, struct bundle_map *map, struct error *error)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat status;

    if (seals < 0 || (seals & SEALS) != SEALS) {
        error_add(error, "the bundle is not sealed: it could change while it "
            "is read");
        return false;
    }
    if (fstat(fd, &status) != 0
        || status.st_size < (off_t)sizeof(struct bundle_head)
        || status.st_size > (off_t)BUNDLE_BYTES_MAX) {
        error_add(error, "the bundle does not have the length of one");
        return false;
    }
    map->length = (size_t)status.st_size;
    map->memory = mmap(NULL, map->length, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map->memory != MAP_FAILED) {
        /* There may be keys in it, which no core dump should hold. */
        (void)madvise(map->memory, map->length, MADV_DONTDUMP);
        return true;
    }
    error_add(error, "cannot map the bundle: %s", strerror(errno));
    *map = (struct bundle_map){ 0 };
    return false;
}

bool
bundle_open(int fd, struct bundle_map *map, struct file_cache *table,
    struct error *error)
{
    enum reading reading;

    *map = (struct bundle_map){ 0 };
    if (!map_sealed(fd, map, error))
        return false;
    reading = read_bundle_entries(map, table);
    if (reading == READING_GOOD)
        return true;
    error_add(error, reading == READING_BAD ? "the bundle is damaged" :
        "out of memory");
    file_cache_clear(table);
    bundle_close(map);
    return false;
}

void
bundle_close(struct bundle_map *map)
{
    if (map->memory != NULL)
        munmap(map->memory, map->length);
    *map = (struct bundle_map){ 0 };
}
