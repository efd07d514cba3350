/* A packet from another process: what is agreed to can be used as it is.  The
 * first three bytes are the roles of both ends and the number of descriptors. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "ipc/message.h"
#include "ipc/sign_batch.h"

static void
check_socket(const struct message *message)
{
    const char *path = message_socket_path(message);

    if (*message->text == '\0' || strlen(path) > MESSAGE_PATH_MAX ||
        path + strlen(path) + 1 != message->text + message->text_length)
        abort();
}

static void
check_addresses(const struct message *message)
{
    const struct message_resolved *resolved = message->payload;
    const struct address *addresses = message_addresses(message);
    char text[ADDRESS_TEXT_SIZE];

    for (uint32_t i = 0; i < resolved->count; i++)
        if (*address_format((const struct sockaddr *)&addresses[i].storage,
                addresses[i].length, text) == '\0')
            abort();
}

/* Neither is text. */
static void
check_signing(const struct message *message)
{
    const struct message_sign *sign;
    const struct message_signed *answer;
    size_t at = 0, end = 0;

    while (message->type == MESSAGE_SIGN &&
        (sign = sign_batch_sign(message, &at)) != NULL)
        if (!tls_sign_is_sound((enum tls_sign_scheme)sign->scheme,
                (enum tls_sign_digest)sign->digest, sign->length))
            abort();
    while (message->type == MESSAGE_SIGNED &&
        (answer = sign_batch_signed(message, &end)) != NULL)
        if (answer->length > TLS_SIGNATURE_MAX)
            abort();
    if (at + end != message->text_length)
        abort();
}

static void
check_message(const struct message *message, size_t length, size_t fds)
{
    if (message->fd_count != fds || fds > MESSAGE_FDS_MAX ||
        message_info(message->type)->fds != fds ||
        length != sizeof(struct message_header) + message->text_length +
            message_info(message->type)->fixed ||
        message->text[message->text_length] != '\0' ||
        *message_name(message->type) == '\0')
        abort();
    if (message->type == MESSAGE_SOCKET || message->type == MESSAGE_BOUND ||
        message->type == MESSAGE_REBOUND || message->type == MESSAGE_HELD ||
        message->type == MESSAGE_WANTED || message->type == MESSAGE_COVER)
        check_socket(message);
    else if (message->type == MESSAGE_RESOLVED)
        check_addresses(message);
    else if (message->type == MESSAGE_SIGN || message->type == MESSAGE_SIGNED)
        check_signing(message);
    else if (strlen(message->text) != message->text_length)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message message;
    char *packet;

    if (size < 3 || (packet = malloc(size - 3 + 1)) == NULL)
        return 0;
    memcpy(packet, data + 3, size - 3);
    if (message_judge(packet, size - 3, data[2], (enum role)data[0],
            (enum role)data[1], &message))
        check_message(&message, size - 3, data[2]);
    free(packet);
    return 0;
}
