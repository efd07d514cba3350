/*
 * What processes say to each other: the types of messages, each a row of
 * message_types.inc, and what they carry.  message.h says how they are judged.
 *
 * Both ends are the same program on the same machine, so payloads are plain
 * structs.
 */
#ifndef IPC_MESSAGE_TYPES_H
#define IPC_MESSAGE_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "admin/verbs.h"
#include "tls/tls_cert_facts.h"
#include "tls/tls_secret.h"
#include "tls/tls_signer.h"

enum {
    MESSAGE_BYTES_MAX = 16 << 10, /* header and payload */
    MESSAGE_FDS_MAX = 2,
};

/* Has as many bytes as the highest number plus one. */
union message_numbers {
#define MESSAGE(word, number, ...) char word[(number) + 1];
#include "ipc/message_types.inc"
#undef MESSAGE
};

enum message_type {
#define MESSAGE(word, number, ...) MESSAGE_##word = (number),
#include "ipc/message_types.inc"
#undef MESSAGE
    MESSAGE_TYPE_COUNT = sizeof(union message_numbers),
};

/* The most that stands behind a fixed part. */
enum {
    MESSAGE_KEY_MAX = 511,     /* of a listening socket: ADDRESS_TEXT_SIZE */
    MESSAGE_PATH_MAX = 107,    /* sockaddr_un's */
    MESSAGE_SERVICE_MAX = 49,  /* config/config_line.h's */
    MESSAGE_HOST_MAX = 253,
    MESSAGE_FAULT_MAX = 4096,
    MESSAGE_CERT_TEXT_MAX = sizeof(struct tls_cert_facts),
    MESSAGE_REPLY_MAX = 8192,  /* longer ones go in several messages */
    MESSAGE_SOCKETS_MAX = 256, /* of one address */
};

struct message_header {
    uint32_t type;
    uint32_t length; /* of the payload; the packet ends with it */
};

struct message_generation {
    uint64_t generation;
};

/* The text behind it: the address as text, NUL,
 * and the absolute path to remove at the end (empty: none), NUL.  See
 * message_socket_path(). */
struct message_socket {
    uint64_t id;      /* the same socket has the same id all its life */
    uint64_t device;  /* of the path */
    uint64_t inode;
    uint32_t index;   /* among the sockets of its address */
    uint32_t service; /* index in the configuration */
    uint16_t tls;     /* 0 or 1 */
    uint16_t endpoint; /* of those that the service listens at */
    uint32_t serve;   /* 0: close it once its queue is empty */
};

enum message_inbox_state {
    INBOX_GONE, /* the worker has ended, the descriptor is its end: read what is
                   left of it, and close both */
    INBOX_OPEN, /* the descriptor leads to it, both ways */
    INBOX_LEFT, /* what a worker that has ended has not read is in it */
    INBOX_STATE_COUNT,
};

struct message_handover {
    uint32_t slot;  /* of the other worker, on the scoreboard */
    uint32_t state; /* enum message_inbox_state */
};

struct message_log {
    uint32_t dress;  /* enum log_dress */
    uint32_t format; /* enum log_format */
    uint32_t level;  /* enum log_level */
    uint32_t reserved;
};

struct message_tickets {
    struct tls_ticket_secrets secrets;
};

/* The text behind it: a service's name, or empty for all. */
#define MESSAGE_NO_LIMIT UINT64_MAX
struct message_drain {
    uint64_t timeout_ms; /* then end what is left; MESSAGE_NO_LIMIT: never */
    uint64_t generation; /* that others serve: MESSAGE_COMMITTED says that nobody
                          * is accepted any more; 0: nobody waits for that */
};

struct message_kin {
    int32_t pid;
    uint32_t reserved;
    uint64_t started; /* as proc_pid_stat(5) has it; 0: not known */
};

struct message_stop {
    uint64_t timeout_ms;
};

enum reply_code {
    REPLY_DONE,
    REPLY_FAILED,
    REPLY_AGAIN, /* the successor answers that, at the same socket */
    REPLY_CODE_COUNT,
};

/* The text behind it is for the user; `more`: another reply follows. */
struct message_reply {
    uint32_t request;
    uint32_t code; /* enum reply_code, with the last reply */
    uint32_t more;
    uint32_t reserved;
};

/* Of a trial. */
enum message_verdict_ok {
    VERDICT_FAULTY, /* the configuration has to be corrected */
    VERDICT_GOOD,
    VERDICT_UNABLE, /* a later try may do: an address is in use, the DNS is
                     * silent */
    VERDICT_COUNT,
};

struct message_verdict {
    uint64_t generation;
    uint32_t ok; /* of a trial, enum message_verdict_ok; else 0 or 1 */
    uint32_t given_up; /* not `ok`: another order came before it was done */
};

/* The text behind it, with a newline between each two of them: subject, issuer,
 * serial, key and names. */
enum { MESSAGE_CERT_LINES = 5 };

struct message_cert {
    int64_t begins;   /* struct tls_cert_facts */
    int64_t until;
    uint32_t kind;
    uint32_t chain;
    uint32_t service; /* index in the configuration */
    uint32_t accepts; /* 1: of the listen leg; 0: of the connect leg */
    unsigned char fingerprint[TLS_FINGERPRINT_BYTES];
};

/* The text behind it: the argument of the verb, if it has one. */
struct message_request {
    uint32_t request; /* the answer has the same number */
    uint32_t verb;    /* enum verb: one that the master answers */
    int32_t pid;      /* of the process that asks; 0: not known */
    uint32_t json;    /* 1: the answer is to be JSON */
};

struct message_resolve {
    uint32_t query;
    uint32_t reserved;
};

struct message_resolved {
    uint32_t query;
    uint32_t result; /* enum resolver_result */
    uint32_t ttl_ms; /* 0: an old answer */
    uint32_t count;  /* of struct address behind it; 0 unless found */
};

/* Behind it is what is to be signed. */
struct message_sign {
    uint32_t number; /* the answer has the same */
    uint32_t length;
    uint32_t scheme; /* enum tls_sign_scheme */
    uint32_t digest; /* enum tls_sign_digest */
    struct tls_key_id key;
};

/* Behind it is the signature. */
struct message_signed {
    uint32_t number;
    uint32_t length; /* 0: refused */
};

/* A message that was agreed to.  `payload` is borrowed from the packet, and
 * aligned for every payload; `text` is what stands behind the fixed part. */
struct message {
    enum message_type type;
    const void *payload;
    const char *text;
    size_t text_length; /* without the NUL that always follows */
    size_t fd_count;
};

#endif
