/*
 * A client's first message: however it is cut, no beginning of a good one is bad
 * or done, no wait is for bytes that are there, and what is found lies within the
 * memory that was given.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/client_hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t memory[CLIENT_HELLO_MEMORY];

static void
expect_within(const struct client_hello_part *part)
{
    if (part->bytes != NULL &&
        (part->size == 0 || part->bytes < memory ||
            part->bytes + part->size > memory + sizeof(memory)))
        abort();
}

static void
expect_sound(const struct client_hello *hello, size_t size)
{
    expect_within(&hello->server_name);
    expect_within(&hello->alpn);
    if (hello->input == 0 || hello->input > size)
        abort();
    (void)client_hello_offers(hello, "h2");
}

/* From here on the verdict on the whole is known: the prefix has to fit. */
static void
expect_prefix(const uint8_t *data, size_t size, size_t needed, bool bad)
{
    struct client_hello hello;
    enum client_hello_verdict verdict =
        client_hello_parse(data, size, memory, &hello);

    if (verdict == CLIENT_HELLO_MORE && hello.input <= size)
        abort();
    if (verdict == CLIENT_HELLO_DONE && (bad || size < needed))
        abort();
    if (verdict == CLIENT_HELLO_BAD && !bad)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct client_hello hello;
    enum client_hello_verdict verdict =
        client_hello_parse(data, size, memory, &hello);
    size_t needed = verdict == CLIENT_HELLO_DONE ? hello.input : size + 1;
    size_t step = size / 64 + 1;

    if ((verdict == CLIENT_HELLO_BAD) != (hello.fault != NULL))
        abort();
    if (verdict == CLIENT_HELLO_DONE)
        expect_sound(&hello, size);
    for (size_t i = 0; i < size; i += step)
        expect_prefix(data, i, needed, verdict == CLIENT_HELLO_BAD);
    return 0;
}
