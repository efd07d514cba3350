/* An upgrade, as the master that began it sees it, and as its successor does. */
#include "master/upgrade.h"

#include <event2/event.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/log.h"
#include "base/scratch.h"
#include "config/config.h"
#include "config/loading.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "master/config_source.h"
#include "master/fake_children.h"
#include "systemd/notify.h"
#include "tls/tls_secret.h"

enum { SUCCESSOR = 4242 };

static struct fake_children fake;
static struct config_source source;
static struct tls_secret secret;
static struct notify notify;
static struct upgrade upgrade;
static channel_message_fn *const *handlers;
static channel_ended_fn *on_ended;
static pid_t forked;

struct channel *__wrap_channel_new(struct event_base *base, int fd,
    enum role own, enum role far, channel_message_fn *const *messages,
    channel_ended_fn *ended, void *arg);
void __wrap_channel_free(struct channel *channel);
bool __wrap_channel_flush(struct channel *channel, int timeout_ms);
void __wrap_channel_send(struct channel *channel, enum message_type type,
    const void *fixed, const char *text, size_t text_length, const int *fds,
    size_t fd_count);
int __wrap_kill(pid_t pid, int number);
pid_t __wrap_process_fork(void);

struct channel *
__wrap_channel_new(struct event_base *base, int fd, enum role own,
    enum role far, channel_message_fn *const *messages,
    channel_ended_fn *ended, void *arg)
{
    (void)base;
    (void)own;
    (void)far;
    cr_expect_eq(arg, &upgrade);
    close(fd);
    handlers = messages;
    on_ended = ended;
    return (struct channel *)&upgrade;
}

void
__wrap_channel_free(struct channel *channel)
{
    (void)channel;
}

bool
__wrap_channel_flush(struct channel *channel, int timeout_ms)
{
    (void)channel;
    (void)timeout_ms;
    return true;
}

void
__wrap_channel_send(struct channel *channel, enum message_type type,
    const void *fixed, const char *text, size_t text_length, const int *fds,
    size_t fd_count)
{
    (void)channel;
    (void)fixed;
    (void)text;
    (void)text_length;
    (void)fds;
    (void)fd_count;
    fake_children_say("<%s", message_name(type));
}

int
__wrap_kill(pid_t pid, int number)
{
    cr_expect_eq(pid, SUCCESSOR);
    fake_children_say("%s", sigabbrev_np(number));
    return 0;
}

pid_t
__wrap_process_fork(void)
{
    return forked;
}

static void
on_failed(void *arg, const char *why)
{
    (void)arg;
    fake_children_say("failed: %s", why);
}

static bool
announce(void *arg, pid_t successor)
{
    (void)arg;
    cr_expect_eq(successor, SUCCESSOR);
    fake_children_say("announced");
    return true;
}

static void
on_succeeded(void *arg, pid_t successor)
{
    (void)arg;
    cr_expect_eq(successor, SUCCESSOR);
    fake_children_say("succeeded");
}

static void
on_stop(void *arg, uint64_t timeout_ms)
{
    (void)arg;
    fake_children_say("stop %u", (unsigned)timeout_ms);
}

static void
on_end_now(void *arg)
{
    (void)arg;
    fake_children_say("now");
}

static void
on_reopen(void *arg)
{
    (void)arg;
    fake_children_say("reopen");
}

static void
on_speak(void *arg)
{
    (void)arg;
    fake_children_say("speak");
}

static void
on_gone(void *arg)
{
    (void)arg;
    fake_children_say("gone");
}

static const struct upgrade_calls calls = {
    .failed = on_failed, .announce = announce, .succeeded = on_succeeded,
    .stop = on_stop, .end_now = on_end_now, .reopen_log = on_reopen,
    .speak = on_speak, .predecessor_gone = on_gone,
};

static void
begin_case(void)
{
    const struct upgrade_parts parts = {
        .source = &source, .supervisor = &fake.supervisor,
        .secret = &secret, .notify = &notify, .calls = &calls,
    };

    fake_children_init(&fake, false);
    notify = (struct notify){ .fd = -1 };
    upgrade_init(&upgrade, &parts);
    fake.generations.current.config = loading_good(
        "[service s]\nlisten = 127.0.0.1:1\nconnect = 127.0.0.1:2\n");
    forked = SUCCESSOR;
    source.is_demo = false;
}

static void
end_case(void)
{
    upgrade_free(&upgrade);
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

TestSuite(upgrade, .init = set_up, .fini = tear_down);

static void
receive(enum message_type type)
{
    const struct message_stop stop = { .timeout_ms = 7 };
    const struct message message = { .type = type, .payload = &stop };
    const int none[] = { -1 };

    handlers[type](&upgrade, &message, none);
}

/* What may happen to the one that begins it, by its first letter. */
static void
play(const char *events)
{
    for (; *events != '\0'; events++)
        switch (*events) {
        case 'b':
            upgrade_begin(&upgrade);
            break;
        case 'r':
            receive(MESSAGE_READY);
            break;
        case 's':
            receive(MESSAGE_STOP);
            break;
        case 'n':
            receive(MESSAGE_STOP_NOW);
            break;
        case 'l':
            receive(MESSAGE_REOPEN);
            break;
        case 'g':
            on_ended(&upgrade, "is gone");
            break;
        case 'd':
            upgrade_reap(&upgrade, SUCCESSOR, 0);
            break;
        case 'x':
            upgrade_stop(&upgrade);
            break;
        case 'p':
            upgrade_pass_stop(&upgrade);
            break;
        case 't':
            event_active(upgrade.timer, EV_TIMEOUT, 1);
            (void)event_base_loop(fake.children.base, EVLOOP_NONBLOCK);
            break;
        default:
            cr_assert_fail("%c", *events);
        }
}

#define BEGUN "<secret <prepare"
#define DONE BEGUN " announced <speak succeeded"

Test(upgrade, is_begun_and_ends_in_one_way)
{
    static const struct { const char *events, *out; } cases[] = {
        { "b", BEGUN },
        { "br", DONE },
        /* Before it serves nothing else is listened to. */
        { "bsnl", BEGUN },
        { "brsnl", DONE " stop 7 now reopen" },
        { "brr", DONE },
        /* It may be gone, dead or late before. */
        { "bg", BEGUN " KILL failed: the new program ended before it served; "
            "its messages say why" },
        { "bd", BEGUN " failed: the new program ended with exit code 0" },
        { "bt", BEGUN " KILL failed: the new program took too long to start" },
        { "bdb", BEGUN " failed: the new program ended with exit code 0 " BEGUN },
        /* Its end is nothing special when it serves. */
        { "brg", DONE }, { "brd", DONE },
        /* A stop ends what is under way, and no more. */
        { "bx", BEGUN " TERM" }, { "brx", DONE }, { "x", "" },
        /* A stop that the manager sent before it knew. */
        { "p", "" }, { "bp", BEGUN }, { "brp", DONE " TERM" },
        { "brpp", DONE " TERM" }, { "brgp", DONE },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *out;

        end_case();
        begin_case();
        play(cases[i].events);
        out = fake_children_said();
        cr_expect_str_eq(out, cases[i].out, "%s: %s", cases[i].events, out);
    }
}

Test(upgrade, is_refused)
{
    source.is_demo = true;
    play("b");
    cr_expect_str_eq(fake_children_said(),
        "failed: this program cannot be upgraded");
    source.is_demo = false;
    forked = -1;
    play("b");
    cr_expect_str_eq(fake_children_said(),
        "failed: no process can be started now");
    cr_expect_eq(upgrade.pid, 0);
}

Test(upgrade, knows_processes_of_predecessors_by_their_start)
{
    cr_expect_not(upgrade_is_kin(&upgrade, getpid()));
    cr_expect_not(upgrade_has_predecessor(&upgrade));
}
