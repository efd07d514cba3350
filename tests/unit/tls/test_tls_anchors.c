/*
 * Where chains may end, and which CRLs count on the way there.
 *
 * Two trees: "Root" issued "Between", which issued `ours`; "Far Root", which no
 * configuration lists, issued "Lone", which issued `theirs`.
 */
#include "tls/tls_anchors.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handshake.h"
#include "pki.h"

static const enum tls_version versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };

static char service_name[] = "test";
static char *log_path, *server_file;
static struct pki root, between, ours, far_root, lone, theirs;
static char *root_file, *between_file, *lone_file;
static char *ours_file, *chain_file, *theirs_file;

/* Each with and without the key identifier of its issuer, in this order. */
static char *root_clean[2], *root_revokes[2], *between_clean[2];
static char *lone_clean[2], *lone_revokes[2];
static char *far_clean[2], *far_revokes[2], *far_old[2];

static char *
list(const char *name, const struct pki *issuer, const struct pki *revoked,
    int days, bool identified)
{
    X509_CRL *crl = pki_crl(issuer, revoked, days);
    char *made;

    if (identified)
        pki_crl_identify(crl, issuer);
    made = pki_list(name, crl);
    X509_CRL_free(crl);
    return made;
}

static void
make_lists(int which)
{
    const struct {
        char **file;
        const struct pki *issuer, *revoked;
        int days;
    } lists[] = {
        { root_clean, &root, NULL, 9 }, { root_revokes, &root, &between, 9 },
        { between_clean, &between, NULL, 9 },
        { lone_clean, &lone, NULL, 9 }, { lone_revokes, &lone, &theirs, 9 },
        { far_clean, &far_root, NULL, 9 },
        { far_revokes, &far_root, &lone, 9 }, { far_old, &far_root, NULL, -1 },
    };
    char name[32];

    for (size_t i = 0; i < COUNT(lists); i++) {
        snprintf(name, sizeof(name), "%zu-%d.crl", i, which);
        lists[i].file[which] = list(name, lists[i].issuer, lists[i].revoked,
            lists[i].days, which == 0);
    }
}

static void
set_up(void)
{
    log_path = pki_text("log", "", 0);
    handshake_log(log_path);
    root = pki_ca("Root", NULL);
    between = pki_ca("Between", &root);
    ours = pki_make(&(struct pki_spec){ .cn = "ours" }, &between);
    far_root = pki_ca("Far Root", NULL);
    lone = pki_ca("Lone", &far_root);
    theirs = pki_make(&(struct pki_spec){ .cn = "theirs" }, &lone);
    server_file = pki_both("server.pem", &root);
    root_file = pki_cert("root.pem", &root);
    between_file = pki_cert("between.pem", &between);
    lone_file = pki_cert("lone.pem", &lone);
    ours_file = pki_both("ours.pem", &ours);
    chain_file = pki_both("chain.pem", &ours);
    pki_cert("chain.pem", &between);
    theirs_file = pki_both("theirs.pem", &theirs);
    make_lists(0);
    make_lists(1);
}

static void
tear_down(void)
{
    struct pki *all[] = { &root, &between, &ours, &far_root, &lone, &theirs };

    for (size_t i = 0; i < COUNT(all); i++)
        pki_free(all[i]);
    pki_clean();
}

TestSuite(tls_anchors, .init = set_up, .fini = tear_down, .timeout = 60);

static const char *
logged(void)
{
    static char text[16384];
    FILE *file = fopen(log_path, "r");
    size_t length;

    cr_assert_not_null(file);
    length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    fclose(file);
    return text;
}

struct anchor_case {
    const char *what;
    char *ca[3];
    char **crl[4];
    char *client;
    const char *fault;  /* NULL: let in */
    const char *warning;
};

static size_t
length_of(void *const *items, size_t most)
{
    size_t count = 0;

    while (count < most && items[count] != NULL)
        count++;
    return count;
}

static void
check(const struct anchor_case *one, int which, enum tls_version version)
{
    char *crls[4] = { NULL }, *client = one->client;
    size_t count = length_of((void *const *)one->crl, COUNT(one->crl));
    struct service_config service = { .name = service_name,
        .listen_leg = LEG(.cert = STRINGS(server_file),
            .verify = VERIFY_REQUIRED,
            .ca = { (char **)one->ca,
                length_of((void *const *)one->ca, COUNT(one->ca)) }),
        .connect_leg = LEG(.cert = { &client, 1 }) };
    struct handshake shake;

    for (size_t i = 0; i < count; i++)
        crls[i] = one->crl[i][which];
    service.listen_leg.crl = (struct strings){ crls, count };
    service.connect_leg.max_version = version;
    fclose(fopen(log_path, "w"));
    shake = handshake_run(&service, NULL);
    cr_expect_eq(shake.server_done, one->fault == NULL, "%s, %d: %s",
        one->what, which, shake.server_fault);
    cr_expect(one->fault == NULL ||
        strstr(shake.server_fault, one->fault) != NULL, "%s, %d: %s",
        one->what, which, shake.server_fault);
    cr_expect(one->warning == NULL ? strstr(logged(), "revoked") == NULL :
        strstr(logged(), one->warning) != NULL, "%s, %d: %s", one->what,
        which, logged());
    handshake_free(&shake);
}

/* Promise 43. */
Test(tls_anchors, a_lone_intermediate_waives_nothing_for_others)
{
    static const char between_warning[] =
        "CN=Between is revoked by the CRL of CN=Root";
    const struct anchor_case cases[] = {
        { "all are good", { root_file, lone_file },
            { root_clean, between_clean, lone_clean }, chain_file, NULL,
            NULL },
        { "the lone one's own", { root_file, lone_file },
            { root_clean, between_clean, lone_clean }, theirs_file, NULL,
            NULL },
        { "another intermediate is revoked", { root_file, lone_file },
            { root_revokes, between_clean, lone_clean }, chain_file,
            "revoked (CN=Between", NULL },
        { "it is listed itself", { root_file, lone_file, between_file },
            { root_revokes, between_clean, lone_clean }, ours_file,
            "revoked (CN=Between", between_warning },
        { "without a lone one", { root_file, between_file },
            { root_revokes, between_clean }, ours_file,
            "revoked (CN=Between", between_warning },
        { "listed and good", { lone_file, between_file, root_file },
            { root_clean, between_clean, lone_clean }, ours_file, NULL,
            NULL },
        { "the root's list is missing", { root_file, lone_file, between_file },
            { between_clean, lone_clean }, ours_file,
            "no CRL by the certificate's issuer (CN=Between", NULL },
        { "the lone one revokes its client", { root_file, lone_file },
            { root_clean, lone_revokes }, theirs_file, "revoked (CN=theirs",
            NULL },
        { "the lone one's list is missing", { root_file, lone_file },
            { root_clean, between_clean }, theirs_file,
            "no CRL by the certificate's issuer (CN=theirs", NULL },
    };

    for (size_t i = 0; i < COUNT(cases) * 4; i++)
        check(&cases[i / 4], i % 2, versions[i / 2 % 2]);
}

/* The operator has the list of an authority that is not trusted itself: there
 * is no key to believe it by, but what it revokes is not trusted either. */
Test(tls_anchors, a_list_of_the_lone_ones_issuer_refuses_no_good_client)
{
    const struct anchor_case cases[] = {
        { "clean", { lone_file }, { lone_clean, far_clean }, theirs_file, NULL,
            NULL },
        { "expired", { lone_file }, { lone_clean, far_old }, theirs_file,
            NULL, NULL },
        { "revoking", { lone_file }, { lone_clean, far_revokes }, theirs_file,
            "not issued by a trusted CA",
            "CN=Lone is revoked by the CRL of CN=Far Root" },
        { "revoking, beside a root", { root_file, lone_file },
            { root_clean, lone_clean, far_revokes }, theirs_file,
            "not issued by a trusted CA",
            "CN=Lone is revoked by the CRL of CN=Far Root" },
    };

    for (size_t i = 0; i < COUNT(cases) * 4; i++)
        check(&cases[i / 4], i % 2, versions[i / 2 % 2]);
}
