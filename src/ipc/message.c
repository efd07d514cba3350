#include "ipc/message.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <assert.h>
#include <string.h>

#include "base/address.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "config/config_line.h"
#include "ipc/sign_batch.h"
#include "net/resolver.h"

_Static_assert(MESSAGE_KEY_MAX == ADDRESS_TEXT_SIZE - 1, "a key is an address");
_Static_assert(MESSAGE_SERVICE_MAX == LINE_NAME_MAX, "a service's name");
_Static_assert(
    (sizeof(struct message_header) + sizeof(struct message_resolved)) %
            _Alignof(struct address) == 0,
    "addresses are looked at where they lie");
_Static_assert(sizeof(struct message_header) % _Alignof(uint64_t) == 0,
    "so are payloads");

/* What stands in the columns `from` and `to` below. */
enum {
    MASTER = ROLE_BIT(MASTER),
    WORKER = ROLE_BIT(WORKER),
    KEEPER = ROLE_BIT(KEEPER),
    SCOUT = ROLE_BIT(SCOUT),
    ADMIN = ROLE_BIT(ADMIN),
    TRIAL = ROLE_BIT(TRIAL),
    SUCCESSOR = ROLE_BIT(SUCCESSOR),
};

static bool
has_nul(const char *text, size_t length)
{
    return memchr(text, '\0', length) != NULL;
}

static bool
judge_text(const struct message *message)
{
    return !has_nul(message->text, message->text_length);
}

static bool
judge_socket(const struct message *message)
{
    const struct message_socket *socket = message->payload;
    size_t key = strlen(message->text); /* a NUL always follows */
    const char *path = message->text + key + 1;
    size_t rest = message->text_length - key - 1;

    if (socket->index >= MESSAGE_SOCKETS_MAX || socket->tls > 1 ||
        socket->serve > 1)
        return false;
    if (key == 0 || key > MESSAGE_KEY_MAX || key >= message->text_length)
        return false;
    return rest > 0 && rest - 1 <= MESSAGE_PATH_MAX &&
        strlen(path) == rest - 1 && (rest == 1 || *path == '/');
}

static bool
judge_handover(const struct message *message)
{
    const struct message_handover *handover = message->payload;

    return handover->slot < SCOREBOARD_SLOTS &&
        handover->state < INBOX_STATE_COUNT;
}

static bool
judge_log(const struct message *message)
{
    const struct message_log *log = message->payload;

    return log->dress <= LOG_DRESS_JOURNAL && log->format <= LOG_JSON &&
        log->level <= LOG_LEVEL_DEBUG;
}

static bool
judge_reply(const struct message *message)
{
    const struct message_reply *reply = message->payload;

    return reply->code < REPLY_CODE_COUNT && reply->more <= 1 &&
        judge_text(message);
}

static bool
judge_tickets(const struct message *message)
{
    const struct message_tickets *tickets = message->payload;

    return tickets->secrets.count > 0 &&
        tickets->secrets.count <= TLS_TICKET_SECRETS_MAX;
}

static bool
judge_verdict(const struct message *message)
{
    const struct message_verdict *verdict = message->payload;

    return verdict->ok < VERDICT_COUNT && verdict->given_up == 0;
}

static unsigned
count_newlines(const char *text)
{
    unsigned count = 0;

    while ((text = strchr(text, '\n')) != NULL) {
        count++;
        text++;
    }
    return count;
}

static bool
judge_cert(const struct message *message)
{
    const struct message_cert *cert = message->payload;

    return cert->accepts <= 1 && cert->kind < TLS_CERT_KIND_COUNT &&
        judge_text(message) &&
        count_newlines(message->text) == MESSAGE_CERT_LINES - 1;
}

static bool
judge_prepared(const struct message *message)
{
    const struct message_verdict *verdict = message->payload;

    return verdict->ok <= 1 && verdict->given_up <= 1 - verdict->ok;
}

static bool
judge_request(const struct message *message)
{
    const struct message_request *request = message->payload;
    const struct verb_info *info;

    if (request->verb >= VERB_COUNT)
        return false;
    info = verbs_info((enum verb)request->verb);
    return info->answers == VERB_BY_MASTER &&
        (message->text_length == 0 || info->argument != NULL) &&
        request->json <= (info->has_json ? 1 : 0) &&
        judge_text(message);
}

static bool
judge_address(const struct address *address)
{
    if (address->storage.ss_family == AF_INET)
        return address->length == sizeof(struct sockaddr_in);
    return address->storage.ss_family == AF_INET6 &&
        address->length == sizeof(struct sockaddr_in6);
}

static bool
judge_resolved(const struct message *message)
{
    const struct message_resolved *resolved = message->payload;
    const struct address *addresses = message_addresses(message);

    if (resolved->result > RESOLVER_FAILED ||
        resolved->count > RESOLVER_ADDRESSES_MAX ||
        message->text_length != resolved->count * sizeof(*addresses))
        return false;
    for (size_t i = 0; i < resolved->count; i++)
        if (!judge_address(&addresses[i]))
            return false;
    return (resolved->result == RESOLVER_FOUND) == (resolved->count > 0);
}

static bool
judge_sign(const struct message *message)
{
    const struct message_sign *sign;
    size_t at = 0;
    unsigned count = 0;

    while ((sign = sign_batch_sign(message, &at)) != NULL) {
        if (++count > SIGN_BATCH_MAX ||
            !tls_sign_is_sound((enum tls_sign_scheme)sign->scheme,
                (enum tls_sign_digest)sign->digest, sign->length))
            return false;
    }
    return at == message->text_length;
}

static bool
judge_signed(const struct message *message)
{
    const struct message_signed *answer;
    size_t at = 0;
    unsigned count = 0;

    while ((answer = sign_batch_signed(message, &at)) != NULL) {
        if (++count > SIGN_BATCH_MAX || answer->length > TLS_SIGNATURE_MAX)
            return false;
    }
    return at == message->text_length;
}

#define PAYLOAD(name) .fixed = sizeof(struct message_##name)
#define A_SOCKET \
    PAYLOAD(socket), .least = 3, \
        .most = MESSAGE_KEY_MAX + MESSAGE_PATH_MAX + 2, .judge = judge_socket

/* No role may send what has no row. */
static const struct message_info infos[] = {
#define MESSAGE(word, number, senders, receivers, ...) \
    [number] = { .from = (senders), .to = (receivers), __VA_ARGS__ },
#include "ipc/message_types.inc"
#undef MESSAGE
};

bool
message_may_pass(enum message_type type, enum role from, enum role to)
{
    const struct message_info *info = message_info(type);

    return role_is_among(info->from, from) && role_is_among(info->to, to);
}

bool
message_judge(void *packet, size_t length, size_t fd_count, enum role from,
    enum role to, struct message *out)
{
    const struct message_header *header = packet;
    char *payload = (char *)packet + sizeof(*header);
    const struct message_info *info;

    if (length < sizeof(*header) || length > MESSAGE_BYTES_MAX ||
        header->length != length - sizeof(*header) ||
        header->type >= MESSAGE_TYPE_COUNT)
        return false;
    info = &infos[header->type];
    if (!message_may_pass((enum message_type)header->type, from, to) ||
        fd_count != info->fds || header->length < info->fixed + info->least ||
        header->length > info->fixed + info->most)
        return false;
    payload[header->length] = '\0';
    *out = (struct message){
        .type = (enum message_type)header->type,
        .payload = payload,
        .text = payload + info->fixed,
        .text_length = header->length - info->fixed,
        .fd_count = fd_count,
    };
    return info->judge == NULL || info->judge(out);
}

const struct message_info *
message_info(enum message_type type)
{
    assert((unsigned)type < MESSAGE_TYPE_COUNT);
    return &infos[type];
}

const char *
message_socket_path(const struct message *message)
{
    return message->text + strlen(message->text) + 1;
}

const struct address *
message_addresses(const struct message *message)
{
    return (const void *)message->text;
}

const char *
message_name(enum message_type type)
{
    return message_info(type)->name;
}
