#include "systemd/unit_file.h"

#include <sys/stat.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/strings.h"
#include "files/files.h"

#define FILE_BYTES_MAX KIB(256)

/* The least significant one first. */
static const char *const folders[] = {
    "/usr/lib/systemd/system",
    "/usr/local/lib/systemd/system",
    "/run/systemd/system",
    "/etc/systemd/system",
};

struct seeing {
    unit_file_see_fn *see;
    void *arg;
    bool any; /* file was read */
};

/* Cuts the blanks off both ends, in place. */
static char *
trim_blanks(char *text)
{
    size_t length;

    text += strspn(text, " \t");
    length = strlen(text);
    while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
        text[--length] = '\0';
    return text;
}

static void
see_line(char *line, unit_file_see_fn *see, void *arg)
{
    char *key = trim_blanks(line);
    char *sign = strchr(key, '=');

    if (key[0] == '#' || key[0] == ';' || sign == NULL)
        return;
    *sign = '\0';
    see(trim_blanks(key), trim_blanks(sign + 1), arg);
}

void
unit_file_parse(
    const char *text, size_t length, unit_file_see_fn *see, void *arg)
{
    char line[UNIT_LINE_SIZE];

    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t size = end != NULL ? (size_t)(end - text) : length;

        if (size < sizeof(line) && memchr(text, '\0', size) == NULL) {
            memcpy(line, text, size);
            line[size] = '\0';
            see_line(line, see, arg);
        }
        text += size + (end != NULL);
        length -= size + (end != NULL);
    }
}

static void
read_unit_file(const char *path, struct seeing *seeing)
{
    struct file_content content;

    if (files_read(NULL, FILE_FOR_CONFIG, path, FILE_BYTES_MAX, &content) !=
        FILE_DONE)
        return;
    seeing->any = true;
    unit_file_parse(
        content.text, content.length, seeing->see, seeing->arg);
    files_release(&content);
}

/* "sallyport@.service" of "sallyport@web.service"; else the unit itself. */
static void
name_template(const char *unit, char name[NAME_MAX + 1])
{
    const char *at = strchr(unit, '@');
    const char *dot = strrchr(unit, '.');

    if (at != NULL && dot != NULL && dot > at)
        snprintf(name, NAME_MAX + 1, "%.*s%s", (int)(at + 1 - unit), unit,
            dot);
    else
        snprintf(name, NAME_MAX + 1, "%s", unit);
}

/* The file of that name in the most significant folder that has one. */
static void
read_own_file(const char *name, struct seeing *seeing)
{
    char path[PATH_MAX];
    struct stat status;

    for (size_t i = COUNT(folders); i > 0; i--) {
        snprintf(path, sizeof(path), "%s/%s", folders[i - 1], name);
        if (stat(path, &status) != 0)
            continue;
        read_unit_file(path, seeing);
        return;
    }
}

static void
read_drop_ins(const char *name, struct seeing *seeing)
{
    char pattern[PATH_MAX];

    for (size_t i = 0; i < COUNT(folders); i++) {
        struct strings paths = { 0 };

        snprintf(pattern, sizeof(pattern), "%s/%s.d/*.conf", folders[i], name);
        if (files_match(NULL, pattern, &paths))
            for (size_t j = 0; j < paths.count; j++)
                read_unit_file(paths.items[j], seeing);
        strings_clear(&paths);
    }
}

bool
unit_file_read(const char *unit, unit_file_see_fn *see, void *arg)
{
    struct seeing seeing = { .see = see, .arg = arg };
    char template[NAME_MAX + 1];
    bool is_instance, there;

    name_template(unit, template);
    is_instance = strcmp(template, unit) != 0;
    read_own_file(template, &seeing);
    if (is_instance)
        read_own_file(unit, &seeing);
    there = seeing.any;
    if (there) {
        read_drop_ins(template, &seeing);
        if (is_instance)
            read_drop_ins(unit, &seeing);
    }
    return there;
}

/* What stands between '@' and the suffix; "": the unit is no instance. */
static void
name_instance(const char *unit, char instance[NAME_MAX + 1])
{
    const char *at = strchr(unit, '@');
    const char *dot = strrchr(unit, '.');

    instance[0] = '\0';
    if (at != NULL && dot != NULL && dot > at)
        snprintf(instance, NAME_MAX + 1, "%.*s", (int)(dot - at - 1), at + 1);
}

bool
unit_file_expand(
    const char *unit, const char *value, char *text, size_t size)
{
    char instance[NAME_MAX + 1];
    size_t length = 0;

    name_instance(unit, instance);
    text[0] = '\0';
    for (; *value != '\0'; value++) {
        const char letter[] = { *value, '\0' };
        const char *piece = letter;

        if (*value == '%') {
            value++;
            if (*value == 'i')
                piece = instance;
            else if (*value == 'n')
                piece = unit;
            else if (*value != '%')
                return false;
        }
        length += (size_t)snprintf(text + length, size - length, "%s", piece);
        if (length >= size)
            return false;
    }
    return true;
}
