/* Requests and ends in, what begins out. */
#include "master/change.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/error.h"

static struct changes changes;
static char said[256];

static void
say(const char *what)
{
    size_t length = strlen(said);

    snprintf(said + length, sizeof(said) - length, "%s%s",
        length > 0 ? " " : "", what);
}

static void
begin_upgrade(void *arg)
{
    cr_expect_eq(arg, &changes);
    say("upgrade");
}

static void
begin_reload(void *arg)
{
    cr_expect_eq(arg, &changes);
    say("reload");
}

/* Which finds no file changed. */
static void
begin_certs(void *arg)
{
    static const struct error none = { 0 };

    cr_expect_eq(arg, &changes);
    say("certs");
    change_done(&changes, CHANGE_CERT_RELOAD, &none);
}

static void
on_done(void *arg, enum change_kind kind, const struct error *error)
{
    static const char *const names[CHANGE_KINDS] = {
        [CHANGE_START] = "start", [CHANGE_UPGRADE] = "upgrade",
        [CHANGE_RELOAD] = "reload", [CHANGE_CERT_RELOAD] = "certs",
    };
    char text[32];

    cr_expect_eq(arg, &changes);
    cr_expect_eq(changes.running, CHANGE_NONE);
    snprintf(text, sizeof(text), "-%s%s", names[kind],
        error_any(error) ? "!" : "");
    say(text);
}

static void
on_idle(void *arg)
{
    cr_expect_eq(arg, &changes);
    say("idle");
}

static const struct change_calls calls = {
    .begin = {
        [CHANGE_UPGRADE] = begin_upgrade,
        [CHANGE_RELOAD] = begin_reload,
        [CHANGE_CERT_RELOAD] = begin_certs,
    },
    .done = on_done,
    .idle = on_idle,
};

/* Small letters request, capitals end the one that runs, with `!` behind them in
 * failure, x stops. */
static void
play(const char *events)
{
    static const char letters[] = "surc";
    struct error fault = { 0 };

    for (const char *at = events; *at != '\0'; at++) {
        const char *small = strchr(letters, *at);
        const char *big = strchr("SURC", *at);

        if (*at == 'x')
            change_stop(&changes);
        if (at[1] == '!')
            error_add(&fault, "no");
        if (small != NULL)
            change_request(
                &changes, (enum change_kind)(small - letters) + CHANGE_START);
        if (big != NULL)
            change_done(
                &changes, (enum change_kind)(big - "SURC") + CHANGE_START,
                &fault);
        error_clear(&fault);
    }
}

Test(change, runs_one_at_a_time_and_what_is_pending_next)
{
    static const struct { const char *events, *out; } cases[] = {
        /* Before the start is done. */
        { "", "" }, { "r", "" }, { "S", "-start idle" },
        { "rS", "-start idle reload" },
        { "rrrS", "-start idle reload" },
        { "crS", "-start idle reload" },
        { "crSR", "-start idle reload -reload idle certs -certs idle" },
        /* An upgrade goes first; a reload that fails lets the next begin. */
        { "rcuS", "-start idle upgrade" },
        { "rcuSU!", "-start idle upgrade -upgrade! idle reload" },
        { "SrR!", "-start idle reload -reload! idle" },
        /* What runs is not what was asked for later, but for an upgrade. */
        { "Srr", "-start idle reload" },
        { "SrrR", "-start idle reload -reload idle reload" },
        { "Suu", "-start idle upgrade" },
        { "SuuU!", "-start idle upgrade -upgrade! idle" },
        { "SuruU!", "-start idle upgrade -upgrade! idle reload" },
        /* Done at once. */
        { "Sc", "-start idle certs -certs idle" },
        { "SrcR", "-start idle reload -reload idle certs -certs idle" },
        /* Nothing begins, or is done, after a stop. */
        { "Sx", "-start idle" }, { "Sxr", "-start idle" },
        { "SrcxR", "-start idle reload" }, { "xS", "" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        changes = (struct changes){
            .calls = &calls, .arg = &changes, .running = CHANGE_START,
        };
        said[0] = '\0';
        play(cases[i].events);
        cr_expect_str_eq(said, cases[i].out, "%s: %s, not %s",
            cases[i].events, said, cases[i].out);
    }
}

Test(change, is_withdrawn_once)
{
    changes = (struct changes){
        .calls = &calls, .arg = &changes, .running = CHANGE_UPGRADE,
    };
    cr_expect_not(change_withdraw(&changes, CHANGE_RELOAD));
    change_request(&changes, CHANGE_RELOAD);
    cr_expect(change_withdraw(&changes, CHANGE_RELOAD));
    cr_expect_not(change_withdraw(&changes, CHANGE_RELOAD));
}
