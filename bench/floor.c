/*
 * What the machine asks for at the least: the work that no relay can avoid,
 * done alone, without sockets or with nothing but them.  CPU time throughout.
 *
 * usage: floor aes                        a fixed piece of AES, in seconds
 *        floor records CIPHER             TLS records in memory, CPU-s per GB
 *        floor handshake CERT KEY 1.2|1.3 full|resumed
 *                                         in memory, CPU-us of each side
 *        floor memory CERT KEY            bytes of an idle server's SSL object
 *        floor copy | floor splice        loopback to loopback, CPU-s per GB
 *
 * Prints one JSON object.
 */
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <netinet/in.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    AES_BYTES = 96 << 20,
    RECORD = 16 << 10,
    RECORDS_BYTES = 512 << 20,
    BATCH = 256 << 10,
    HANDSHAKES = 1000,
    OBJECTS = 1000,
    RELAYED_BYTES = 1 << 30,
    PIPE_SIZE = 1 << 20,
};

static uint8_t block[BATCH];

static void
must(int ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    exit(1);
}

static double
cpu_s(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Wall time: what disturbs others disturbs this. */
static void
aes(void)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    static uint8_t out[BATCH];
    double from_s;
    int n;

    must(EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, block, block),
        "AES");
    from_s = cpu_s(CLOCK_MONOTONIC);
    for (int done = 0; done < AES_BYTES; done += BATCH)
        must(EVP_EncryptUpdate(ctx, out, &n, block, BATCH), "AES");
    printf("{\"seconds\":%.6f}\n", cpu_s(CLOCK_MONOTONIC) - from_s);
    EVP_CIPHER_CTX_free(ctx);
}

struct duo {
    SSL_CTX *server_context, *client_context;
    SSL *server, *client;
    double server_s, client_s;
};

static void
make_contexts(struct duo *duo, const char *cert, const char *key, int version)
{
    duo->server_context = SSL_CTX_new(TLS_server_method());
    duo->client_context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(duo->client_context, version);
    SSL_CTX_set_max_proto_version(duo->client_context, version);
    SSL_CTX_set_mode(duo->server_context, SSL_MODE_RELEASE_BUFFERS);
    must(SSL_CTX_use_certificate_chain_file(duo->server_context, cert) == 1 &&
            SSL_CTX_use_PrivateKey_file(
                duo->server_context, key, SSL_FILETYPE_PEM) == 1,
        "cannot load the certificate");
}

/* A server that needs no file: pre-shared keys would do less work, so its
 * certificate is one that is made here. */
static void
make_own_contexts(struct duo *duo, const char *cipher)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();

    duo->server_context = SSL_CTX_new(TLS_server_method());
    duo->client_context = SSL_CTX_new(TLS_client_method());
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    must(X509_sign(cert, key, EVP_sha256()) > 0 &&
            SSL_CTX_use_certificate(duo->server_context, cert) == 1 &&
            SSL_CTX_use_PrivateKey(duo->server_context, key) == 1 &&
            SSL_CTX_set_ciphersuites(duo->client_context, cipher) == 1,
        "cannot make a certificate");
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void
connect_duo(struct duo *duo)
{
    BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());

    duo->server = SSL_new(duo->server_context);
    duo->client = SSL_new(duo->client_context);
    SSL_set_accept_state(duo->server);
    SSL_set_connect_state(duo->client);
    BIO_up_ref(up);
    BIO_up_ref(down);
    SSL_set_bio(duo->server, up, down);
    SSL_set_bio(duo->client, down, up);
}

static void
handshake(struct duo *duo, SSL_SESSION *session)
{
    double from_s, now_s;
    int done = 0;

    connect_duo(duo);
    if (session != NULL)
        SSL_set_session(duo->client, session);
    from_s = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
    while (done != 3) {
        done = SSL_do_handshake(duo->client) == 1;
        now_s = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
        duo->client_s += now_s - from_s;
        done |= (SSL_do_handshake(duo->server) == 1) << 1;
        from_s = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
        duo->server_s += from_s - now_s;
    }
}

/* The client takes the tickets; both say that all is well. */
static SSL_SESSION *
hang_up(struct duo *duo)
{
    SSL_SESSION *session;
    char byte;

    SSL_read(duo->client, &byte, 1);
    session = SSL_get1_session(duo->client);
    SSL_shutdown(duo->client);
    SSL_shutdown(duo->server);
    SSL_free(duo->client);
    SSL_free(duo->server);
    return session;
}

static void
handshakes(char **words)
{
    int version = strcmp(words[2], "1.2") == 0 ? TLS1_2_VERSION
                                               : TLS1_3_VERSION;
    int resume = strcmp(words[3], "resumed") == 0, resumed = 0;
    SSL_SESSION *session = NULL;
    struct duo duo = { 0 };

    make_contexts(&duo, words[0], words[1], version);
    for (int i = -20; i < HANDSHAKES; i++) {
        SSL_SESSION *used = session;

        if (i == 0) {
            duo.server_s = duo.client_s = 0;
            resumed = 0;
        }
        handshake(&duo, resume ? session : NULL);
        resumed += SSL_session_reused(duo.client);
        session = hang_up(&duo);
        SSL_SESSION_free(used);
    }
    printf("{\"server_us\":%.2f,\"client_us\":%.2f,\"resumed\":%d,"
           "\"handshakes\":%d}\n",
        duo.server_s / HANDSHAKES * 1e6, duo.client_s / HANDSHAKES * 1e6,
        resumed, HANDSHAKES);
}

/* Encrypts and decrypts in turns, and times each. */
static void
records(const char *cipher)
{
    double from_s, middle_s, encrypt_s = 0, decrypt_s = 0;
    static uint8_t in[BATCH];
    struct duo duo = { 0 };

    make_own_contexts(&duo, cipher);
    handshake(&duo, NULL);
    for (long done = 0; done < RECORDS_BYTES; done += BATCH) {
        from_s = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
        must(SSL_write(duo.server, block, BATCH) == BATCH, "SSL_write");
        middle_s = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
        for (int i = 0; i < BATCH / RECORD; i++)
            must(SSL_read(duo.client, in, RECORD) == RECORD, "SSL_read");
        encrypt_s += middle_s - from_s;
        decrypt_s += cpu_s(CLOCK_PROCESS_CPUTIME_ID) - middle_s;
    }
    printf("{\"encrypt_s_per_gb\":%.4f,\"decrypt_s_per_gb\":%.4f}\n",
        encrypt_s / RECORDS_BYTES * 1e9, decrypt_s / RECORDS_BYTES * 1e9);
}

static void
memory(char **words)
{
    size_t before, after;
    struct duo duo = { 0 };

    make_contexts(&duo, words[0], words[1], TLS1_3_VERSION);
    handshake(&duo, NULL); /* what OpenSSL makes once */
    before = mallinfo2().uordblks;
    for (int i = 0; i < OBJECTS; i++) {
        handshake(&duo, NULL);
        SSL_write(duo.server, block, 64);
        SSL_set_bio(duo.server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_free(duo.client);
    }
    after = mallinfo2().uordblks;
    printf("{\"bytes\":%zu}\n", (after - before) / OBJECTS);
}

/* A socket that is listening, and its port. */
static int
listener(struct sockaddr_in *at)
{
    socklen_t length = sizeof(*at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    *at = (struct sockaddr_in){ .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    must(bind(fd, (struct sockaddr *)at, length) == 0 &&
            listen(fd, 1) == 0 &&
            getsockname(fd, (struct sockaddr *)at, &length) == 0,
        "listen");
    return fd;
}

static int
connect_to(const struct sockaddr_in *at)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    must(connect(fd, (const struct sockaddr *)at, sizeof(*at)) == 0,
        "connect");
    return fd;
}

/* A child that sends without end, or that reads until the end; it runs where
 * FLOOR_LOAD_CPU says, as the load of a real relay does. */
static int
start_peer(int sends)
{
    struct sockaddr_in at;
    const char *cpu = getenv("FLOOR_LOAD_CPU");
    int fd = listener(&at), accepted;
    pid_t child = fork();

    must(child >= 0, "fork");
    if (child == 0) {
        cpu_set_t cpus;

        CPU_ZERO(&cpus);
        CPU_SET(cpu != NULL ? atoi(cpu) : 0, &cpus);
        if (cpu != NULL)
            sched_setaffinity(0, sizeof(cpus), &cpus);
        close(fd);
        fd = connect_to(&at);
        if (sends)
            while (send(fd, block, BATCH, MSG_NOSIGNAL) > 0)
                ;
        else
            while (recv(fd, block, BATCH, MSG_TRUNC) > 0)
                ;
        _exit(0);
    }
    accepted = accept(fd, NULL, NULL);
    must(accepted >= 0, "accept");
    close(fd);
    return accepted;
}

static ssize_t
copy_some(int from, int to)
{
    ssize_t n = recv(from, block, BATCH, 0), sent = 0;

    while (sent < n)
        sent += send(to, block + sent, (size_t)(n - sent), 0);
    return n;
}

static ssize_t
splice_some(int from, int to, const int *pipes)
{
    ssize_t n = splice(from, NULL, pipes[1], NULL, PIPE_SIZE, SPLICE_F_MOVE);
    ssize_t sent = 0;

    while (sent < n)
        sent += splice(pipes[0], NULL, to, NULL, (size_t)(n - sent),
            SPLICE_F_MOVE);
    return n;
}

static void
loopback(int splices)
{
    int from = start_peer(1), to = start_peer(0), pipes[2];
    double from_s = cpu_s(CLOCK_PROCESS_CPUTIME_ID);
    long done = 0;

    must(pipe(pipes) == 0 && fcntl(pipes[0], F_SETPIPE_SZ, PIPE_SIZE) > 0,
        "pipe");
    while (done < RELAYED_BYTES) {
        ssize_t n = splices ? splice_some(from, to, pipes)
                            : copy_some(from, to);

        must(n > 0, "relay");
        done += n;
    }
    printf("{\"s_per_gb\":%.4f}\n",
        (cpu_s(CLOCK_PROCESS_CPUTIME_ID) - from_s) / (double)done * 1e9);
}

int
main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    signal(SIGCHLD, SIG_IGN);
    if (strcmp(what, "aes") == 0)
        aes();
    else if (strcmp(what, "records") == 0 && argc == 3)
        records(argv[2]);
    else if (strcmp(what, "handshake") == 0 && argc == 6)
        handshakes(argv + 2);
    else if (strcmp(what, "memory") == 0 && argc == 4)
        memory(argv + 2);
    else if (strcmp(what, "copy") == 0 || strcmp(what, "splice") == 0)
        loopback(what[0] == 's');
    else {
        fputs("usage: floor aes|records|handshake|memory|copy|splice ...\n",
            stderr);
        return 2;
    }
    return 0;
}
