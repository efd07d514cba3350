#include "net/stream.h"

/* A plain stream is the socket itself: bytes go in and out as they are. */
const struct stream_ops stream_plain_ops = {
    .read = stream_receive,
    .write = stream_send,
};
