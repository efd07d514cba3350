#include "tls/tls_job.h"

#include <openssl/async.h>
#include <openssl/ssl.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "net/loop.h"

#ifdef __SANITIZE_ADDRESS__
#include <dlfcn.h>
#include <setjmp.h>
#endif

enum tls_job_state {
    TLS_JOB_FREE,   /* none of OpenSSL's is taken between two runs */
    TLS_JOB_IN_LINE,
    TLS_JOB_PAUSED,
    TLS_JOB_ANSWERED, /* paused, but need not be */
};

/* One signature that a handshake waits for. */
struct tls_asked {
    struct tls_signing signing; /* first: done() is given no more */
    struct tls_job *job;
    SLIST_ENTRY(tls_asked) entry; /* while it is spare */
};

struct tls_job {
    SSL *ssl;
    struct tls_signer *signer;
    struct loop *loop;
    TAILQ_ENTRY(tls_job) entry;      /* in line */
    struct tls_asked *asked;         /* while it is paused */
    struct loop_task task;           /* wakes the owner */
    int (*step)(SSL *ssl);
    enum tls_job_state state;
    bool next_in_line; /* it was told that there is a job for it */
    bool refused;
};

/* After a rush OpenSSL would keep the stacks of so many jobs for good; a few it
 * may, or every handshake would allocate one. */
enum { JOBS_AT_REST = 16 };

static void
release_idle_stacks(struct tls_jobs *jobs)
{
    if (jobs->paused > 0 || jobs->peak <= JOBS_AT_REST)
        return;
    ASYNC_cleanup_thread();
    tls_jobs_clear(jobs);
    jobs->peak = 0;
}

void
tls_jobs_init(struct tls_jobs *jobs)
{
    *jobs = (struct tls_jobs){ .running = NULL };
    TAILQ_INIT(&jobs->line);
}

void
tls_jobs_clear(struct tls_jobs *jobs)
{
    struct tls_asked *asked;

    while ((asked = SLIST_FIRST(&jobs->spare)) != NULL) {
        SLIST_REMOVE_HEAD(&jobs->spare, entry);
        free(asked);
    }
}

/* With a signature's room, which is not to be made, and wiped, for each. */
static struct tls_asked *
take_asked(struct tls_jobs *jobs)
{
    struct tls_asked *asked = SLIST_FIRST(&jobs->spare);

    if (asked == NULL)
        return malloc(sizeof(*asked));
    SLIST_REMOVE_HEAD(&jobs->spare, entry);
    return asked;
}

struct tls_job *
tls_job_new(SSL *ssl, struct tls_signer *signer, struct loop *loop,
    void (*wake)(void *arg), void *arg)
{
    struct tls_job *job = calloc(1, sizeof(*job));

    if (job == NULL)
        return NULL;
    job->ssl = ssl;
    job->signer = signer;
    job->loop = loop;
    job->step = SSL_do_handshake;
    job->task = (struct loop_task){ .run = wake, .arg = arg };
    return job;
}

/* What a job has begun is finished with the arguments of its beginning: so it
 * reads nothing away, into memory that is other people's by then. */
static int
peek_byte(SSL *ssl)
{
    static unsigned char byte;
    size_t count;

    return SSL_peek_ex(ssl, &byte, sizeof(byte), &count);
}

void
tls_job_read_on(struct tls_job *job)
{
    job->step = peek_byte;
}

static bool
is_reading(const struct tls_job *job)
{
    return job->step == peek_byte;
}

static void
join_line(struct tls_job *job)
{
    job->state = TLS_JOB_IN_LINE;
    TAILQ_INSERT_TAIL(&job->signer->jobs.line, job, entry);
}

static void
leave_line(struct tls_job *job)
{
    TAILQ_REMOVE(&job->signer->jobs.line, job, entry);
    job->state = TLS_JOB_FREE;
    job->next_in_line = false;
}

/* Wakes the handshake that has waited longest, if a job is free. */
static void
call_next(struct tls_jobs *jobs)
{
    struct tls_job *job = TAILQ_FIRST(&jobs->line);

    if (job == NULL || jobs->paused >= TLS_JOBS_MAX)
        return;
    job->next_in_line = true;
    loop_line_up_ahead(job->loop, &job->task);
}

/* tls_signing.done.  Runs no code of OpenSSL: no connection may end while the
 * signer, which calls this, goes through its answers. */
static void
on_signed(struct tls_signing *signing)
{
    struct tls_job *job = ((struct tls_asked *)signing)->job;

    job->state = TLS_JOB_ANSWERED;
    loop_line_up_ahead(job->loop, &job->task);
}

/* Newcomers do not overtake those in line. */
static bool
may_run(const struct tls_job *job)
{
    const struct tls_jobs *jobs = &job->signer->jobs;

    switch (job->state) {
    case TLS_JOB_PAUSED:
        return false;
    case TLS_JOB_ANSWERED:
        return true;
    case TLS_JOB_IN_LINE:
        return job->next_in_line;
    default:
        return is_reading(job) ||
            (TAILQ_EMPTY(&jobs->line) && jobs->paused < TLS_JOBS_MAX);
    }
}

static bool
is_paused(const struct tls_job *job)
{
    return job->state == TLS_JOB_PAUSED || job->state == TLS_JOB_ANSWERED;
}

/* Goes on where it stopped, on the job's own stack.  What is not run by this, as
 * writing, is not to begin a job. */
static int
run_step(struct tls_job *job)
{
    struct tls_jobs *jobs = &job->signer->jobs;
    int result;

    if (is_paused(job))
        jobs->paused--;
    job->state = TLS_JOB_FREE;
    assert(jobs->running == NULL);
    jobs->running = job;
    SSL_set_mode(job->ssl, SSL_MODE_ASYNC);
    result = job->step(job->ssl);
    SSL_clear_mode(job->ssl, SSL_MODE_ASYNC);
    jobs->running = NULL;
    if (result > 0 || !SSL_want_async(job->ssl))
        return result;
    job->state = TLS_JOB_PAUSED;
    jobs->paused++;
    if (jobs->paused > jobs->peak)
        jobs->peak = jobs->paused;
    return result;
}

bool
tls_job_run(struct tls_job *job, int *result)
{
    struct tls_signer *signer = job->signer;

    loop_cancel(job->loop, &job->task);
    if (!may_run(job)) {
        if (job->state == TLS_JOB_FREE)
            join_line(job);
        return false;
    }
    if (job->state == TLS_JOB_IN_LINE)
        leave_line(job);
    *result = run_step(job);
    release_idle_stacks(&signer->jobs);
    call_next(&signer->jobs);
    /* Here, not in the job: a signer does not reckon with a small stack. */
    if (job->state == TLS_JOB_PAUSED)
        signer->start(signer, &job->asked->signing);
    return job->state == TLS_JOB_FREE;
}

bool
tls_job_is_held(const struct tls_job *job)
{
    return job->state != TLS_JOB_FREE;
}

bool
tls_job_was_refused(const struct tls_job *job)
{
    return job->refused;
}

/* OpenSSL frees a job, its stack, and what the frames on it own, only when the
 * job has run to its end. */
static void
run_to_end(struct tls_job *job)
{
    if (job->state == TLS_JOB_PAUSED)
        job->signer->cancel(job->signer, &job->asked->signing);
    while (is_paused(job)) {
        job->asked->signing.length = 0;
        job->state = TLS_JOB_ANSWERED;
        run_step(job);
    }
}

void
tls_job_free(struct tls_job *job)
{
    struct tls_jobs *jobs;

    if (job == NULL)
        return;
    jobs = &job->signer->jobs;
    loop_cancel(job->loop, &job->task);
    if (job->state == TLS_JOB_IN_LINE)
        leave_line(job);
    run_to_end(job);
    free(job);
    release_idle_stacks(jobs);
    call_next(jobs);
}

bool
tls_job_sign(struct tls_signer *signer, const struct tls_sign_request *request,
    unsigned char *signature, size_t size, size_t *length)
{
    struct tls_job *job = signer->jobs.running;
    struct tls_asked *asked;
    bool given;

    if (job == NULL || ASYNC_get_current_job() == NULL)
        return false;
    /* Only a job that waits in no line can find none free. */
    job->refused = signer->jobs.paused >= TLS_JOBS_MAX;
    if (job->refused)
        return false;
    asked = take_asked(&signer->jobs);
    if (asked == NULL)
        return false;
    asked->job = job;
    asked->signing.length = 0;
    asked->signing.request = *request;
    asked->signing.done = on_signed;
    job->asked = asked;
    given = ASYNC_pause_job() == 1 && asked->signing.length > 0 &&
        asked->signing.length <= size;
    job->asked = NULL;
    if (given) {
        memcpy(signature, asked->signing.signature, asked->signing.length);
        *length = asked->signing.length;
    }
    job->refused = !given;
    SLIST_INSERT_HEAD(&signer->jobs.spare, asked, entry);
    return given;
}

#ifdef __SANITIZE_ADDRESS__
/* With this OpenSSL goes from stack to stack, and leaves no frame for good.
 * AddressSanitizer would think so, and warn that it does not know the stack. */
void
_longjmp(struct __jmp_buf_tag env[1], int value)
{
    static __typeof__(_longjmp) *jump;

    if (jump == NULL)
        *(void **)&jump = dlsym(
            dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), "_longjmp");
    jump(env, value);
    __builtin_unreachable();
}
#endif
