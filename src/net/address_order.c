#include "net/address_order.h"

/* Takes the address at `from` out and puts it in at `to`, before it. */
static void
move_up(struct address *addresses, size_t from, size_t to)
{
    struct address moved = addresses[from];

    for (size_t i = from; i > to; i--)
        addresses[i] = addresses[i - 1];
    addresses[to] = moved;
}

void
address_order_interleave(struct address *addresses, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        sa_family_t before = addresses[i - 1].storage.ss_family;
        size_t other = i;

        while (other < count && addresses[other].storage.ss_family == before)
            other++;
        if (other == count)
            return; /* only one family is left */
        move_up(addresses, other, i);
    }
}

size_t
address_order_defer(struct address *addresses, size_t count,
    bool (*is_last)(void *arg, const struct address *address), void *arg)
{
    size_t kept = 0;

    /* Addresses before `kept` go first, those between it and `i` last. */
    for (size_t i = 0; i < count; i++)
        if (!is_last(arg, &addresses[i]))
            move_up(addresses, i, kept++);
    return count - kept;
}
