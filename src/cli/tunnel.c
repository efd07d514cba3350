#include <stdbool.h>
#include <stdio.h>

#include "cli/command.h"
#include "master/master.h"

/* sallyport tunnel LISTEN CONNECT [--OPTION=VALUE ...] */
int
command_tunnel(int count, char *const *arguments)
{
    struct command_words words = { count - 1, arguments + 1 };
    const struct config_source source = {
        .load = command_load_words,
        .arg = &words,
    };
    bool loaded;
    int code;

    if (count < 3) {
        fputs("usage: sallyport tunnel LISTEN CONNECT [--OPTION=VALUE ...]\n"
              "as in: sallyport tunnel 127.0.0.1:5432 "
              "tls://db.example.net:5433\n",
            stderr);
        return EXIT_USAGE;
    }
    code = master_run(&source, &loaded);
    return loaded ? code : EXIT_USAGE;
}
