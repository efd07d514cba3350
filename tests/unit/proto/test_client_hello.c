#include "proto/client_hello.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES_MAX = 64 << 10, HEAD = 5 + 4 };

static uint8_t memory[CLIENT_HELLO_MEMORY];

/* A hello that is being written: one record, whose sizes finish_hello() sets. */
struct draft {
    uint8_t bytes[BYTES_MAX];
    size_t size;
};

#define PUT(draft, text) put_bytes(draft, text, sizeof(text) - 1)

static void
put_bytes(struct draft *draft, const char *bytes, size_t size)
{
    cr_assert(draft->size + size <= BYTES_MAX);
    memcpy(draft->bytes + draft->size, bytes, size);
    draft->size += size;
}

static void
begin_hello(struct draft *draft)
{
    draft->size = 0;
    PUT(draft, "\x16\x03\x01\0\0\x01\0\0\0");
    PUT(draft, "\x03\x03" "0123456789abcdef0123456789abcdef");
    PUT(draft, "\0" "\0\x02\x13\x01" "\x01\0");
}

static void
set_number(uint8_t *at, size_t number)
{
    at[0] = (uint8_t)(number >> 8);
    at[1] = (uint8_t)number;
}

static void
finish_hello(struct draft *draft)
{
    set_number(draft->bytes + 3, draft->size - 5);
    set_number(draft->bytes + 7, draft->size - HEAD);
}

/* With that list of extensions. */
static void
make_hello(struct draft *draft, const char *extensions, size_t size)
{
    uint8_t length[2];

    begin_hello(draft);
    set_number(length, size);
    put_bytes(draft, (const char *)length, sizeof(length));
    put_bytes(draft, extensions, size);
    finish_hello(draft);
}

/* The same message in records of no more than so many bytes. */
static void
cut_into_records(const struct draft *whole, size_t most, struct draft *pieces)
{
    pieces->size = 0;
    for (size_t at = 5; at < whole->size; at += most) {
        size_t n = whole->size - at < most ? whole->size - at : most;

        PUT(pieces, "\x16\x03\x03\0\0");
        set_number(pieces->bytes + pieces->size - 2, n);
        put_bytes(pieces, (const char *)whole->bytes + at, n);
    }
}

/* Looks at bytes of no one else, so that a sanitizer notices a read behind
 * them. */
static enum client_hello_verdict
parse_copy(const uint8_t *bytes, size_t size, struct client_hello *hello)
{
    uint8_t *copy = malloc(size + (size == 0));
    enum client_hello_verdict verdict;

    cr_assert_not_null(copy);
    memcpy(copy, bytes, size);
    verdict = client_hello_parse(copy, size, memory, hello);
    free(copy);
    return verdict;
}

static void
expect_part(const struct client_hello_part *part, const char *text,
    const char *what)
{
    cr_expect(text == NULL ? part->bytes == NULL
                           : part->size == strlen(text) &&
                memcmp(part->bytes, text, part->size) == 0,
        "%s: %.*s", what, (int)part->size, (const char *)part->bytes);
}

/* As clients send it; the last ones are made up. */
static const struct {
    const char *file;
    const char *name; /* NULL: none */
    const char *alpn;
    uint16_t version;
} real[] = {
    { "openssl", "a.example", "\2h2\10http/1.1", 0x304 },
    { "openssl_tls12", NULL, NULL, 0x303 },
    { "curl", "www.a.example", "\2h2\10http/1.1", 0x304 },
    { "gnutls", "a.example", "\2h2", 0x304 },
    { "python", "b.example", "\12acme-tls/1", 0x304 },
    { "grease_mlkem", "Shop.A.Example", "\2\n\n\2h2\10http/1.1", 0x304 },
    { "records", "Shop.A.Example", "\2\n\n\2h2\10http/1.1", 0x304 },
    { "single_bytes", "a.example", NULL, 0x303 },
    { "large", "a.example", NULL, 0x303 },
};

static void
read_real(const char *name, struct draft *draft)
{
    char path[300];
    FILE *file;

    snprintf(path, sizeof(path),
        SOURCE_DIR "/tests/fuzz/corpus/client_hello/%s", name);
    file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    draft->size = fread(draft->bytes, 1, BYTES_MAX, file);
    fclose(file);
}

Test(client_hello, reads_what_clients_send)
{
    struct client_hello hello;
    struct draft draft;

    for (size_t i = 0; i < COUNT(real); i++) {
        read_real(real[i].file, &draft);
        cr_expect_eq(parse_copy(draft.bytes, draft.size, &hello),
            CLIENT_HELLO_DONE, "%s: %s", real[i].file, hello.fault);
        expect_part(&hello.server_name, real[i].name, real[i].file);
        expect_part(&hello.alpn, real[i].alpn, real[i].file);
        cr_expect_eq(hello.version, real[i].version, "%s", real[i].file);
        cr_expect_eq(hello.input, draft.size, "%s", real[i].file);
    }
}

/* Whatever is missing: the least that is waited for never goes past the end. */
Test(client_hello, waits_for_the_rest_wherever_it_is_cut)
{
    struct client_hello hello;
    struct draft draft;

    for (size_t i = 0; i < COUNT(real); i++) {
        read_real(real[i].file, &draft);
        for (size_t size = 0; size < draft.size; size++) {
            cr_assert_eq(parse_copy(draft.bytes, size, &hello),
                CLIENT_HELLO_MORE, "%s, %zu", real[i].file, size);
            cr_assert(hello.input > size && hello.input <= draft.size,
                "%s, %zu: %zu", real[i].file, size, hello.input);
        }
    }
}

Test(client_hello, reads_it_from_records_of_any_size)
{
    struct draft draft, pieces;
    struct client_hello hello;

    read_real("grease_mlkem", &draft);
    for (size_t most = 1; most < draft.size; most++) {
        cut_into_records(&draft, most, &pieces);
        cr_assert_eq(parse_copy(pieces.bytes, pieces.size, &hello),
            CLIENT_HELLO_DONE, "%zu: %s", most, hello.fault);
        expect_part(&hello.server_name, "Shop.A.Example", "records");
        cr_assert_eq(hello.input, pieces.size, "%zu", most);
    }
}

Test(client_hello, leaves_what_follows_alone)
{
    struct client_hello hello;
    struct draft draft;
    size_t size;

    read_real("python", &draft);
    size = draft.size;
    PUT(&draft, "\x17\x03\x03\0\x01x");
    cr_expect_eq(
        parse_copy(draft.bytes, draft.size, &hello), CLIENT_HELLO_DONE);
    cr_expect_eq(hello.input, size);
}

#define EXTENSIONS(text) text, sizeof(text) - 1
#define NAME_A "\0\0\0\6\0\4\0\0\1a"
#define ALPN_H2 "\0\20\0\5\0\3\2h2"

static const struct {
    const char *extensions;
    size_t size;
    const char *fault; /* NULL: it is in order */
} lists[] = {
    { EXTENSIONS(""), NULL },
    { EXTENSIONS(NAME_A), NULL },
    { EXTENSIONS(ALPN_H2 NAME_A), NULL },
    { EXTENSIONS("\x0a\x0a\0\0" NAME_A "\xff\xff\0\1x"), NULL },
    { EXTENSIONS(NAME_A NAME_A), "two lists of server names" },
    { EXTENSIONS(ALPN_H2 ALPN_H2), "two lists of protocols" },
    { EXTENSIONS("\0\0\0\n\0\10\0\0\1a\0\0\1b"), "a malformed server name" },
    { EXTENSIONS("\0\0\0\6\0\4\1\0\1a"), "a malformed server name" },
    { EXTENSIONS("\0\0\0\6\0\5\0\0\1a"), "a malformed server name" },
    { EXTENSIONS("\0\0\0\7\0\4\0\0\1ab"), "a malformed server name" },
    { EXTENSIONS("\0\0\0\0"), "a malformed server name" },
    { EXTENSIONS("\0\0\0\2\0\0"), "a malformed server name" },
    { EXTENSIONS("\0\0\0\5\0\3\0\0\0"), "no server name that could be one" },
    { EXTENSIONS("\0\0\0\7\0\5\0\0\2a\0"),
      "no server name that could be one" },
    { EXTENSIONS("\0\20\0\2\0\0"), "a malformed list of protocols" },
    { EXTENSIONS("\0\20\0\3\0\1\0"), "a malformed list of protocols" },
    { EXTENSIONS("\0\20\0\5\0\3\3h2"), "a malformed list of protocols" },
    { EXTENSIONS("\0\20\0\5\0\2\2h2"), "a malformed list of protocols" },
    { EXTENSIONS("\0\x2b\0\1\0"), "a malformed list of versions" },
    { EXTENSIONS("\0\x2b\0\4\3\3\4\3"), "a malformed list of versions" },
    { EXTENSIONS("\0\x2b"), "a malformed extension" },
    { EXTENSIONS("\0\x2b\0\4\3"), "a malformed extension" },
};

static void
expect_fault(const uint8_t *bytes, size_t size, const char *fault, size_t row)
{
    struct client_hello hello;
    enum client_hello_verdict verdict = parse_copy(bytes, size, &hello);

    cr_expect_eq(verdict, fault == NULL ? CLIENT_HELLO_DONE : CLIENT_HELLO_BAD,
        "%zu: %s", row, hello.fault);
    if (fault != NULL && hello.fault != NULL)
        cr_expect_str_eq(hello.fault, fault, "%zu", row);
}

Test(client_hello, judges_extensions)
{
    struct draft draft;

    for (size_t i = 0; i < COUNT(lists); i++) {
        make_hello(&draft, lists[i].extensions, lists[i].size);
        expect_fault(draft.bytes, draft.size, lists[i].fault, i);
    }
}

/* Each changes one byte of a hello with a name: where, and to what. */
static const struct {
    size_t at;
    uint8_t byte;
    const char *fault;
} changes[] = {
    { 0, 21, "another record than one of a handshake" },
    { 0, 'G', "another record than one of a handshake" },
    { 1, 2, "a version that no TLS has" },
    { 3, 0x41, "a record of a size that none may have" },
    { 5, 2, "another message than a hello" },
    { 6, 1, "a hello that is too large" },
    { 7, 0x81, "a hello that is too large" },
    { HEAD + 34, 33, "a malformed hello" },     /* session id */
    { HEAD + 36, 1, "a malformed hello" },      /* cipher suites */
    { HEAD + 36, 0, "a malformed hello" },
    { HEAD + 39, 0, "a malformed hello" },      /* compression */
    { HEAD + 42, 1, "a malformed list of extensions" },
    { HEAD + 42, 99, "a malformed list of extensions" },
};

Test(client_hello, judges_what_stands_around_them)
{
    struct draft draft;

    for (size_t i = 0; i < COUNT(changes); i++) {
        make_hello(&draft, EXTENSIONS(NAME_A));
        draft.bytes[changes[i].at] = changes[i].byte;
        expect_fault(draft.bytes, draft.size, changes[i].fault, i);
    }
}

/* Without any list of extensions, as TLS 1.2 lets it be. */
Test(client_hello, needs_no_extensions)
{
    struct draft draft;

    begin_hello(&draft);
    finish_hello(&draft);
    expect_fault(draft.bytes, draft.size, NULL, 0);
}

/* Whatever one byte of it is changed to. */
Test(client_hello, bears_garbage)
{
    struct client_hello hello;
    struct draft draft;

    read_real("python", &draft);
    for (size_t at = 0; at < draft.size; at++)
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            draft.bytes[at] ^= (uint8_t)flip;
            (void)!parse_copy(draft.bytes, draft.size, &hello);
            draft.bytes[at] ^= (uint8_t)flip;
        }
}

Test(client_hello, finds_a_protocol_by_its_whole_name)
{
    struct client_hello hello;
    struct draft draft;

    read_real("openssl", &draft);
    cr_assert_eq(
        parse_copy(draft.bytes, draft.size, &hello), CLIENT_HELLO_DONE);
    cr_expect(client_hello_offers(&hello, "h2"));
    cr_expect(client_hello_offers(&hello, "http/1.1"));
    cr_expect_not(client_hello_offers(&hello, "http/1"));
    cr_expect_not(client_hello_offers(&hello, "h"));
    cr_expect_not(client_hello_offers(&hello, ""));
    read_real("openssl_tls12", &draft);
    cr_assert_eq(
        parse_copy(draft.bytes, draft.size, &hello), CLIENT_HELLO_DONE);
    cr_expect_not(client_hello_offers(&hello, "h2"));
}
