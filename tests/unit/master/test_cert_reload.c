/* Files that change in, rollouts out. */
#include "master/cert_reload.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/log.h"
#include "base/scratch.h"
#include "config/config.h"
#include "config/config_load.h"
#include "files/files.h"
#include "master/generation.h"
#include "master/rollout.h"
#include "tls/tls_files.h"

void __wrap_rollout_start(struct rollout *rollout, struct config *config,
    bool strict, rollout_done_fn *done, void *arg);

static struct event_base *base;
static struct generations generations;
static struct cert_reload reload;
static struct config *rolled;
static rollout_done_fn *rolled_done;
static char said[256];

static void
say(const char *what)
{
    size_t length = strlen(said);

    snprintf(said + length, sizeof(said) - length, "%s%s",
        length > 0 ? " " : "", what);
}

/* Says which services' files are others than the active ones. */
void
__wrap_rollout_start(struct rollout *rollout, struct config *config,
    bool strict, rollout_done_fn *done, void *arg)
{
    char text[16] = "rollout:";

    (void)rollout;
    cr_expect(strict, "expired certificates are faults");
    cr_expect_eq(arg, &reload);
    for (size_t i = 0; i < config->service_count; i++)
        if (!tls_files_same(&config->services[i],
                generations.current.config->files, config->files))
            strcat(text, config->services[i].name);
    say(text);
    rolled = config;
    rolled_done = done;
}

static void
on_wanted(void *arg)
{
    (void)arg;
    say("wanted");
}

static void
on_renewed(void *arg)
{
    (void)arg;
    say("renewed");
}

static void
on_done(void *arg, const struct error *error)
{
    (void)arg;
    cr_expect_not(error_any(error), "what failed is logged");
    say("done");
}

static void
write_file(const char *name, const char *text)
{
    FILE *file = fopen(scratch_path(name), "w");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static struct config *
load_config(void)
{
    struct error error = { 0 };
    struct files *files = files_on_disk();
    struct config *config;
    char text[512] = "";

    for (char name = 'a'; name <= 'c'; name++) {
        char path[2] = { name, '\0' };
        size_t length = strlen(text);

        write_file(path, "old");
        snprintf(text + length, sizeof(text) - length,
            "[service %c]\nlisten = 127.0.0.1:%d\n"
            "connect = tls://127.0.0.1:1\nconnect.ca = %s\n"
            "connect.name = x\n", name, name,
            scratch_path(path));
    }
    write_file("x.ini", text);
    config = config_load_file_keeping(files, scratch_path("x.ini"), &error);
    cr_assert_not_null(config, "%s", error.count > 0 ? error.messages[0] : "");
    tls_files_gather(config);
    files_unref(files);
    return config;
}

static void
begin_case(void)
{
    base = event_base_new();
    cr_assert_not_null(base);
    generations_init(&generations);
    generations.current.config = load_config();
    reload = (struct cert_reload){
        .parts = {
            .base = base,
            .generations = &generations,
            .wanted = on_wanted,
            .renewed = on_renewed,
            .done = on_done,
        },
    };
    said[0] = '\0';
}

static void
end_case(void)
{
    cert_reload_stop(&reload);
    event_base_free(base);
    generation_clear(&generations.current);
}

static void
set_up(void)
{
    scratch_log_open(LOG_LEVEL_DEBUG);
    begin_case();
}

static void
tear_down(void)
{
    end_case();
    log_close();
    scratch_remove();
}

TestSuite(cert_reload, .init = set_up, .fini = tear_down);

/* As a rollout does: what was good is active. */
static void
end_rollout(bool ok)
{
    struct error error = { 0 };

    if (ok) {
        config_unref(generations.current.config);
        generations.current.config = rolled;
    } else {
        config_unref(rolled);
        error_add(&error, "of no use");
    }
    rolled = NULL;
    rolled_done(&reload, &error);
    error_clear(&error);
}

/* A letter changes that service's file, a point begins a reload, + and - end its
 * rollout. */
static void
play(const char *events)
{
    for (; *events != '\0'; events++) {
        const char name[2] = { *events, '\0' };

        if (*events == '.')
            cert_reload_begin(&reload);
        else if (*events == '+' || *events == '-')
            end_rollout(*events == '+');
        else
            write_file(name, "new, of another length");
    }
}

Test(cert_reload, tries_all_together_and_then_one_by_one)
{
    static const struct { const char *events, *out; } cases[] = {
        { ".", "done" },
        { "a.+", "rollout:a renewed done" },
        { "a.-", "rollout:a done" },
        { "ab.+", "rollout:ab renewed done" },
        { "ab.-++", "rollout:ab rollout:a renewed rollout:b renewed done" },
        { "abc.--++", "rollout:abc rollout:a rollout:b renewed rollout:c "
            "renewed done" },
        { "ac.---", "rollout:ac rollout:a rollout:c done" },
        { "a.+.", "rollout:a renewed done done" },
        { "a.-.-", "rollout:a done rollout:a done" },
        { "a.b+.+", "rollout:a renewed done rollout:b renewed done" },
        /* What changes while the others are tried alone is tried too. */
        { "ab.-c+++", "rollout:ab rollout:a renewed rollout:b renewed "
            "rollout:c renewed done" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        end_case();
        begin_case();
        play(cases[i].events);
        cr_expect_str_eq(said, cases[i].out, "%s: %s", cases[i].events, said);
    }
}
