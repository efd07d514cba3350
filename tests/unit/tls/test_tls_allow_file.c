/* Files of rules: what is taken, and where the faults are. */
#include "tls/tls_allow_file.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handshake.h"
#include "pki.h"

static char service_name[] = "test";
static struct pki ca, server;
static char *ca_file, *server_file;

static void
set_up(void)
{
    handshake_log("/dev/null");
    ca = pki_ca("Good CA", NULL);
    server = pki_make(&(struct pki_spec){ .cn = "server" }, &ca);
    ca_file = pki_cert("ca.pem", &ca);
    server_file = pki_both("server.pem", &server);
}

static void
tear_down(void)
{
    pki_free(&ca);
    pki_free(&server);
    pki_clean();
}

TestSuite(tls_allow_file, .init = set_up, .fini = tear_down);

/* With the file `rules`; the arrays are the caller's. */
#define SERVICE(rules, client) { .name = service_name, \
    .listen_leg = LEG(.verify = VERIFY_REQUIRED, \
        .cert = STRINGS(server_file), .ca = STRINGS(ca_file), \
        .allow_files = STRINGS(rules)), \
    .connect_leg = LEG(.cert = STRINGS(client)) }

/* Whether the file `rules` lets in a client of that name. */
static bool
lets_in(char *rules, const char *cn)
{
    struct pki client = pki_make(&(struct pki_spec){ .cn = cn }, &ca);
    char *cert = pki_both("client.pem", &client);
    const struct service_config service = SERVICE(rules, cert);
    struct handshake shake;
    bool done;

    shake = handshake_run(&service, NULL);
    done = shake.server_done;
    cr_expect_eq(done, shake.server_fault[0] == '\0', "%s",
        shake.server_fault);
    handshake_free(&shake);
    pki_free(&client);
    remove(cert);
    return done;
}

Test(tls_allow_file, takes_lines)
{
    static const struct { const char *text, *in, *out; } cases[] = {
        { "cn:a\ncn:b\n", "b", "c" },
        { "cn:a\ncn:b", "b", "c" },
        { "# all of them\n\n; and\ncn:a\n", "a", "# all of them" },
        { "\r\n  cn:a\t\r\n", "a", "a\r" },
        { "\"cn:a b\" cn:\"a b\"\n", "a b", "a" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char *file = pki_text("rules", cases[i].text, strlen(cases[i].text));

        cr_expect(lets_in(file, cases[i].in), "%zu", i);
        cr_expect_not(lets_in(file, cases[i].out), "%zu", i);
        remove(file);
    }
}

static void
expect_fault(const char *text, size_t length, const char *words)
{
    char *rules = pki_text("rules", text, length);
    char messages[4096], whole[256];
    const struct service_config service = SERVICE(rules, server_file);
    struct tls_context *context;

    snprintf(whole, sizeof(whole), "[service test] listen.allow_file: %s%s",
        rules, words);
    context = handshake_context(
        &service, TLS_ACCEPT, messages, sizeof(messages));
    cr_expect_null(context, "%s", words);
    cr_expect_not_null(
        strstr(messages, whole), "no \"%s\" in: %s", whole, messages);
    tls_context_free(context);
    remove(rules);
}

Test(tls_allow_file, names_file_and_line_of_a_fault)
{
    static const struct { const char *text, *words; } cases[] = {
        { "", ": there is no rule in it, which would let no peer in" },
        { "# cn:a\n\n", ": there is no rule in it" },
        { "cn:a\n\nhost:b\n", ":3: \"host:b\" is none of cn:NAME" },
        { "allow = cn:a\n", ":1: \"allow\" is none of cn:NAME" },
        { "cn:a\nip:10.0.0.1/8\n", ":2: \"ip:10.0.0.1/8\" has more to its" },
        { "cn:a\ncn:\x1b[31m\n", ":2: the line has a control byte in it; each "
            "line is a rule, as behind listen.allow =" },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        expect_fault(cases[i].text, strlen(cases[i].text), cases[i].words);
    expect_fault("cn:a\ncn:b\0c\n", 12, ":2: the line has a control byte");
}

Test(tls_allow_file, is_bounded)
{
    enum { LINE = 8192, RULES = 10001 };
    char *line = malloc(LINE), *lines = malloc(RULES * 5 + 1);

    cr_assert(line != NULL && lines != NULL);
    memset(line, 'x', LINE);
    memcpy(line, "cn:", 3);
    expect_fault(line, LINE, ":1: the line has more than 8191 bytes");
    for (size_t i = 0; i < RULES; i++)
        memcpy(lines + 5 * i, "cn:a\n", 5);
    expect_fault(lines, RULES * 5, ":10001: there are more rules than 10000");
    free(line);
    free(lines);
}
