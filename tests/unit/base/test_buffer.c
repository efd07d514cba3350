#include "base/buffer.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

Test(buffer, owns_nothing_when_empty)
{
    struct buffer buffer = { 0 };

    cr_expect(buffer_append(&buffer, NULL, 0));
    cr_expect_null(buffer.data);
    cr_assert(buffer_append(&buffer, "hello", 5));
    cr_expect_eq(buffer_length(&buffer), 5);
    cr_expect_arr_eq(buffer_head(&buffer), "hello", 5);
    buffer_consume(&buffer, 2);
    cr_expect_eq(buffer_length(&buffer), 3);
    cr_expect_arr_eq(buffer_head(&buffer), "llo", 3);
    buffer_consume(&buffer, 3);
    cr_expect_null(buffer.data);
    cr_expect_eq(buffer.size, 0);
    buffer_consume(&buffer, 0);
    buffer_clear(&buffer);
}

Test(buffer, refuses_what_no_memory_holds)
{
    struct buffer buffer = { 0 };

    cr_assert(buffer_append(&buffer, "hello", 5));
    cr_expect_not(buffer_append(&buffer, "x", SIZE_MAX));
    cr_expect_not(buffer_append(&buffer, "x", SIZE_MAX - 5));
    cr_expect_eq(buffer_length(&buffer), 5);
    cr_expect_arr_eq(buffer_head(&buffer), "hello", 5);
    buffer_clear(&buffer);
}

/* Byte n of the stream is n mod 251 on its way in and on its way out. */
Test(buffer, keeps_order_and_stays_small)
{
    struct buffer buffer = { 0 };
    size_t in = 0, out = 0, most = 0;

    srandom(42);
    for (int round = 0; round < 200000; round++) {
        uint8_t chunk[300];
        size_t add = (size_t)random() % sizeof(chunk);
        size_t waiting;

        for (size_t i = 0; i < add; i++)
            chunk[i] = (uint8_t)(in++ % 251);
        cr_assert(buffer_append(&buffer, chunk, add));
        waiting = buffer_length(&buffer);
        cr_assert_eq(waiting, in - out);
        if (waiting > most)
            most = waiting;
        cr_assert_leq(buffer.size, most + most / 2);

        if (waiting > 4000 || random() % 2)
            waiting = (size_t)random() % (waiting + 1);
        else
            waiting = 0;
        for (size_t i = 0; i < waiting; i++)
            cr_assert_eq(buffer_head(&buffer)[i], (out + i) % 251);
        buffer_consume(&buffer, waiting);
        out += waiting;
    }
    buffer_clear(&buffer);
    cr_expect_null(buffer.data);
}
