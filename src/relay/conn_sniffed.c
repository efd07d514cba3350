#include "relay/conn_sniffed.h"

#include <stdlib.h>

#include "relay/conn_state.h"
#include "relay/limits.h"
#include "relay/share.h"

bool
conn_sniff_open(struct conn *conn, struct share *share)
{
    conn->sniff = calloc(1, sizeof(*conn->sniff));
    if (conn->sniff == NULL)
        return false;
    conn->sniff->share = share_ref(share);
    limits_enter_undecided(share);
    return true;
}

static void
leave_share(struct conn *conn)
{
    limits_leave_undecided(conn->relay, conn->sniff->share);
    share_unref(conn->sniff->share);
}

void
conn_sniff_change(struct conn *conn, struct share *share)
{
    leave_share(conn);
    conn->sniff->share = share_ref(share);
    limits_enter_undecided(share);
}

void
conn_sniff_clear(struct conn *conn)
{
    if (conn->sniff == NULL)
        return;
    leave_share(conn);
    buffer_clear(&conn->sniff->bytes);
    free(conn->sniff);
    conn->sniff = NULL;
}
