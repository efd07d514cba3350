/* Messages and ends of children in, messages to children out. */
#include "master/rollout.h"

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
#include "ipc/message.h"
#include "master/fake_children.h"
#include "master/fdstore.h"
#include "master/listen_check.h"
#include "systemd/notify.h"
#include "tls/tls_files.h"

static struct fake_children fake;
static struct rollout rollout;
static struct notify notify;
static struct fdstore fdstore;
static struct listen_check check;

static void
begin_case(void)
{
    fake_children_init(&fake, false);
    notify = (struct notify){ .fd = -1 };
    fdstore = (struct fdstore){ &notify, &fake.sockets };
    check = (struct listen_check){
        .children = &fake.children,
        .generations = &fake.generations,
        .sockets = &fake.sockets,
        .fdstore = &fdstore,
    };
    rollout = (struct rollout){
        .parts = {
            .supervisor = &fake.supervisor,
            .generations = &fake.generations,
            .listen_check = &check,
        },
    };
}

static void
end_case(void)
{
    fake.supervisor.stopping = true;
    rollout_stop(&rollout);
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

TestSuite(rollout, .init = set_up, .fini = tear_down);

static struct config *
config_of(unsigned workers)
{
    const char *path = scratch_path("x.ini");
    struct error error = { 0 };
    struct files *files = files_on_disk();
    FILE *file = fopen(path, "w");
    struct config *config;

    cr_assert(file != NULL && files != NULL);
    fprintf(file, "[global]\nworkers = %u\n[service s]\n"
        "listen = 127.0.0.1:1\nconnect = 127.0.0.1:2\n", workers);
    fclose(file);
    config = config_load_file_keeping(files, path, &error);
    cr_assert_not_null(config, "%s", error.count > 0 ? error.messages[0] : "");
    tls_files_gather(config);
    files_unref(files);
    return config;
}

static void
on_done(void *arg, struct error *error)
{
    cr_expect_eq(arg, &rollout);
    if (error_any(error))
        fake_children_say("failed: %s", error->messages[0]);
    else
        fake_children_say("done");
}

static void
on_ended(void *arg, struct child *child)
{
    rollout_child_ended(arg, child);
}

static void
send_verdict(struct child *trial, bool ok)
{
    const struct message_verdict verdict = { .ok = ok };
    const struct message message = {
        .type = MESSAGE_VERDICT, .payload = &verdict,
    };

    rollout_verdict(&rollout, trial, &message);
}

static void
send_fault(struct child *child, const char *text)
{
    const struct message message = { .type = MESSAGE_FAULT, .text = text };

    rollout_fault(&rollout, child, &message);
}

static void
send_prepared(struct child *child, bool ok)
{
    const struct message_verdict verdict = {
        .generation = child->preparing, .ok = ok,
    };
    const struct message message = {
        .type = MESSAGE_PREPARED, .payload = &verdict,
    };

    rollout_prepared(&rollout, child, &message);
}

static void
send_committed(struct child *child)
{
    const struct message_generation fixed = { .generation = child->switching };
    const struct message message = {
        .type = MESSAGE_COMMITTED, .payload = &fixed,
    };

    rollout_committed(&rollout, child, &message);
}

static void
pass_deadline(void)
{
    event_active(rollout.timer, EV_TIMEOUT, 1);
    (void)event_base_loop(fake.children.base, EVLOOP_NONBLOCK);
}

/* "roll N": begins one with N workers; "stop"; "late": the stage's deadline has
 * passed; "NAME WORD": of that child: ok, bad (its verdict); ready, unable
 * (prepared or not); taken (committed); dies. */
static void
play(const char *event)
{
    char name[16] = "", word[16] = "";
    struct child *child;

    sscanf(event, "%15s %15s", name, word);
    if (strcmp(name, "roll") == 0) {
        rollout_start(&rollout, config_of((unsigned)atoi(word)), false,
            on_done, &rollout);
        return;
    }
    if (strcmp(name, "stop") == 0) {
        rollout_stop(&rollout);
        return;
    }
    if (strcmp(name, "late") == 0) {
        pass_deadline();
        return;
    }
    child = fake_children_find(&fake, name);
    if (strcmp(word, "ok") == 0)
        send_verdict(child, true);
    else if (strcmp(word, "bad") == 0)
        send_fault(child, "a fault"), send_verdict(child, false);
    else if (strcmp(word, "ready") == 0)
        send_prepared(child, true);
    else if (strcmp(word, "unable") == 0)
        send_fault(child, "no memory"), send_prepared(child, false);
    else if (strcmp(word, "taken") == 0)
        send_committed(child);
    else if (strcmp(word, "dies") == 0)
        fake_children_end(&fake, child, on_ended, &rollout);
    else
        cr_assert_fail("%s", event);
}

struct step {
    const char *event, *out;
};

#define LOAD(worker) worker "<bundle " worker "<prepare"

static void
play_all(const struct step *steps)
{
    for (; steps->event != NULL; steps++) {
        const char *out;

        play(steps->event);
        out = fake_children_said();
        cr_expect_str_eq(out, steps->out, "%s: \"%s\", not \"%s\"",
            steps->event, out, steps->out);
    }
}

/* The first configuration, with one worker, is active. */
static void
begin_with_one(void)
{
    static const struct step steps[] = {
        { "roll 1", "trial+ trial<try" },
        { "trial ok", "trial. w0+ " LOAD("w0") },
        { "w0 ready", "w0<commit" },
        { "w0 taken", "done" },
        { NULL, NULL },
    };

    play_all(steps);
    fake_children_end(
        &fake, fake_children_find(&fake, "trial"), NULL, NULL);
    (void)fake_children_said();
}

Test(rollout, begins_a_daemon)
{
    static const struct step two[] = {
        { "roll 2", "trial+ trial<try" },
        { "trial ok", "trial. w0+ " LOAD("w0") " w1+ w1<handover w0<handover "
            LOAD("w1") },
        { "w1 ready", "" },
        { "w0 ready", "w0<commit w1<commit" },
        { "w0 taken", "" },
        { "w1 taken", "done" },
        { NULL, NULL },
    };

    play_all(two);
    cr_expect_eq(fake.generations.current.number, 1);
    cr_expect_eq(fake.generations.stage, STAGE_NONE);
}

Test(rollout, that_fails_at_the_start)
{
    static const struct step cases[][6] = {
        { { "roll 1", "trial+ trial<try" },
            { "trial bad", "trial. failed: a fault" } },
        { { "roll 1", "trial+ trial<try" },
            { "trial dies", "failed: the process that tried the configuration "
                "ended before it was done; the log may say why" } },
        { { "roll 1", "trial+ trial<try" },
            { "late", "trial! failed: trying the configuration took longer "
                "than 30 s" } },
        { { "roll 1", "trial+ trial<try" },
            { "trial ok", "trial. w0+ " LOAD("w0") },
            { "w0 unable", "failed: worker 0 (pid %) could not load the "
                "configuration: no memory" } },
        { { "roll 1", "trial+ trial<try" },
            { "trial ok", "trial. w0+ " LOAD("w0") },
            { "late", "failed: loading it in all processes took longer than "
                "70 s" } },
        { { "roll 1", "trial+ trial<try" }, { "stop", "trial!" } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        end_case();
        begin_case();
        for (const struct step *step = cases[i];
             step < cases[i] + 6 && step->event != NULL; step++) {
            const char *out, *part = strstr(step->out, "(pid %)");
            size_t same = part != NULL ? (size_t)(part - step->out)
                                       : strlen(step->out) + 1;

            play(step->event);
            out = fake_children_said();
            cr_expect_eq(strncmp(out, step->out, same), 0,
                "%zu, %s: \"%s\", not \"%s\"", i, step->event, out, step->out);
        }
        cr_expect_eq(fake.generations.stage, STAGE_NONE, "%zu", i);
        cr_expect_null(fake.generations.current.config);
        cr_expect_null(fake.generations.next.config);
    }
}

/* A child may die, hang or refuse at each step of a change from one worker to
 * two: before the commit the old state stays, after it the new one. */
Test(rollout, changes_the_number_of_workers)
{
    static const struct step cases[][12] = {
        /* All goes well. */
        { { "roll 2", "trial+ trial<try" },
            { "trial ok", "trial. " LOAD("w0") " w1+ w1<handover w0<handover "
                LOAD("w1") },
            { "w0 ready", "" }, { "w1 ready", "w0<commit w1<commit" },
            { "w1 taken", "" }, { "w0 taken", "done" } },
        /* Aborted by the trial's verdict, before any worker knows of it. */
        { { "roll 2", "trial+ trial<try" },
            { "trial bad", "trial. failed: a fault" } },
        /* The new worker dies as it loads: what the trial passed fails. */
        { { "roll 2", "trial+ trial<try" },
            { "trial ok", "trial. " LOAD("w0") " w1+ w1<handover w0<handover "
                LOAD("w1") },
            { "w0 ready", "" },
            { "w1 dies", "w0<handover w0<abort failed: worker 1" } },
        /* The one that has served dies as it loads: its replacement loads. */
        { { "roll 2", "trial+ trial<try" },
            { "trial ok", "trial. " LOAD("w0") " w1+ w1<handover w0<handover "
                LOAD("w1") },
            { "w1 ready", "" },
            { "w0 dies", "w1<handover w0+ w0<handover w1<handover "
                LOAD("w0") },
            { "w0 ready", "w0<commit w1<commit" },
            { "w0 taken", "" }, { "w1 taken", "done" } },
        /* It cannot load: killed, and then as if it had died. */
        { { "roll 2", "trial+ trial<try" },
            { "trial ok", "trial. " LOAD("w0") " w1+ w1<handover w0<handover "
                LOAD("w1") },
            { "w0 unable", "w0!" },
            { "w0 dies", "w1<handover w0+ w0<handover w1<handover "
                LOAD("w0") } },
        /* Stopped amid loading. */
        { { "roll 2", "trial+ trial<try" },
            { "trial ok", "trial. " LOAD("w0") " w1+ w1<handover w0<handover "
                LOAD("w1") },
            { "stop", "w1<drain w0<abort" } },
        /* One that does not confirm is killed at the deadline. */
        { { "roll 2", "trial+ trial<try" },
            { "trial ok", "trial. " LOAD("w0") " w1+ w1<handover w0<handover "
                LOAD("w1") },
            { "w0 ready", "" }, { "w1 ready", "w0<commit w1<commit" },
            { "w0 taken", "" }, { "late", "w1! done" } },
        /* One that dies after the commit does not hold it up. */
        { { "roll 2", "trial+ trial<try" },
            { "trial ok", "trial. " LOAD("w0") " w1+ w1<handover w0<handover "
                LOAD("w1") },
            { "w0 ready", "" }, { "w1 ready", "w0<commit w1<commit" },
            { "w0 taken", "" },
            { "w1 dies", "w0<handover done w1+ w1<handover w0<handover "
                LOAD("w1") } },
        /* A stop amid the commit leaves the new state. */
        { { "roll 2", "trial+ trial<try" },
            { "trial ok", "trial. " LOAD("w0") " w1+ w1<handover w0<handover "
                LOAD("w1") },
            { "w0 ready", "" }, { "w1 ready", "w0<commit w1<commit" },
            { "stop", "" } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        end_case();
        begin_case();
        begin_with_one();
        for (const struct step *step = cases[i];
             step < cases[i] + 12 && step->event != NULL; step++) {
            const char *out;

            play(step->event);
            out = fake_children_said();
            cr_expect_eq(strncmp(out, step->out, strlen(step->out)), 0,
                "%zu, %s: \"%s\", not \"%s\"", i, step->event, out, step->out);
        }
        cr_expect(fake.generations.stage == STAGE_NONE ||
            fake.generations.stage == STAGE_PREPARE, "%zu", i);
    }
}

/* What a child says out of turn changes nothing. */
Test(rollout, ignores_what_comes_too_late)
{
    struct child *worker;

    begin_with_one();
    worker = fake_children_find(&fake, "w0");
    send_verdict(worker, true);
    send_prepared(worker, true);
    send_prepared(worker, false);
    worker->switching = 7;
    send_committed(&(struct child){
        .children = &fake.children, .role = ROLE_WORKER, .switching = 0,
    });
    cr_expect_str_eq(fake_children_said(), "");
    cr_expect_eq(fake.generations.stage, STAGE_NONE);
}
