#include "config/config_joined.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_fault.h"

/* A piece ends at the last ':' before this: a file's lines are short. */
#define PIECE_MAX 120

static bool
judge_joined(const char *text, struct fault *fault)
{
    size_t length = strlen(text);

    for (const char *at = text; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return config_refuse(fault, "\"%s\" holds a blank or a foreign "
                "letter; separate names by ':'", text);
    if (text[0] == ':' || text[length - 1] == ':'
        || strstr(text, "::") != NULL)
        return config_refuse(fault, "\"%s\" has nothing between two ':'",
            text);
    return true;
}

bool
config_joined_add(char **joined, const char *text, struct fault *fault)
{
    char *grown;

    if (!judge_joined(text, fault))
        return false;
    if (*joined == NULL)
        grown = strdup(text);
    else if (asprintf(&grown, "%s:%s", *joined, text) < 0)
        grown = NULL;
    if (grown == NULL)
        return config_no_memory(fault);
    free(*joined);
    *joined = grown;
    return true;
}

/* Where the piece after `joined` starts; at the end of the text, its end. */
static const char *
next_piece(const char *joined)
{
    const char *cut = joined, *colon;

    if (strlen(joined) <= PIECE_MAX)
        return strchr(joined, '\0');
    while ((colon = strchr(cut + 1, ':')) != NULL
        && (cut == joined || colon - joined <= PIECE_MAX))
        cut = colon;
    return cut == joined ? strchr(joined, '\0') : cut + 1;
}

size_t
config_joined_count(const char *joined)
{
    size_t count = 0;

    for (; joined != NULL && *joined != '\0'; joined = next_piece(joined))
        count++;
    return count;
}

char *
config_joined_piece(const char *joined, size_t index)
{
    const char *end;

    while (index-- > 0)
        joined = next_piece(joined);
    end = next_piece(joined);
    return strndup(joined, (size_t)(end - joined) - (*end != '\0'));
}
