#include <stdbool.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/command_line.h"
#include "master/master.h"

/* sallyport tunnel LISTEN CONNECT [--OPTION=VALUE ...] */
int
command_tunnel(const struct command_line *line)
{
    struct command_words words = { line->rest_count, line->rest };
    const struct config_source source = {
        .load = command_load_words,
        .arg = &words,
    };
    struct error error = { 0 };
    bool loaded;
    int code;

    if (line->rest_count < 2) {
        error_add(&error, "tunnel needs to be told where to listen and where "
            "to connect, as in: sallyport tunnel 127.0.0.1:5432 "
            "tls://db.example.net:5433");
        return command_refuse(line, &error);
    }
    code = master_run(&source, &loaded);
    return loaded ? code : EXIT_USAGE;
}
