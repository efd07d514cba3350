#include "relay/conn_sniffed.h"

#include <stdlib.h>

#include "relay/conn_state.h"
#include "relay/share.h"

bool
conn_sniff_open(struct conn *conn, struct share *share)
{
    conn->sniff = calloc(1, sizeof(*conn->sniff));
    if (conn->sniff != NULL)
        conn->sniff->share = share_ref(share);
    return conn->sniff != NULL;
}

void
conn_sniff_clear(struct conn *conn)
{
    if (conn->sniff == NULL)
        return;
    share_unref(conn->sniff->share);
    buffer_clear(&conn->sniff->bytes);
    free(conn->sniff);
    conn->sniff = NULL;
}
