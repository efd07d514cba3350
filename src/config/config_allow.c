#include "config/config_allow.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config_fault.h"
#include "config/config_net.h"
#include "config/config_pin.h"

enum {
    VALUE_MOST = 2200, /* a SPIFFE ID has up to 2048 bytes (its 2.3) */
};

/* Each judges the value behind the colon, and may change its case.  False: `fault`
 * says what would do. */
typedef bool judge_value_fn(struct allow_word *word, struct fault *fault);

static bool
judge_any_name(struct allow_word *word, struct fault *fault)
{
    (void)word;
    (void)fault;
    return true;
}

static bool
judge_dns(struct allow_word *word, struct fault *fault)
{
    char *value = word->value;
    const char *host = strncmp(value, "*.", 2) == 0 ? value + 2 : value;
    size_t length = strlen(value);

    if (length > 1 && value[length - 1] == '.')
        value[length - 1] = '\0';
    for (char *at = value; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    if (*host == '\0' || *host == '.' ||
        host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-_.")] != '\0')
        return config_refuse(fault, "\"dns:%s\" is no name: write "
            "dns:NAME, or dns:*.NAME for one label in front of it", value);
    return true;
}

/* A star is a whole segment or none. */
static bool
judge_uri(struct allow_word *word, struct fault *fault)
{
    const char *value = word->value;

    for (const char *at = strchr(value, '*'); at != NULL;
         at = strchr(at, '*')) {
        size_t stars = strspn(at, "*");
        bool whole = at > value && at[-1] == '/' &&
            (at[stars] == '/' || at[stars] == '\0');

        if (!whole || stars > 2 || (stars == 2 && at[2] != '\0'))
            return config_refuse(fault, "\"uri:%s\": write * for one whole "
                "segment between slashes, and ** for all that is left, at the "
                "end", value);
        at += stars;
    }
    if (strchr(value, ':') == NULL)
        return config_refuse(fault, "\"uri:%s\" is no URI: write its scheme "
            "too, as in uri:spiffe://example.org/web", value);
    return true;
}

static bool
judge_email(struct allow_word *word, struct fault *fault)
{
    const char *value = word->value;
    const char *at = strchr(value, '@');
    const char *star = strchr(value, '*');

    if (at == NULL || at == value || at[1] == '\0' ||
        strchr(at + 1, '@') != NULL ||
        (star != NULL && (star != value || at != value + 1)))
        return config_refuse(fault, "\"email:%s\" is no address: write "
            "email:MAILBOX@HOST, or email:*@HOST for all mailboxes there",
            value);
    return true;
}

static bool
judge_ip(struct allow_word *word, struct fault *fault)
{
    return config_net_parse(&word->net, "ip", word->value, fault);
}

static bool
judge_pin(struct allow_word *word, struct fault *fault)
{
    return config_pin_is(word->value) ||
        config_refuse(fault, "\"%s\" is no digest of a public key: write "
            "spki:sha256/ and the 44 characters of its base64", word->value);
}

static const struct {
    const char *name;
    judge_value_fn *judge;
} kinds[] = {
    [ALLOW_CN] = { "cn", judge_any_name },
    [ALLOW_OU] = { "ou", judge_any_name },
    [ALLOW_DNS] = { "dns", judge_dns },
    [ALLOW_URI] = { "uri", judge_uri },
    [ALLOW_EMAIL] = { "email", judge_email },
    [ALLOW_IP] = { "ip", judge_ip },
    [ALLOW_SPKI] = { "spki", judge_pin },
    [ALLOW_ISSUER] = { "issuer:spki", judge_pin },
};

const char *
config_allow_word_name(enum allow_kind kind)
{
    return kinds[kind].name;
}

/* The kind whose name and colon `word` begins with; ALLOW_KIND_COUNT: none. */
static enum allow_kind
find_allow_kind(const char *word)
{
    enum allow_kind kind = 0;

    for (; kind < ALLOW_KIND_COUNT; kind++) {
        size_t length = strlen(kinds[kind].name);

        if (strncmp(word, kinds[kind].name, length) == 0 &&
            word[length] == ':')
            break;
    }
    return kind;
}

/* The next word of a line, quotes taken off, in `word`.  False: a quote is open, or
 * the word is too long. */
static bool
take_allow_word(const char **line, char word[VALUE_MOST], struct fault *fault)
{
    size_t length = 0;
    bool quoted = false;
    const char *at = *line;

    for (; *at != '\0' && (quoted || (*at != ' ' && *at != '\t')); at++) {
        if (*at == '"') {
            quoted = !quoted;
            continue;
        }
        if (length == VALUE_MOST - 1)
            return config_refuse(fault, "a word has more than %d bytes",
                VALUE_MOST - 1);
        word[length++] = *at;
    }
    word[length] = '\0';
    *line = at + strspn(at, " \t");
    return !quoted || config_refuse(fault, "a '\"' is not closed");
}

static bool
append_word(struct allow_rule *rule, enum allow_kind kind, const char *value,
    struct fault *fault)
{
    struct allow_word *grown = reallocarray(
        rule->words, rule->count + 1, sizeof(*grown));

    if (grown == NULL)
        return config_no_memory(fault);
    rule->words = grown;
    grown[rule->count] =
        (struct allow_word){ .kind = kind, .value = strdup(value) };
    if (grown[rule->count].value == NULL)
        return config_no_memory(fault);
    rule->count++;
    return kinds[kind].judge(&grown[rule->count - 1], fault);
}

/* Behind a name a word that is none is often a part of it. */
static const char *
advise_quotes(const struct allow_rule *rule)
{
    const struct allow_word *last =
        rule->count > 0 ? &rule->words[rule->count - 1] : NULL;

    return last != NULL && (last->kind == ALLOW_CN || last->kind == ALLOW_OU)
        ? "; a value with blanks stands in quotes: \"cn:a b\""
        : "";
}

static bool
parse_allow_word(
    struct allow_rule *rule, const char *word, struct fault *fault)
{
    enum allow_kind kind = find_allow_kind(word);
    const char *value;

    if (kind == ALLOW_KIND_COUNT)
        return config_refuse(fault, "\"%s\" is none of cn:NAME, ou:NAME, "
            "dns:NAME, uri:URI, email:ADDRESS, ip:NET, spki:sha256/DIGEST "
            "and issuer:spki:sha256/DIGEST%s", word, advise_quotes(rule));
    value = word + strlen(kinds[kind].name) + 1;
    if (*value == '\0')
        return config_refuse(fault, "there is nothing behind \"%s\"", word);
    return append_word(rule, kind, value, fault);
}

static void
clear_allow_rule(struct allow_rule *rule)
{
    for (size_t i = 0; i < rule->count; i++)
        free(rule->words[i].value);
    free(rule->words);
    free(rule->text);
}

static bool
parse_allow_line(
    struct allow_rule *rule, const char *text, struct fault *fault)
{
    char word[VALUE_MOST];

    *rule = (struct allow_rule){ .text = strdup(text) };
    if (rule->text == NULL)
        return config_no_memory(fault);
    text += strspn(text, " \t");
    while (*text != '\0')
        if (!take_allow_word(&text, word, fault) ||
            !parse_allow_word(rule, word, fault))
            return false;
    return true;
}

bool
config_allow_add(
    struct allow_rules *rules, const char *text, struct fault *fault)
{
    struct allow_rule *grown = reallocarray(
        rules->items, rules->count + 1, sizeof(*grown));

    if (grown == NULL)
        return config_no_memory(fault);
    rules->items = grown;
    if (parse_allow_line(&grown[rules->count], text, fault)) {
        rules->count++;
        return true;
    }
    clear_allow_rule(&grown[rules->count]);
    return false;
}

void
config_allow_clear(struct allow_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++)
        clear_allow_rule(&rules->items[i]);
    free(rules->items);
    *rules = (struct allow_rules){ .items = NULL };
}

static bool
is_same_text(const char *text, const char *name, size_t length)
{
    return strlen(text) == length && memcmp(text, name, length) == 0;
}

static bool
is_same_host(const char *text, const char *name, size_t length)
{
    return strlen(text) == length && strncasecmp(text, name, length) == 0;
}

/* What a star in front of a name stands for. */
static bool
is_label(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)text[i]) && text[i] != '-' &&
            text[i] != '_')
            return false;
    return length > 0;
}

static bool
matches_dns(const char *pattern, const char *name, size_t length)
{
    const char *dot;

    if (length > 1 && name[length - 1] == '.')
        length--;
    if (strncmp(pattern, "*.", 2) != 0)
        return is_same_host(pattern, name, length);
    dot = memchr(name, '.', length);
    return dot != NULL && is_label(name, (size_t)(dot - name)) &&
        is_same_host(pattern + 1, dot, length - (size_t)(dot - name));
}

/* Of the text up to its end or the next slash. */
static size_t
segment_length(const char *text, size_t length)
{
    const char *slash = memchr(text, '/', length);

    return slash != NULL ? (size_t)(slash - text) : length;
}

/* What a star stands for: no way up or to nowhere (RFC 3986, 5.2.4). */
static bool
is_segment(const char *text, size_t length)
{
    return length > 0 && !(length <= 2 && memcmp(text, "..", length) == 0);
}

/* All that is left, one segment or more. */
static bool
has_no_dots(const char *text, size_t length)
{
    size_t there = segment_length(text, length);

    while (is_segment(text, there) && there < length) {
        text += there + 1;
        length -= there + 1;
        there = segment_length(text, length);
    }
    return length > 0 && is_segment(text, there);
}

static bool
matches_uri(const char *pattern, const char *name, size_t length)
{
    size_t left = strlen(pattern);

    for (;;) {
        size_t wanted = segment_length(pattern, left);
        size_t there = segment_length(name, length);

        if (wanted == 2 && memcmp(pattern, "**", 2) == 0)
            return has_no_dots(name, length);
        if (wanted == 1 && *pattern == '*' ? !is_segment(name, there)
                : wanted != there || memcmp(pattern, name, wanted) != 0)
            return false;
        if (wanted == left || there == length)
            return wanted == left && there == length;
        pattern += wanted + 1;
        left -= wanted + 1;
        name += there + 1;
        length -= there + 1;
    }
}

/* RFC 5321 2.4: a mailbox is another one in other case, a host is not. */
static bool
matches_email(const char *pattern, const char *name, size_t length)
{
    const char *host = memrchr(name, '@', length);
    const char *wanted = strchr(pattern, '@');
    size_t mailbox;

    if (host == NULL || host == name)
        return false;
    mailbox = (size_t)(host - name);
    if (*pattern != '*' && ((size_t)(wanted - pattern) != mailbox ||
        memcmp(pattern, name, mailbox) != 0))
        return false;
    return is_same_host(wanted, host, length - mailbox);
}

bool
config_allow_matches(
    const struct allow_word *word, const char *name, size_t length)
{
    switch (word->kind) {
    case ALLOW_CN:
    case ALLOW_OU:
        return is_same_text(word->value, name, length);
    case ALLOW_DNS:
        return matches_dns(word->value, name, length);
    case ALLOW_URI:
        return matches_uri(word->value, name, length);
    case ALLOW_EMAIL:
        return matches_email(word->value, name, length);
    case ALLOW_IP:
        return (length == 4 || length == 16) &&
            config_net_holds(
                &word->net, length == 4 ? AF_INET : AF_INET6, name);
    default:
        return false;
    }
}
