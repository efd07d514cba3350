#include "roles/handover_debts.h"

#include <stdlib.h>

enum { PAUSE_MS = 10 };

struct handover_debt {
    LIST_ENTRY(handover_debt) entry;
    unsigned slot;
    unsigned service;
    uint32_t count;
};

static void
pay_later(struct handover_debts *debts)
{
    if (!LIST_EMPTY(&debts->list))
        timer_set(&debts->timer, PAUSE_MS);
}

static void
free_debt(struct handover_debt *debt)
{
    LIST_REMOVE(debt, entry);
    free(debt);
}

static void
on_pay(void *arg)
{
    struct handover_debts *debts = arg;
    struct handover_debt *debt = LIST_FIRST(&debts->list), *next;

    for (; debt != NULL; debt = next) {
        next = LIST_NEXT(debt, entry);
        if (debts->tell(debts->arg, debt->slot, debt->service, debt->count))
            free_debt(debt);
    }
    pay_later(debts);
}

bool
handover_debts_open(struct handover_debts *debts, struct event_base *base,
    handover_tell_fn *tell, void *arg)
{
    *debts = (struct handover_debts){ .tell = tell, .arg = arg };
    return timer_open(&debts->timer, base, on_pay, debts);
}

void
handover_debts_add(
    struct handover_debts *debts, unsigned slot, unsigned service)
{
    struct handover_debt *debt;

    LIST_FOREACH(debt, &debts->list, entry)
        if (debt->slot == slot && debt->service == service)
            break;
    if (debt == NULL) {
        debt = calloc(1, sizeof(*debt));
        if (debt == NULL)
            return;
        debt->slot = slot;
        debt->service = service;
        LIST_INSERT_HEAD(&debts->list, debt, entry);
    }
    debt->count++;
    pay_later(debts);
}

void
handover_debts_close(struct handover_debts *debts)
{
    timer_close(&debts->timer);
    while (!LIST_EMPTY(&debts->list))
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is off the list */
        free_debt(LIST_FIRST(&debts->list));
}
