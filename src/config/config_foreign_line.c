#include "config/config_foreign_line.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config/config_endpoint.h"
#include "config/config_fault.h"
#include "config/config_fields.h"
#include "config/config_foreign.h"
#include "config/config_options.h"

enum { WORD_SIZE = 256, WORDS_MAX = 12 };
enum { VALUE_SIZE = WORD_SIZE + 32, OURS_SIZE = 2 * WORD_SIZE };

/* A line, cut at blanks and ';'. */
struct foreign_line {
    const char *text;
    char words[WORDS_MAX][WORD_SIZE];
    size_t count;
    bool opens; /* a block, with '{' */
};

/* Lines that are not options, by their first word. */
static const struct {
    const char *word;
    const char *program;
    bool opens;
    bool named;  /* a second word follows, which goes into the advice */
    const char *advice;
} blocks[] = {
    { "global", "HAProxy", false, false, "write [global]" },
    { "defaults", "HAProxy", false, false, "write [defaults]" },
    { "frontend", "HAProxy", false, true, "write [service %s]" },
    { "listen", "HAProxy", false, true, "write [service %s]" },
    { "backend", "HAProxy", false, true, "write its servers as connect = "
        "HOST:PORT in the [service NAME] that uses them (%s)" },
    { "default_backend", "HAProxy", false, true, "write the servers of %s as "
        "connect = HOST:PORT" },
    { "use_backend", "HAProxy", false, true, "write a [service NAME] with "
        "listen.match for %s" },
    { "mode", "HAProxy", false, true, "remove it: bytes are passed on as they "
        "are, without a mode %s" },
    { "option", "HAProxy", false, true, "remove it: there is no %s here" },
    { "daemon", "HAProxy", false, false, "remove it: systemd runs the daemon" },
    { "server", "nginx", true, false, "write [service NAME]" },
    { "upstream", "nginx", true, true, "write its servers as connect = "
        "HOST:PORT in the [service NAME] that uses them (%s)" },
    { "stream", "nginx", true, false, "remove it: services stand by "
        "themselves" },
    { "http", "nginx", true, false, "remove it: services stand by themselves, "
        "and HTTP is passed on as it is" },
    { "events", "nginx", true, false, "remove it" },
    { "location", "nginx", true, true, "remove it: paths such as %s are not "
        "looked at here" },
    { "}", "nginx", false, false, "remove it: a section ends where the next "
        "one begins" },
};

static const struct {
    const char *word;
    const char *ours;
} timeouts[] = {
    { "connect", "timeout.connect" },
    { "client", "timeout.idle" },
    { "server", "timeout.idle" },
    { "tunnel", "timeout.idle" },
};

/* False: there is more to it than lines of this kind have. */
static bool
split_line(struct foreign_line *line, const char *text)
{
    static const char blanks[] = " \t;";
    size_t length;

    *line = (struct foreign_line){ .text = text };
    for (text += strspn(text, blanks); *text != '\0';
         text += strspn(text, blanks)) {
        length = strcspn(text, blanks);
        if (line->count == WORDS_MAX || length >= WORD_SIZE)
            return false;
        memcpy(line->words[line->count], text, length);
        line->words[line->count++][length] = '\0';
        text += length;
    }
    if (line->count > 1 && strcmp(line->words[line->count - 1], "{") == 0) {
        line->opens = true;
        line->count--;
    }
    return line->count > 0;
}

/* Whether the word is that of an endpoint that follows, rather than a name. */
static bool
is_like_endpoint(const char *word)
{
    return strpbrk(word, ":/") != NULL ||
        word[strspn(word, "0123456789")] == '\0';
}

static bool
explain_block(const struct foreign_line *line, struct fault *fault)
{
    char advice[2 * WORD_SIZE];

    for (size_t i = 0; i < COUNT(blocks); i++) {
        if (strcmp(blocks[i].word, line->words[0]) != 0 ||
            blocks[i].opens != line->opens ||
            (blocks[i].named ? line->count < 2 : line->count > 1) ||
            (strcmp(blocks[i].word, "listen") == 0 &&
                is_like_endpoint(line->words[1])))
            continue;
        /* The table's own formats, of which each has one %s or none. */
        snprintf(advice, sizeof(advice), "%s", blocks[i].advice);
        if (blocks[i].named) {
            const char *at = strstr(blocks[i].advice, "%s");

            snprintf(advice, sizeof(advice), "%.*s%s%s",
                (int)(at - blocks[i].advice), blocks[i].advice, line->words[1],
                at + 2);
        }
        config_fault_set(fault, "\"%s\" is a line of %s; %s", line->text,
            blocks[i].program, advice);
        return true;
    }
    return false;
}

static bool
line_has_word(const struct foreign_line *line, const char *word)
{
    for (size_t i = 1; i < line->count; i++)
        if (strcasecmp(line->words[i], word) == 0)
            return true;
    return false;
}

/* "HOST:PORT" as it is written here, or those very words. */
static void
suggest_endpoint(
    const struct foreign_line *line, bool listens, char text[VALUE_SIZE])
{
    enum endpoint_use use = listens ? ENDPOINT_LISTEN : ENDPOINT_CONNECT;
    bool tls = line_has_word(line, "ssl") || line_has_word(line, "tls");
    struct endpoint endpoint;
    struct fault fault;
    const char *at = NULL, *port = "", *host = "";

    for (size_t i = 1; i < line->count && at == NULL; i++)
        if (is_like_endpoint(line->words[i]))
            at = line->words[i];
    if (at != NULL && strncasecmp(at, "https://", 8) == 0) {
        tls = true;
        at += 8;
        port = strchr(at, ':') == NULL ? ":443" : "";
    } else if (at != NULL && strncasecmp(at, "http://", 7) == 0) {
        at += 7;
        port = strchr(at, ':') == NULL ? ":80" : "";
    } else if (at != NULL && at[strspn(at, "0123456789")] == '\0') {
        host = listens ? "*:" : "127.0.0.1:";
    } else if (at != NULL && *at == '/') {
        host = "unix:";
    }
    snprintf(text, VALUE_SIZE, "%s%s%s%s",
        !tls ? "" : *host == 'u' ? "tls+" : "tls://", host,
        at != NULL ? at : "", port);
    if (config_endpoint_parse(NULL, &endpoint, text, use, &fault))
        config_endpoint_clear(&endpoint);
    else
        snprintf(text, VALUE_SIZE, "%sHOST:PORT", tls ? "tls://" : "");
}

/* The value of `ours` by the words behind the first one.  A list, or what cannot be
 * known, is "...". */
static void
suggest_value(const struct foreign_line *line, const char *ours,
    char text[VALUE_SIZE])
{
    if (strcmp(ours, "listen") == 0 || strcmp(ours, "connect") == 0)
        suggest_endpoint(line, *ours == 'l', text);
    else
        snprintf(text, VALUE_SIZE, "%s",
            line->count == 2 ? line->words[1] : "...");
}

/* "OURS = VALUE" */
static void
suggest_line(const struct foreign_line *line, const char *ours,
    char text[OURS_SIZE])
{
    char value[VALUE_SIZE];

    suggest_value(line, ours, value);
    if (strchr(ours, '=') != NULL)
        snprintf(text, OURS_SIZE, "%s", ours);
    else
        snprintf(text, OURS_SIZE, "%s = %s", ours, value);
}

/* The file behind HAProxy's `crt`; NULL: there is none. */
static const char *
certificate_of(const struct foreign_line *line)
{
    for (size_t i = 1; i + 1 < line->count; i++)
        if (strcmp(line->words[i], "crt") == 0)
            return line->words[i + 1];
    return NULL;
}

static bool
explain_foreign(const struct foreign_line *line, struct fault *fault)
{
    const struct foreign_word *word = config_foreign_find(line->words[0]);
    const char *crt = certificate_of(line);
    char ours[OURS_SIZE];

    if (word == NULL || line->count < 2)
        return false;
    if (word->ours == NULL || word->program == NULL) {
        config_fault_set(fault, "\"%s\" has no '='; %s", line->text,
            word->advice);
        return true;
    }
    suggest_line(line, word->ours, ours);
    config_fault_set(fault, "\"%s\" is a line of %s; write \"%s\"%s%s%s",
        line->text,
        line->text[strlen(line->text) - 1] == ';' ? "nginx" : word->program,
        ours, crt != NULL ? " and \"listen.cert = " : "",
        crt != NULL ? crt : "", crt != NULL ? "\"" : "");
    return true;
}

static bool
explain_timeout(const struct foreign_line *line, struct fault *fault)
{
    if (strcmp(line->words[0], "timeout") != 0 || line->count != 3)
        return false;
    for (size_t i = 0; i < COUNT(timeouts); i++)
        if (strcmp(timeouts[i].word, line->words[1]) == 0) {
            config_fault_set(fault, "\"%s\" is a line of HAProxy; write "
                "\"%s = %s\"", line->text, timeouts[i].ours, line->words[2]);
            return true;
        }
    return false;
}

static bool
explain_server_name(const struct foreign_line *line, struct fault *fault)
{
    if (strcmp(line->words[0], "server_name") != 0 || line->count != 2)
        return false;
    config_fault_set(fault, "\"%s\" is a line of nginx; write "
        "\"listen.match = sni:%s\"", line->text, line->words[1]);
    return true;
}

/* An option of ours. */
static bool
explain_own(const struct foreign_line *line, struct fault *fault)
{
    const char *word = line->words[0];
    char ours[OURS_SIZE];

    if (line->count < 2 || (config_option_find(OPTION_SERVICE, word) == NULL &&
        config_option_find(OPTION_GLOBAL, word) == NULL))
        return false;
    suggest_line(line, word, ours);
    config_fault_set(fault, "\"%s\" has no '='; write \"%s\"", line->text,
        ours);
    return true;
}

bool
config_foreign_line(const char *text, struct fault *fault)
{
    struct foreign_line line;

    return strchr(text, '=') == NULL && split_line(&line, text) &&
        (explain_block(&line, fault) || explain_timeout(&line, fault) ||
        explain_server_name(&line, fault) || explain_foreign(&line, fault) ||
        explain_own(&line, fault));
}
