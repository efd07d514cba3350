/* Which processes are started, linked, retired and replaced. */
#include "master/supervisor.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/log.h"
#include "base/scratch.h"
#include "config/config.h"
#include "config/loading.h"
#include "ipc/message.h"
#include "master/fake_children.h"

static struct fake_children fake;

static void
begin_case(void)
{
    fake_children_init(&fake, true);
}

static void
end_case(void)
{
    fake_children_clear(&fake);
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

TestSuite(supervisor, .init = set_up, .fini = tear_down);

/* A generation that children do not load: what they are sent is not of interest
 * here. */
static void
activate(uint64_t number, unsigned workers)
{
    struct child *each;

    fake.generations.current.number = number;
    fake.generations.current.workers = workers;
    LIST_FOREACH(each, &fake.children.list, link) {
        each->generation = number;
        each->switching = 0;
    }
}

static void
expect_said(const char *what, const char *expected)
{
    const char *out = fake_children_said();

    cr_expect_str_eq(out, expected, "%s: \"%s\", not \"%s\"", what, out,
        expected);
}

static void
end_child(const char *name)
{
    fake_children_end(&fake, fake_children_find(&fake, name), NULL, NULL);
}

Test(supervisor, pairs_each_two_workers)
{
    supervisor_grow(&fake.supervisor, 3);
    expect_said("three",
        "w0+ w1+ w1<handover w0<handover w2+ w2<handover w0<handover "
        "w2<handover w1<handover");
    cr_expect_eq(fake.supervisor.count, 3);
    supervisor_grow(&fake.supervisor, 2);
    expect_said("they are there", "");
    cr_expect_eq(fake.supervisor.count, 3);
}

Test(supervisor, retires_workers_of_higher_numbers)
{
    supervisor_grow(&fake.supervisor, 3);
    (void)fake_children_said();
    supervisor_shrink(&fake.supervisor, 1);
    expect_said("two retire", "w1<drain w2<drain");
    end_child("w2");
    expect_said("the others are told of its end", "w1<handover w0<handover");
    end_child("w1");
    expect_said("it is not replaced", "w0<handover");
    end_child("w0");
    expect_said("it is", "w0+");
}

/* Promise 28 */
Test(supervisor, replaces_a_worker_that_dies)
{
    supervisor_grow(&fake.supervisor, 2);
    activate(1, 2);
    (void)fake_children_said();
    end_child("w0");
    expect_said("at once", "w1<handover w0+ w0<handover w1<handover");
}

Test(supervisor, replaces_a_confined_worker_or_keeps_it)
{
    struct child *before, *after;

    supervisor_grow(&fake.supervisor, 1);
    activate(1, 1);
    (void)fake_children_said();
    before = fake_children_find(&fake, "w0");

    supervisor_replace(&fake.supervisor, &fake.supervisor.workers[0]);
    expect_said("another one comes", "w0+");
    after = fake_children_find(&fake, "w0");
    cr_expect_neq(after, before);
    supervisor_undo_replacements(&fake.supervisor);
    expect_said("it goes", "w0!");
    cr_expect_eq(fake.supervisor.workers[0].child, before);
    cr_expect_null(after->instance);
    end_child("w0");
    (void)fake_children_said();

    supervisor_replace(&fake.supervisor, &fake.supervisor.workers[0]);
    (void)fake_children_said();
    activate(2, 1);
    supervisor_confirm_replacements(&fake.supervisor);
    expect_said("the former retires", "w0<handover w0<handover w0<drain");
    cr_expect(supervisor_is_replacing(&fake.supervisor));
    supervisor_kill_replaced(&fake.supervisor);
    expect_said("or is killed", "w0!");
    cr_expect(before->killed);
}

/* It ends before anything is decided: there is nothing left to retire. */
Test(supervisor, forgets_a_replaced_worker_that_has_ended)
{
    struct child *before;

    supervisor_grow(&fake.supervisor, 1);
    activate(1, 1);
    before = fake_children_find(&fake, "w0");
    supervisor_replace(&fake.supervisor, &fake.supervisor.workers[0]);
    (void)fake_children_said();
    fake_children_end(&fake, before, NULL, NULL);
    supervisor_confirm_replacements(&fake.supervisor);
    expect_said("nothing", "");
    cr_expect_not(supervisor_is_replacing(&fake.supervisor));
}

Test(supervisor, starts_helpers_that_the_configuration_needs)
{
    static const struct {
        const char *listen, *connect, *started;
    } cases[] = {
        { "127.0.0.1:1", "127.0.0.1:2", "" },
        { "127.0.0.1:1", "db.example:2", "scout+ scout<names" },
        { "www.example:1", "127.0.0.1:2", "scout+ scout<names" },
        { "tls://127.0.0.1:1\nlisten.cert = c\nlisten.key = k", "127.0.0.1:2",
            "k0+" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        struct config *config;

        end_case();
        begin_case();
        snprintf(text, sizeof(text), "[service s]\nlisten = %s\nconnect = %s\n",
            cases[i].listen, cases[i].connect);
        config = loading_good(text);
        supervisor_need_scout(&fake.supervisor, config);
        supervisor_need_keepers(&fake.supervisor, config, 1);
        expect_said(cases[i].listen, cases[i].started);
        config_unref(config);
    }
}

/* A keeper signs for workers that retire, and goes with the last of them. */
Test(supervisor, keeps_a_keeper_until_its_workers_have_ended)
{
    struct config *config = loading_good("[service s]\n"
        "listen = tls://127.0.0.1:1\nlisten.cert = c\nlisten.key = k\n"
        "connect = 127.0.0.1:2\n");

    supervisor_grow(&fake.supervisor, KEEPER_WORKERS + 1);
    supervisor_need_keepers(&fake.supervisor, config, KEEPER_WORKERS + 1);
    supervisor_shrink(&fake.supervisor, KEEPER_WORKERS);
    (void)fake_children_said();
    supervisor_release_keepers(&fake.supervisor);
    expect_said("its worker retires", "");
    end_child("w2");
    cr_expect_not_null(strstr(fake_children_said(), "k1."));
    config_unref(config);
}

Test(supervisor, is_ready_when_all_that_is_wanted_is)
{
    struct child *each;

    activate(1, 2);
    cr_expect(supervisor_is_ready(&fake.supervisor), "nothing is wanted");
    supervisor_grow(&fake.supervisor, 2);
    cr_expect_not(supervisor_is_ready(&fake.supervisor));
    LIST_FOREACH(each, &fake.children.list, link)
        each->liveness.ready = true;
    cr_expect_not(supervisor_is_ready(&fake.supervisor), "none has loaded");
    (void)fake_children_said();
    activate(1, 2);
    supervisor_note_progress(&fake.supervisor);
    expect_said("told", "ready");
}

/* A worker that cannot be started leaves its instance to be filled later, and is
 * not tried again before. */
Test(supervisor, tries_again_later)
{
    fake_children_refuse(ROLE_WORKER);
    supervisor_grow(&fake.supervisor, 1);
    expect_said("none", "");
    cr_expect_not_null(fake.supervisor.workers[0].retry);
    fake_children_refuse(ROLE_MASTER);
    supervisor_grow(&fake.supervisor, 1);
    expect_said("asked for again", "w0+");
}

Test(supervisor, stops)
{
    supervisor_grow(&fake.supervisor, 2);
    instance_start(&fake.supervisor.admin);
    (void)fake_children_said();
    supervisor_stop(&fake.supervisor);
    expect_said("helpers end", "admin.");
    supervisor_drain(&fake.supervisor, NULL, 1000);
    expect_said("workers finish", "w1<drain w0<drain");
    supervisor_end_now(&fake.supervisor);
    expect_said("or do not", "w1<end w0<end");
    end_child("w0");
    cr_expect_null(strstr(fake_children_said(), "+"), "it is not replaced");
}
