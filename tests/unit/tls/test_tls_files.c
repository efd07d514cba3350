/* What a context says of configurations and files that are no good. */
#include "tls/tls_context.h"

#include <criterion/criterion.h>

#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handshake.h"
#include "pki.h"

static char service_name[] = "test";
static struct pki ca, leaf, other;
static char *cert, *key, *other_key, *ca_file;

static void
setup(void)
{
    handshake_log("/dev/null");
    ca = pki_ca("CA", NULL);
    leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, &ca);
    other = pki_make(&(struct pki_spec){ .cn = "other" }, &ca);
    ca_file = pki_cert("ca.pem", &ca);
    cert = pki_cert("leaf.crt", &leaf);
    key = pki_key("leaf.key", &leaf, NULL);
    other_key = pki_key("other.key", &other, NULL);
}

static void
teardown(void)
{
    pki_free(&ca);
    pki_free(&leaf);
    pki_free(&other);
    pki_clean();
}

TestSuite(tls_files, .init = setup, .fini = teardown);

#define EXPECT_FAULT(leg, ...) \
    expect_fault(leg, (const char *[]){ __VA_ARGS__, NULL })

/* The leg is refused, in words that hold all of `words`. */
static void
expect_fault(const struct leg_config *leg, const char *const *words)
{
    struct service_config service = {
        .name = service_name, .listen_leg = *leg,
    };
    char messages[4096];
    struct tls_context *context = handshake_context(&service, TLS_ACCEPT,
        messages, sizeof(messages));

    cr_expect_null(context, "no fault: %s", words[0]);
    tls_context_free(context);
    for (size_t i = 0; words[i] != NULL; i++)
        cr_expect_not_null(strstr(messages, words[i]), "no \"%s\" in: %s",
            words[i], messages);
    cr_expect_eq(ERR_peek_error(), 0);
}

static char *
text_file(const char *name, const char *text)
{
    return pki_text(name, text, strlen(text));
}

Test(tls_files, explains_certificates_that_cannot_be_used)
{
    char missing[] = "/nowhere/leaf.crt";
    char *folder = (char *)pki_folder();
    struct leg_config leg = LEG(.cert = { &cert, 1 }, .key = { &key, 1 });

    leg.cert = (struct strings){ (char *[]){ missing }, 1 };
    EXPECT_FAULT(&leg, "[service test] listen.cert: /nowhere/leaf.crt",
        "cannot open", "No such file or directory");
    leg.cert = (struct strings){ &folder, 1 };
    EXPECT_FAULT(&leg, "leaf.key: is for a file, and listen.cert = ", folder,
        "names a directory or a pattern, whose keys stand beside");
    leg.cert = (struct strings){ (char *[]){ text_file("empty", "") }, 1 };
    EXPECT_FAULT(&leg, "empty: is empty");
    leg.cert = (struct strings){ (char *[]){ text_file("junk",
        "\x30\x82\x01\x0a\xff") }, 1 };
    EXPECT_FAULT(&leg, "junk: has no PEM block", "openssl x509");
    leg.cert = (struct strings){ &key, 1 };
    EXPECT_FAULT(&leg, "leaf.key: holds a private key and no certificate; are "
        "listen.cert and listen.key exchanged?");
    leg.cert = (struct strings){ (char *[]){ text_file("bad",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") },
        1 };
    EXPECT_FAULT(&leg, "bad: certificate 1 in it cannot be read");
    leg.cert = (struct strings){ (char *[]){ text_file("cut",
        "-----BEGIN CERTIFICATE-----\nAAAA\n") }, 1 };
    EXPECT_FAULT(&leg, "cut: has the beginning of a block and no -----END");
    leg.cert = (struct strings){ NULL, 0 };
    leg.key = (struct strings){ NULL, 0 };
    EXPECT_FAULT(&leg, "listen.cert: a TLS listener needs a certificate");
}

Test(tls_files, waits_for_no_writer, .timeout = 10)
{
    char fifo[128], *name = fifo;
    struct leg_config leg = LEG(.cert = { &name, 1 });

    snprintf(fifo, sizeof(fifo), "%s/fifo", pki_folder());
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    EXPECT_FAULT(&leg, "/fifo: is not a regular file");
}

/* Permissions mean nothing to root. */
Test(tls_files, explains_what_it_may_not_read)
{
    char *closed = text_file("closed.pem", "x"), folder[128], *in = folder;
    struct leg_config leg = LEG(.cert = { &cert, 1 }, .key = { &key, 1 },
        .verify = VERIFY_REQUIRED, .ca = { &in, 1 });

    snprintf(folder, sizeof(folder), "%s/closed", pki_folder());
    cr_assert_eq(mkdir(folder, 0), 0);
    cr_assert_eq(chmod(closed, 0), 0);
    cr_assert_eq(chmod(pki_folder(), 0755), 0);
    if (getuid() == 0)
        cr_assert_eq(seteuid(65534), 0);
    EXPECT_FAULT(&leg, "/closed: cannot read this directory: Permission "
        "denied");
    leg.cert = leg.ca = (struct strings){ &closed, 1 };
    EXPECT_FAULT(&leg, "listen.cert: ", "listen.ca: ",
        "closed.pem: cannot open: Permission denied");
    cr_assert_eq(seteuid(getuid()), 0);
    rmdir(folder);
}

Test(tls_files, refuses_what_is_too_large)
{
    char *large = text_file("large.pem", "x");
    struct leg_config leg = LEG(.cert = { &large, 1 });

    cr_assert_eq(truncate(large, (1 << 20) + 1), 0);
    EXPECT_FAULT(&leg, "large.pem: has more than 1048576 bytes; is it the "
        "right file?");
}

/* Such a block makes OpenSSL ask on the terminal unless it is told not to. */
Test(tls_files, never_asks_on_the_terminal, .timeout = 10)
{
    static const char encrypted[] =
        "-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
        "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
        "AAAAAAAAAAAAAAAAAAAAAA==\n-----END CERTIFICATE-----\n";
    char *file = text_file("encrypted.crt", encrypted);
    struct leg_config leg = LEG(.cert = { &file, 1 }, .key = { &key, 1 });

    EXPECT_FAULT(&leg, "encrypted.crt: certificate 1 in it cannot be read");
    file = pki_key("encrypted.key", &leaf, "secret");
    leg.cert = (struct strings){ &cert, 1 };
    leg.key = (struct strings){ &file, 1 };
    EXPECT_FAULT(&leg, "encrypted.key: the private key is encrypted",
        "listen.passphrase_file");
}

Test(tls_files, explains_keys_that_cannot_be_used)
{
    struct leg_config leg = LEG(.cert = { &cert, 1 });
    char *two[] = { key, other_key };

    EXPECT_FAULT(&leg, "leaf.crt: has no private key", "listen.key");
    leg.key = (struct strings){ &other_key, 1 };
    EXPECT_FAULT(&leg, "leaf.crt: the key in", "other.key",
        "does not belong to this certificate");
    leg.key = (struct strings){ two, 2 };
    EXPECT_FAULT(&leg, "2 keys for 1 certificates");
    leg.key = (struct strings){ &cert, 1 };
    EXPECT_FAULT(&leg, "listen.key: ", "leaf.crt: holds a certificate and no "
        "private key; are listen.cert and listen.key exchanged?");
    leg.key = (struct strings){ (char *[]){ text_file("bad.key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n") },
        1 };
    EXPECT_FAULT(&leg, "bad.key: cannot read the private key");
}

static char *
traditional_key(const char *name, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data, *path;
    long length;

    PEM_write_bio_PrivateKey_traditional(bio, leaf.key, EVP_aes_128_cbc(),
        (const unsigned char *)passphrase, (int)strlen(passphrase), NULL,
        NULL);
    length = BIO_get_mem_data(bio, &data);
    path = pki_text(name, data, (size_t)length);
    BIO_free(bio);
    return path;
}

Test(tls_files, explains_passphrases_that_cannot_be_used)
{
    char *keys[] = { pki_key("new.key", &leaf, "secret"),
        traditional_key("old.key", "secret") };
    char long_line[2048], missing[] = "/nowhere/passphrase";
    struct leg_config leg = LEG(.cert = { &cert, 1 });
    struct service_config service = { .name = service_name };
    struct tls_context *context;
    char messages[1024];

    memset(long_line, 'x', sizeof(long_line));
    for (size_t i = 0; i < COUNT(keys); i++) {
        leg.key = (struct strings){ &keys[i], 1 };
        leg.passphrase_file = NULL;
        EXPECT_FAULT(&leg, ".key: the private key is encrypted");
        leg.passphrase_file = text_file(i == 0 ? "w0" : "w1", "wrong\n");
        EXPECT_FAULT(&leg, ".key: cannot decrypt the private key with the "
            "passphrase in ", leg.passphrase_file);
        leg.passphrase_file = text_file(i == 0 ? "r0" : "r1", "secret");
        service.listen_leg = leg;
        context = handshake_context(&service, TLS_ACCEPT, messages,
            sizeof(messages));
        cr_expect_not_null(context, "%s", messages);
        tls_context_free(context);
    }
    leg.passphrase_file = missing;
    EXPECT_FAULT(&leg, "listen.passphrase_file: /nowhere/passphrase: cannot "
        "open");
    leg.passphrase_file = text_file("blank", "\r\n\n");
    EXPECT_FAULT(&leg, "blank: there is no passphrase in it; each line is one");
    leg.passphrase_file = text_file("empty", "");
    EXPECT_FAULT(&leg, "empty: there is no passphrase in it");
    leg.passphrase_file = pki_text("long", long_line, sizeof(long_line));
    EXPECT_FAULT(&leg, "long:1: the line has more than 1023 bytes; each line "
        "is a passphrase");
    leg.passphrase_file = pki_text("nul", "x\nse\0cret\n", 10);
    EXPECT_FAULT(&leg, "nul:2: the line has a NUL byte");
    for (size_t i = 1; i < sizeof(long_line); i += 2)
        long_line[i] = '\n';
    leg.passphrase_file = pki_text("many", long_line, 2 * 65);
    EXPECT_FAULT(&leg, "many: there are 65 passphrases in it, and 64 may be");
}

static void
expect_passphrases_to_open(struct leg_config *leg, const char *name,
    const char *lines)
{
    struct service_config service = { .name = service_name };
    struct tls_context *context;
    char messages[1024];

    leg->passphrase_file = text_file(name, lines);
    service.listen_leg = *leg;
    context = handshake_context(&service, TLS_ACCEPT, messages,
        sizeof(messages));
    cr_expect_not_null(context, "%s: %s", name, messages);
    tls_context_free(context);
}

/* Whatever the order of lines and keys, and whatever form a key has. */
Test(tls_files, tries_each_line_for_each_key)
{
    struct pki rsa = pki_make(&(struct pki_spec){ .cn = "rsa", .kind = "RSA" },
        &ca);
    char *certs[] = { cert, pki_cert("rsa.crt", &rsa) };
    char *keys[] = { traditional_key("old.key", "first"),
        pki_key("rsa.key", &rsa, "second one") };
    struct leg_config leg = LEG(.cert = { certs, 2 }, .key = { keys, 2 });

    expect_passphrases_to_open(&leg, "in-order", "first\nsecond one\n");
    expect_passphrases_to_open(
        &leg, "others-too", "x\n\nsecond one\r\ny\r\nfirst");
    leg.passphrase_file = text_file("lacks-one", "first\nthird\n");
    EXPECT_FAULT(&leg, "rsa.key: cannot decrypt the private key with any of "
        "the 2 passphrases in ", "lacks-one");
    leg.passphrase_file = text_file("blanks", "first \nthird\nsecond one\n");
    EXPECT_FAULT(&leg, "old.key: cannot decrypt the private key with any of "
        "the 3 passphrases in ");
    pki_free(&rsa);
}

/* Either side chooses among them. */
Test(tls_files, takes_several_certificates_of_one_kind)
{
    char *files[] = { pki_both("one.pem", &leaf), pki_both("two.pem", &other) };
    const struct service_config service = { .name = service_name,
        .listen_leg = LEG(.cert = { files, 2 }),
        .connect_leg = LEG(.cert = { files, 2 }) };
    static const enum tls_role sides[] = { TLS_CONNECT, TLS_ACCEPT };
    char messages[4096];

    for (size_t i = 0; i < COUNT(sides); i++) {
        struct tls_context *context = handshake_context(
            &service, sides[i], messages, sizeof(messages));

        cr_expect_not_null(context, "%s", messages);
        tls_context_free(context);
    }
}

Test(tls_files, explains_what_openssl_refuses)
{
    struct pki weak = pki_make(&(struct pki_spec){ .cn = "weak",
        .kind = "RSA1024" }, &ca);
    char *file = pki_both("weak.pem", &weak);
    struct leg_config leg = LEG(.cert = { &file, 1 });

    EXPECT_FAULT(&leg, "weak.pem: a key of 1024 bits is too weak",
        "RSA with 2048");
    file = pki_cert("upside.pem", &ca);
    pki_both("upside.pem", &leaf);
    EXPECT_FAULT(&leg, "upside.pem: the key in", "belongs to certificate 2",
        "put that one first");
    pki_free(&weak);
}

Test(tls_files, explains_trust_that_cannot_be_used)
{
    char *both = pki_both("both.pem", &leaf);
    char missing[] = "/nowhere", word[] = "system", *trusted = missing;
    char folder[128];
    struct leg_config leg = LEG(.verify = VERIFY_REQUIRED,
        .cert = { &both, 1 }, .ca = { &trusted, 1 });

    EXPECT_FAULT(&leg, "listen.ca: /nowhere: cannot open: No such file");
    trusted = key;
    EXPECT_FAULT(&leg, "leaf.key: holds a private key and no certificate");
    snprintf(folder, sizeof(folder), "%s/empty", pki_folder());
    mkdir(folder, 0700);
    trusted = folder;
    EXPECT_FAULT(&leg, "/empty: no file in this directory has");
    setenv("SSL_CERT_FILE", "/nowhere/file", 1);
    setenv("SSL_CERT_DIR", "/nowhere/dir", 1);
    trusted = word;
    EXPECT_FAULT(&leg, "the system's store (/nowhere/file or /nowhere/dir) has "
        "no certificate", "ca-certificates");
    leg.ca = (struct strings){ NULL, 0 };
    EXPECT_FAULT(&leg, "listen.ca: there is no CA to verify clients by");
    trusted = ca_file;
    leg.ca = (struct strings){ &trusted, 1 };
    leg.crl = (struct strings){ &ca_file, 1 };
    EXPECT_FAULT(&leg, "listen.crl: ", "ca.pem: holds a certificate, and has no CRL");
    leg.crl = (struct strings){ (char *[]){ text_file("bad.crl",
        "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n") }, 1 };
    EXPECT_FAULT(&leg, "bad.crl: list 1 in it cannot be read");
}

Test(tls_files, explains_lists_that_cannot_be_used)
{
    char *both = pki_both("both.pem", &leaf);
    char bad_cipher[] = "ECDHE+AESGCM:AES-129", bad_suite[] =
        "TLS_AES_128_GCM_SHA256:TLS_AES_512";
    char bad_group[] = "X25519:P-255", bad_sigalg[] = "RSA+MD6";
    char fine[] = "ECDHE+AESGCM:!RC4:-SHA:DHE+AESGCM:+DHE:@SECLEVEL=2";
    struct leg_config leg = LEG(.cert = { &both, 1 });
    struct service_config service = { .name = service_name };
    struct tls_context *context;
    char messages[1024];

    leg.ciphers = bad_cipher;
    leg.ciphersuites = bad_suite;
    leg.groups = bad_group;
    leg.sigalgs = bad_sigalg;
    EXPECT_FAULT(&leg,
        "listen.ciphers: \"ECDHE+AESGCM:AES-129\": OpenSSL knows no "
            "\"AES-129\"",
        "listen.ciphersuites: \"TLS_AES_128_GCM_SHA256:TLS_AES_512\": OpenSSL "
            "knows no \"TLS_AES_512\"",
        "listen.groups: \"X25519:P-255\"", "listen.sigalgs: \"RSA+MD6\"");
    leg = (struct leg_config)LEG(.cert = { &both, 1 });
    service.listen_leg = leg;
    service.listen_leg.ciphers = fine;
    context = handshake_context(&service, TLS_ACCEPT, messages,
        sizeof(messages));
    cr_expect_not_null(context, "%s", messages);
    tls_context_free(context);
    leg.ciphers = NULL;
    leg.min_version = TLS_VERSION_1_3;
    leg.max_version = TLS_VERSION_1_2;
    EXPECT_FAULT(&leg, "listen.min_version: is higher than listen.max_version");
}

Test(tls_files, says_where_the_fault_was_written)
{
    struct service_config service = {
        .name = service_name, .origin = { .file = "relay.ini", .line = 7 },
        .listen_leg = LEG(),
    };
    char messages[1024];

    cr_expect_null(handshake_context(&service, TLS_ACCEPT, messages,
        sizeof(messages)));
    cr_expect_eq(strncmp(messages, "relay.ini:7: [service test] listen.cert: ",
        41), 0, "%s", messages);
}

Test(tls_files, reports_all_faults_at_once)
{
    char missing[] = "/nowhere/a", missing_too[] = "/nowhere/b";
    char *certs[] = { missing, missing_too }, *trusted = missing_too;
    struct leg_config leg = LEG(.verify = VERIFY_REQUIRED,
        .cert = { certs, 2 }, .ca = { &trusted, 1 });

    EXPECT_FAULT(&leg, "listen.cert: /nowhere/a", "listen.cert: /nowhere/b",
        "listen.ca: /nowhere/b");
}

Test(tls_files, warns_of_a_key_that_everybody_can_read)
{
    char *both = pki_both("both.pem", &leaf), text[1024] = "";
    char *log = text_file("log", "");
    struct service_config service = {
        .name = service_name, .listen_leg = LEG(.cert = { &both, 1 }),
    };
    struct tls_context *context;
    char messages[1024];
    FILE *file;

    handshake_log(log);
    chmod(both, 0644);
    context = handshake_context(&service, TLS_ACCEPT, messages,
        sizeof(messages));
    cr_expect_not_null(context, "%s", messages);
    tls_context_free(context);
    file = fopen(log, "r");
    cr_expect_gt(fread(text, 1, sizeof(text) - 1, file), 0);
    fclose(file);
    cr_expect_not_null(strstr(text, "every user can read"), "%s", text);
}

/* In each form that openssl(1) has written in its time. */
static bool
write_key(BIO *bio, EVP_PKEY *pair, bool traditional, char *passphrase)
{
    const EVP_CIPHER *cipher =
        passphrase != NULL ? EVP_aes_256_cbc() : NULL;
    int length = passphrase != NULL ? (int)strlen(passphrase) : 0;

    if (traditional)
        return PEM_write_bio_PrivateKey_traditional(bio, pair, cipher,
            (unsigned char *)passphrase, length, NULL, NULL) == 1;
    return PEM_write_bio_PKCS8PrivateKey(
        bio, pair, cipher, passphrase, length, NULL, NULL) == 1;
}

static void
expect_key(const char *kind, bool traditional, char *passphrase)
{
    static const char before[] = "-----BEGIN EC PARAMETERS-----\n"
        "BggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    struct pki own = pki_make(
        &(struct pki_spec){ .cn = "own", .kind = kind }, &ca);
    char *crt, *path, messages[1024], name[64];
    struct service_config service = { .name = service_name };
    struct tls_context *context;
    BIO *bio;

    snprintf(name, sizeof(name), "%s-%d-%d", kind, traditional,
        passphrase != NULL);
    crt = pki_cert(name, &own);
    snprintf(name, sizeof(name), "%s-%d-%d.key", kind, traditional,
        passphrase != NULL);
    path = text_file(name, before);
    bio = BIO_new_file(path, "a");
    cr_assert(write_key(bio, own.key, traditional, passphrase));
    BIO_free(bio);
    service.listen_leg = (struct leg_config)LEG(
        .cert = { &crt, 1 }, .key = { &path, 1 });
    if (passphrase != NULL)
        service.listen_leg.passphrase_file = text_file("pass", "secret\n");
    context = handshake_context(
        &service, TLS_ACCEPT, messages, sizeof(messages));
    cr_expect_not_null(context, "%s: %s", name, messages);
    tls_context_free(context);
    pki_free(&own);
}

Test(tls_files, reads_keys_in_every_form)
{
    static const char *const kinds[] = { "P-256", "P-384", "RSA" };
    char passphrase[] = "secret";

    for (size_t i = 0; i < COUNT(kinds); i++)
        for (int traditional = 0; traditional <= 1; traditional++) {
            expect_key(kinds[i], traditional == 1, NULL);
            expect_key(kinds[i], traditional == 1, passphrase);
        }
    expect_key("ED25519", false, NULL);
    expect_key("ED25519", false, passphrase);
    expect_key("RSA-PSS", false, NULL);
}
