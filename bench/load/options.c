#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop.h"

static const char usage[] =
    "usage: load MODE --connect PORT --listen PORT [OPTION...]\n"
    "\n"
    "Is both the client and the server of a relay on the loopback, drives it,\n"
    "checks what comes out of it, and prints one JSON object.\n"
    "\n"
    "MODE\n"
    "  down, up   bulk, --count bytes in all, server to client or back\n"
    "  ping       64 bytes there and back, --count times\n"
    "  pace       the same by the clock, each counted from when it was due;\n"
    "             with --phases until it is told\n"
    "  churn      --count connections that carry 64 bytes each way\n"
    "  shut       --count connections that the server closes at once; plain\n"
    "  hold       connections that are idle\n"
    "  slow       the server sends, the clients hardly read\n"
    "\n"
    "  --connect PORT      where the relay listens\n"
    "  --listen PORT       where the relay connects to\n"
    "  --connections N     at the same time (1)\n"
    "  --count N           what is measured (1000)\n"
    "  --warm N            as much before that (0); its bytes are all checked\n"
    "  --check             check all bytes, not only those of --warm\n"
    "  --client-tls        the client speaks TLS\n"
    "  --server-tls        the server speaks TLS; needs --cert and --key\n"
    "  --cert, --key FILE  PEM files\n"
    "  --tls 1.2|1.3       the version (1.3)\n"
    "  --cipher NAME       the cipher or cipher suite\n"
    "  --resume            resume sessions, on either side\n"
    "  --nagle             leave Nagle's algorithm on, on either side\n"
    "  --receive-buffer N  of the client's sockets\n"
    "  --every US          pace: from one exchange of a connection to the next\n"
    "                      (1000)\n"
    "  --settle MS         slow: time until \"ready\" (3000)\n"
    "  --phases            say \"ready\" and \"done\", and wait for a line\n"
    "                      after each\n"
    "  --limit SECONDS     fail if it takes longer (120)\n";

enum {
    CONNECT = 256, LISTEN, CONNECTIONS, COUNT, WARM, CHECK, CLIENT_TLS,
    SERVER_TLS, CERT, KEY, TLS, CIPHER, RESUME, NAGLE, RECEIVE_BUFFER,
    SETTLE, PHASES, LIMIT, EVERY,
};

static const struct option words[] = {
    { "connect", required_argument, NULL, CONNECT },
    { "listen", required_argument, NULL, LISTEN },
    { "connections", required_argument, NULL, CONNECTIONS },
    { "count", required_argument, NULL, COUNT },
    { "warm", required_argument, NULL, WARM },
    { "check", no_argument, NULL, CHECK },
    { "client-tls", no_argument, NULL, CLIENT_TLS },
    { "server-tls", no_argument, NULL, SERVER_TLS },
    { "cert", required_argument, NULL, CERT },
    { "key", required_argument, NULL, KEY },
    { "tls", required_argument, NULL, TLS },
    { "cipher", required_argument, NULL, CIPHER },
    { "resume", no_argument, NULL, RESUME },
    { "nagle", no_argument, NULL, NAGLE },
    { "receive-buffer", required_argument, NULL, RECEIVE_BUFFER },
    { "settle", required_argument, NULL, SETTLE },
    { "phases", no_argument, NULL, PHASES },
    { "every", required_argument, NULL, EVERY },
    { "limit", required_argument, NULL, LIMIT },
    { NULL, 0, NULL, 0 },
};

static uint64_t
number(const char *text, uint64_t least, uint64_t most)
{
    char *end;
    uint64_t value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
        value < least || value > most)
        fail("%s: not a number from %" PRIu64 " to %" PRIu64, text, least,
            most);
    return value;
}

static bool
is_tls_1_2(const char *text)
{
    if (strcmp(text, "1.2") != 0 && strcmp(text, "1.3") != 0)
        fail("--tls is 1.2 or 1.3, not %s", text);
    return text[2] == '2';
}

static void
take(struct options *options, int word, char *value)
{
    switch (word) {
    case CONNECT:
        options->connect_port = (uint16_t)number(value, 1, UINT16_MAX);
        break;
    case LISTEN:
        options->listen_port = (uint16_t)number(value, 1, UINT16_MAX);
        break;
    case CONNECTIONS:
        options->connections = (unsigned)number(value, 1, 30000);
        break;
    case COUNT:
        options->count = number(value, 1, UINT64_MAX / 2);
        break;
    case WARM:
        options->warm = number(value, 0, UINT64_MAX / 2);
        break;
    case CHECK:
        options->check = true;
        break;
    case CLIENT_TLS:
        options->client_tls = true;
        break;
    case SERVER_TLS:
        options->server_tls = true;
        break;
    case CERT:
        options->cert = value;
        break;
    case KEY:
        options->key = value;
        break;
    case TLS:
        options->tls_1_2 = is_tls_1_2(value);
        break;
    case CIPHER:
        options->cipher = value;
        break;
    case RESUME:
        options->resume = true;
        break;
    case NAGLE:
        options->nagle = true;
        break;
    case RECEIVE_BUFFER:
        options->receive_buffer = (unsigned)number(value, 1, 1 << 30);
        break;
    case EVERY:
        options->every_us = (unsigned)number(value, 10, 1000000);
        break;
    case SETTLE:
        options->settle_ms = (unsigned)number(value, 0, 600000);
        break;
    case PHASES:
        options->phases = true;
        break;
    case LIMIT:
        options->limit_s = (unsigned)number(value, 1, 86400);
        break;
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

void
options_read(struct options *options, int argc, char **argv)
{
    int word;

    *options = (struct options){
        .connections = 1,
        .count = 1000,
        .limit_s = 120,
        .every_us = 1000,
        .settle_ms = 3000,
    };
    while ((word = getopt_long(argc, argv, "", words, NULL)) != -1)
        take(options, word, optarg);
    if (optind != argc - 1 || options->connect_port == 0 ||
        options->listen_port == 0 ||
        (options->server_tls &&
            (options->cert == NULL || options->key == NULL))) {
        fputs(usage, stderr);
        exit(2);
    }
    options->mode = argv[optind];
}
