#include "roles/role_title.h"

#include <stddef.h>
#include <string.h>

#define RETIRING " (retiring)"

/* The variable's name says what it is for; only the length of its value counts. */
char role_title_room[] = "SALLYPORT_TITLE=           ";

_Static_assert(sizeof(role_title_room) > sizeof(RETIRING), "it has room");

extern char **environ;

static char *end_of_title; /* its NUL; NULL: there is no room behind it */

void
role_title_open(char *title)
{
    char *end = title + strlen(title);

    end_of_title = environ[0] == end + 1 &&
            strcmp(environ[0], role_title_room) == 0
        ? end
        : NULL;
}

void
role_title_retire(void)
{
    if (end_of_title == NULL)
        return;
    memcpy(end_of_title, RETIRING, sizeof(RETIRING));
    end_of_title = NULL;
}
