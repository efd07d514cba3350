#include "config/config_line.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "config/config_foreign_line.h"

static const char key_bytes[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
static const char section_bytes[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.- ";

/* The length of the UTF-8 character that `bytes` begin with (RFC 3629), 0 if
 * they begin with none. */
static size_t
utf8_length(const uint8_t *bytes, size_t length)
{
    uint32_t code = bytes[0];
    size_t need = code < 0x80 ? 1 : code < 0xC2 ? 0 : code < 0xE0 ? 2
        : code < 0xF0 ? 3 : code < 0xF5 ? 4 : 0;

    if (need <= 1)
        return need;
    if (need > length)
        return 0;
    code &= 0x7FU >> need;
    for (size_t i = 1; i < need; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (bytes[i] & 0x3F);
    }
    if ((need == 3 && code < 0x800) || (need == 4 && code < 0x10000))
        return 0;
    return code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) ? 0 : need;
}

static bool
bytes_are_good(const char *bytes, size_t length, struct fault *fault)
{
    const uint8_t *at = (const uint8_t *)bytes;

    for (size_t i = 0, step; i < length; i += step) {
        bool c1 = at[i] == 0xC2 && i + 1 < length && at[i + 1] < 0xA0;

        step = utf8_length(at + i, length - i);
        if (at[i] == '\t')
            return config_refuse(fault, "there is a tab in column %zu; use "
                "spaces", i + 1);
        if (step == 0)
            return config_refuse(fault, "byte 0x%02X in column %zu is not "
                "UTF-8; save the file as UTF-8", at[i], i + 1);
        if (at[i] < 0x20 || at[i] == 0x7F || c1)
            return config_refuse(fault, "there is a control byte (0x%02X) in "
                "column %zu; remove it", at[c1 ? i + 1 : i], i + 1);
    }
    return true;
}

static size_t
trimmed_length(const char *bytes, size_t length)
{
    while (length > 0 && bytes[length - 1] == ' ')
        length--;
    return length;
}

/* At the start of a comment or at the end of `text`: a ';' makes a comment
 * if a blank is before it. */
static const char *
comment_start(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == ';' && at > text && at[-1] == ' ')
            return at;
    }
    return strchr(text, '\0');
}

/* What word processors and web pages have in place of quotes and blanks. */
static const struct {
    const char *bytes;
    const char *name;
} pasted[] = {
    { "\xc2\xa0", "a no-break space" },
    { "\xe2\x80\xaf", "a no-break space" },
    { "\xe2\x80\x8b", "a space of no width" },
    { "\xef\xbb\xbf", "a byte order mark" },
    { "\xe2\x80\x9c", "a curly quote" },
    { "\xe2\x80\x9d", "a curly quote" },
    { "\xe2\x80\x9e", "a curly quote" },
    { "\xe2\x80\x98", "a curly quote" },
    { "\xe2\x80\x99", "a curly quote" },
    { "\xc2\xab", "an angle quote" },
    { "\xc2\xbb", "an angle quote" },
};

/* NULL: there is none at the beginning of the text nor at its end. */
static const char *
pasted_around(const char *text, size_t length)
{
    for (size_t i = 0; i < COUNT(pasted); i++) {
        size_t size = strlen(pasted[i].bytes);

        if (length >= size && (memcmp(text, pasted[i].bytes, size) == 0 ||
            memcmp(text + length - size, pasted[i].bytes, size) == 0))
            return pasted[i].name;
    }
    return NULL;
}

bool
config_line_value_is_good(const char *value, struct fault *fault)
{
    size_t length = strlen(value);
    const char *odd;

    if (!bytes_are_good(value, length, fault))
        return false;
    odd = pasted_around(value, length);
    if (odd != NULL)
        return config_refuse(fault, "there is %s at an end of the value "
            "\"%s\"; write it without quotes and with plain spaces", odd,
            value);
    if (value[0] == ' ' || (length > 0 && value[length - 1] == ' '))
        return config_refuse(fault, "there are blanks around the value "
            "\"%s\"; remove them", value);
    if (value[0] == '"' || value[0] == '\'')
        return config_refuse(fault, "the value %s is in quotes; write it "
            "without them", value);
    if (value[0] == ';' || value[0] == '#' || strstr(value, " ;") != NULL
        || strstr(value, " #") != NULL)
        return config_refuse(fault, "is \"%s\" a value or a comment? A "
            "comment after a value begins with a blank and ';'", value);
    return true;
}

static bool
judge_section(struct line *line, const char *text)
{
    const char *name = text + 1, *end = strchr(name, ']'), *rest;
    size_t length;

    line->is_header = true;
    if (end == NULL)
        return config_refuse(&line->fault, "the section \"%s\" has no ']'",
            text);
    rest = end + 1 + strspn(end + 1, " ");
    if (*rest != '\0' && (*rest != ';' || rest == end + 1))
        return config_refuse(&line->fault, "there is \"%s\" after the ']'; "
            "write it on a line of its own", end + 1);
    length = (size_t)(end - name);
    if (strspn(name, section_bytes) < length)
        return config_refuse(&line->fault, "the section name \"%.*s\" may "
            "hold letters, digits, '-', '_' and '.' only", (int)length, name);
    if (length > LINE_NAME_MAX)
        return config_refuse(&line->fault, "the section name \"%.*s\" is %zu "
            "bytes long; shorten it to at most %d", (int)length, name, length,
            LINE_NAME_MAX);
    memcpy(line->section, name, length);
    line->kind = LINE_SECTION;
    return true;
}

static bool
judge_assignment(struct line *line, const char *text)
{
    size_t length = strspn(text, key_bytes), value_length;
    size_t key_length = trimmed_length(text, strcspn(text, "="));
    const char *odd = pasted_around(text, key_length);
    const char *sign = text + length + strspn(text + length, " ");
    const char *value;

    if (length > 0 && *sign == ':' && strstr(text, "://") != sign)
        return config_refuse(&line->fault, "a value comes after '=', not "
            "after ':'; write \"%.*s = ...\"", (int)length, text);
    if (strchr(text, '=') == NULL)
        return config_refuse(&line->fault, "\"%s\" has no '='; write "
            "\"key = value\", or begin a comment with ';'", text);
    if (odd != NULL)
        return config_refuse(&line->fault, "there is %s beside the key "
            "\"%.*s\"; remove it", odd, (int)key_length, text);
    if (length == 0 || *sign != '=')
        return config_refuse(&line->fault, "\"%.*s\" is not a key; a key is "
            "one word of letters, digits, '_' and '.'",
            (int)(strchr(text, '=') - text), text);
    if (length > LINE_NAME_MAX)
        return config_refuse(&line->fault, "the key \"%.*s\" is %zu bytes "
            "long; no option has more than %d", (int)length, text, length,
            LINE_NAME_MAX);
    memcpy(line->key, text, length);
    value = sign + 1;
    value_length = (size_t)(comment_start(value) - value);
    while (value_length > 0 && *value == ' ') {
        value++;
        value_length--;
    }
    memcpy(line->value, value, trimmed_length(value, value_length));
    if (!config_line_value_is_good(line->value, &line->fault))
        return false;
    line->kind = LINE_ASSIGNMENT;
    return true;
}

/* A line of another program, indented as those are, by tabs too. */
static bool
is_refused_as_foreign(struct line *line, const char *bytes, size_t length)
{
    char text[LINE_MAX_LENGTH + 1];
    size_t blanks;

    while (length > 0 && (bytes[length - 1] == ' ' || bytes[length - 1] == '\t'))
        length--;
    snprintf(text, sizeof(text), "%.*s", (int)length, bytes);
    blanks = strspn(text, " \t");
    if (strchr(";#[", text[blanks]) != NULL ||
        !config_foreign_line(text + blanks, &line->fault))
        return false;
    config_fault_shorten(&line->fault, text + blanks);
    return true;
}

static bool
judge_line(struct line *line, const char *bytes, size_t length)
{
    char text[LINE_MAX_LENGTH + 1];
    size_t blanks;

    if (length >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        return config_refuse(&line->fault, "there is a byte order mark; save "
            "the file as UTF-8 without it");
    if (length > LINE_MAX_LENGTH)
        return config_refuse(&line->fault, "the line is %zu bytes long, more "
            "than %d; shorten it: a list goes on with the key repeated on "
            "the next line", length, LINE_MAX_LENGTH);
    if (is_refused_as_foreign(line, bytes, length) ||
        !bytes_are_good(bytes, length, &line->fault))
        return false;
    length = trimmed_length(bytes, length);
    memcpy(text, bytes, length);
    text[length] = '\0';
    blanks = strspn(text, " ");
    if (text[blanks] == '\0' || text[blanks] == ';' || text[blanks] == '#') {
        line->kind = LINE_EMPTY;
        return true;
    }
    if (blanks > 0)
        return config_refuse(&line->fault, "the line is indented; begin it "
            "in the first column, and repeat the key to add to a list");
    if (text[0] == '[' ? judge_section(line, text)
        : judge_assignment(line, text))
        return true;
    config_fault_shorten(&line->fault, text);
    return false;
}

enum line_kind
config_line_judge(struct line *line, const char *bytes, size_t length)
{
    *line = (struct line){ .kind = LINE_BAD };
    if (!judge_line(line, bytes, length))
        line->kind = LINE_BAD;
    return line->kind;
}
