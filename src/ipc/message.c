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

/* What a payload says, once its size is known to be right. */
typedef bool judge_fn(const struct message *message);

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
judge_inbox(const struct message *message)
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
judge_verdict(const struct message *message)
{
    const struct message_verdict *verdict = message->payload;

    return verdict->ok <= 1 && verdict->given_up == 0;
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

#define FIXED(name) sizeof(struct message_##name)

static const struct type {
    const char *name;
    unsigned from;
    unsigned to;
    size_t fixed;
    size_t least; /* bytes behind the fixed part */
    size_t most;
    size_t fds;
    judge_fn *judge; /* NULL: any value will do */
} types[] = {
    [MESSAGE_KIN] = { "kin", MASTER, SUCCESSOR,
        FIXED(kin), 0, 0, 0, NULL },
    [MESSAGE_SECRET] = { "secret", MASTER, SUCCESSOR,
        0, 0, 0, 1, NULL },
    [MESSAGE_BUNDLE] = { "bundle", MASTER, WORKER | KEEPER,
        FIXED(generation), 0, 0, 1, NULL },
    [MESSAGE_SECRETS] = { "secrets", MASTER, KEEPER,
        FIXED(generation), 0, 0, 1, NULL },
    [MESSAGE_SOCKET] = { "socket", MASTER, WORKER | SUCCESSOR,
        FIXED(socket), 3, MESSAGE_KEY_MAX + MESSAGE_PATH_MAX + 2, 1,
        judge_socket },
    [MESSAGE_PREPARE] = { "prepare", MASTER, WORKER | KEEPER | SUCCESSOR,
        FIXED(generation), 0, 0, 0, NULL },
    [MESSAGE_COMMIT] = { "commit", MASTER, WORKER | KEEPER,
        FIXED(generation), 0, 0, 0, NULL },
    [MESSAGE_ABORT] = { "abort", MASTER, WORKER | KEEPER,
        FIXED(generation), 0, 0, 0, NULL },
    [MESSAGE_ROOM] = { "room", MASTER, WORKER,
        0, 0, 0, 0, NULL },
    [MESSAGE_HANDOVER] = { "handover", MASTER, WORKER,
        FIXED(handover), 0, 0, 1, judge_inbox },
    [MESSAGE_LOG] = { "log", MASTER, ROLE_CHILDREN,
        FIXED(log), 0, 0, 0, judge_log },
    [MESSAGE_DRAIN] = { "drain", MASTER, WORKER,
        FIXED(drain), 0, MESSAGE_SERVICE_MAX, 0, judge_text },
    [MESSAGE_END] = { "end", MASTER, WORKER,
        0, 0, 0, 0, NULL },
    [MESSAGE_SCOUT] = { "scout", MASTER, WORKER | SCOUT,
        0, 0, 0, 1, NULL },
    [MESSAGE_KEEPER] = { "keeper", MASTER, WORKER | KEEPER,
        0, 0, 0, 1, NULL },
    [MESSAGE_REPLY] = { "reply", MASTER, ADMIN,
        FIXED(reply), 0, MESSAGE_REPLY_MAX, 0, judge_reply },

    [MESSAGE_BOUND] = { "bound", TRIAL, MASTER,
        FIXED(socket), 3, MESSAGE_KEY_MAX + MESSAGE_PATH_MAX + 2, 1,
        judge_socket },
    [MESSAGE_FAULT] = { "fault", TRIAL | WORKER | KEEPER, MASTER,
        0, 1, MESSAGE_FAULT_MAX, 0, judge_text },
    [MESSAGE_VERDICT] = { "verdict", TRIAL, MASTER,
        FIXED(verdict), 0, 0, 0, judge_verdict },
    [MESSAGE_READY] = { "ready", ROLE_CHILDREN | SUCCESSOR, MASTER,
        0, 0, 0, 0, NULL },
    [MESSAGE_PREPARED] = { "prepared", WORKER | KEEPER, MASTER,
        FIXED(verdict), 0, 0, 0, judge_prepared },
    [MESSAGE_COMMITTED] = { "committed", WORKER | KEEPER, MASTER,
        FIXED(generation), 0, 0, 0, NULL },
    [MESSAGE_DRAINED] = { "drained", WORKER, MASTER,
        FIXED(drain), 0, MESSAGE_SERVICE_MAX, 0, judge_text },
    [MESSAGE_KEEPER_LOST] = { "keeper-lost", WORKER, MASTER,
        0, 0, 0, 0, NULL },
    [MESSAGE_SCOUT_LOST] = { "scout-lost", WORKER, MASTER,
        0, 0, 0, 0, NULL },
    [MESSAGE_REQUEST] = { "request", ADMIN, MASTER,
        FIXED(request), 0, MESSAGE_SERVICE_MAX, 0, judge_request },

    [MESSAGE_RESOLVE] = { "resolve", WORKER, SCOUT,
        FIXED(resolve), 1, MESSAGE_HOST_MAX, 0, judge_text },
    [MESSAGE_RESOLVED] = { "resolved", SCOUT, WORKER,
        FIXED(resolved), 0, RESOLVER_ADDRESSES_MAX * sizeof(struct address), 0,
        judge_resolved },

    [MESSAGE_SIGN] = { "sign", WORKER, KEEPER,
        0, FIXED(sign), SIGN_BATCH_BYTES, 0, judge_sign },
    [MESSAGE_SIGNED] = { "signed", KEEPER, WORKER,
        0, FIXED(signed), SIGN_BATCH_BYTES, 0, judge_signed },

    [MESSAGE_SPEAK] = { "speak", MASTER, SUCCESSOR,
        0, 0, 0, 0, NULL },
    [MESSAGE_STOP] = { "stop", SUCCESSOR, MASTER,
        FIXED(stop), 0, 0, 0, NULL },
    [MESSAGE_STOP_NOW] = { "stop-now", SUCCESSOR, MASTER,
        0, 0, 0, 0, NULL },
    [MESSAGE_REOPEN] = { "reopen", SUCCESSOR, MASTER,
        0, 0, 0, 0, NULL },

    [MESSAGE_REBOUND] = { "rebound", MASTER, WORKER,
        FIXED(socket), 3, MESSAGE_KEY_MAX + MESSAGE_PATH_MAX + 2, 1,
        judge_socket },
    [MESSAGE_COVER] = { "cover", MASTER, WORKER,
        FIXED(socket), 3, MESSAGE_KEY_MAX + MESSAGE_PATH_MAX + 2, 1,
        judge_socket },
    [MESSAGE_HEARTBEAT] = { "heartbeat", ROLE_CHILDREN & ~TRIAL, MASTER,
        0, 0, 0, 0, NULL },
    [MESSAGE_NAMES] = { "names", MASTER, SCOUT,
        0, 0, 0, 1, NULL },
    [MESSAGE_HELD] = { "held", MASTER, TRIAL,
        FIXED(socket), 3, MESSAGE_KEY_MAX + MESSAGE_PATH_MAX + 2, 0,
        judge_socket },
    [MESSAGE_TRY] = { "try", MASTER, TRIAL,
        0, 0, 0, 0, NULL },
    [MESSAGE_WANTED] = { "wanted", TRIAL, MASTER,
        FIXED(socket), 3, MESSAGE_KEY_MAX + MESSAGE_PATH_MAX + 2, 0,
        judge_socket },
};

_Static_assert(COUNT(types) == MESSAGE_TYPE_COUNT, "every type has its line");

bool
message_judge(void *packet, size_t length, size_t fd_count, enum role from,
    enum role to, struct message *out)
{
    const struct message_header *header = packet;
    char *payload = (char *)packet + sizeof(*header);
    const struct type *type;

    if (length < sizeof(*header) || length > MESSAGE_BYTES_MAX ||
        header->length != length - sizeof(*header) ||
        header->type >= MESSAGE_TYPE_COUNT)
        return false;
    type = &types[header->type];
    if (!role_is_among(type->from, from) || !role_is_among(type->to, to) ||
        fd_count != type->fds || header->length < type->fixed + type->least ||
        header->length > type->fixed + type->most)
        return false;
    payload[header->length] = '\0';
    *out = (struct message){
        .type = (enum message_type)header->type,
        .payload = payload,
        .text = payload + type->fixed,
        .text_length = header->length - type->fixed,
        .fd_count = fd_count,
    };
    return type->judge == NULL || type->judge(out);
}

static const struct type *
type_of(enum message_type type)
{
    assert((unsigned)type < MESSAGE_TYPE_COUNT);
    return &types[type];
}

size_t
message_fixed_bytes(enum message_type type)
{
    return type_of(type)->fixed;
}

size_t
message_fd_count(enum message_type type)
{
    return type_of(type)->fds;
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
    return type_of(type)->name;
}
