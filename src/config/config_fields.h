/*
 * What the options set: plain data, a field for each row of config_options.c.
 */
#ifndef CONFIG_CONFIG_FIELDS_H
#define CONFIG_CONFIG_FIELDS_H

#include <sys/socket.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/log.h"
#include "base/strings.h"

/* Where a value was written.  `file` is owned by the configuration; it is
 * "command line" for options given there (line 0), NULL for a default. */
struct origin {
    const char *file;
    unsigned line;
    bool shared;    /* in [defaults], rather than in the service itself */
    unsigned number; /* of the file, as they were read, from 1 */
};

/* What a client may be told by, of which there is at most one each. */
enum match_name {
    MATCH_NAME_ANY,   /* not said */
    MATCH_NAME_NONE,  /* sni:-, a TLS client that sends no name */
    MATCH_NAME_UNDER, /* sni:*.NAME, one label in front of it */
    MATCH_NAME_IS,    /* sni:NAME */
};

enum match_protocol {
    MATCH_PROTOCOL_ANY, /* not said; of a client: it has said nothing */
    MATCH_PROTOCOL_TLS,
    MATCH_PROTOCOL_HTTP,
    MATCH_PROTOCOL_SSH,
    MATCH_PROTOCOL_POSTGRESQL,
    MATCH_PROTOCOL_RDP,
    MATCH_PROTOCOL_PROXY,
    MATCH_PROTOCOL_OTHER, /* none of these */
    MATCH_PROTOCOL_COUNT,
};

struct match_net {
    sa_family_t family; /* AF_UNSPEC: not said */
    uint8_t bits;
    uint8_t bytes[16];  /* 4 of them for AF_INET; zero behind the bits */
};

/* One line of listen.match: all of it must hold. */
struct match_rule {
    enum match_name kind;
    char *name; /* lower case, of MATCH_NAME_UNDER what is behind "*."; or NULL */
    char *alpn; /* NULL: not said */
    enum match_protocol protocol;
    struct match_net from;
    unsigned words;
    char *text; /* as written */
    struct origin origin;
};

/* Any of them must hold; none: all clients that no other service takes. */
struct match_rules {
    struct match_rule *items;
    size_t count;
    bool faulty; /* a line was refused */
};

struct option;

/* Where one of the values of an option was written (config_values.h). */
struct value_origin {
    const struct option *option;
    char *text;
    struct origin origin;
};

enum endpoint_kind { ENDPOINT_INET, ENDPOINT_UNIX, ENDPOINT_SYSTEMD };

struct endpoint {
    enum endpoint_kind kind;
    bool tls;
    char *host;     /* INET: name (lower case) or number, without brackets;
                       NULL: any address of both families */
    uint16_t port;
    char *path;     /* UNIX: '@' first for the abstract namespace;
                       SYSTEMD: the name that the socket is passed under */
    char *place;    /* UNIX: the path without links on the way to it, however it
                       is written; NULL: the path */
    char *text;     /* as written */
    struct origin origin;
    uint32_t group; /* of a listen endpoint, the number plus one of its group
                       (config_share.h); 0: its service is alone there, and
                       takes all clients */
};

/* A listen endpoint that shares its place with others. */
struct listen_member {
    uint32_t service;  /* its number in the configuration */
    uint32_t endpoint; /* and that of its listen endpoint */
};

/* Members are in the order of writing; the home is the one without a match, or else
 * the first: it has the socket, with its options. */
struct listen_group {
    struct listen_member *members;
    uint32_t count;
    uint32_t home;
};

struct endpoints {
    struct endpoint *items;
    size_t count;
};

/* More would wait for each other's caches rather than for work. */
enum { WORKERS_MAX = 64 };

enum verify_mode { VERIFY_NONE, VERIFY_OPTIONAL, VERIFY_REQUIRED };
enum unknown_name { UNKNOWN_NAME_DEFAULT, UNKNOWN_NAME_REFUSE };
enum purpose { PURPOSE_STRICT, PURPOSE_ANY };
enum truncation { TRUNCATION_MIRROR, TRUNCATION_TOLERATE };
enum splice_mode { SPLICE_AUTO, SPLICE_NEVER };
enum log_connections {
    LOG_CONNECTIONS_ALL,
    LOG_CONNECTIONS_FAILED,
    LOG_CONNECTIONS_NONE,
};
enum handshake_noise_log { HANDSHAKE_NOISE_ALL, HANDSHAKE_NOISE_SUMMARY };
enum keeper_mode { KEEPER_ON, KEEPER_OFF };
enum sandbox_mode { SANDBOX_ON, SANDBOX_KILL, SANDBOX_OFF };
enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };

/* What a word of `allow` is about. */
enum allow_kind {
    ALLOW_CN,     /* a common name of the subject */
    ALLOW_OU,     /* an organizational unit */
    ALLOW_DNS,    /* an alternative name, as are the next three */
    ALLOW_URI,
    ALLOW_EMAIL,
    ALLOW_IP,
    ALLOW_SPKI,   /* the public key */
    ALLOW_ISSUER, /* that of an issuer in the verified chain */
    ALLOW_KIND_COUNT
};

struct allow_word {
    enum allow_kind kind;
    char *value; /* behind the colon */
    struct match_net net; /* ALLOW_IP: the same, parsed */
};

/* One line: all of its words must be true. */
struct allow_rule {
    struct allow_word *words;
    size_t count;
    char *text; /* as written */
};

/* Any line must be true; none: every peer that is verified may. */
struct allow_rules {
    struct allow_rule *items;
    size_t count;
};

struct keepalive {
    bool on;
    unsigned idle_s;        /* TCP_KEEPIDLE; tcp(7) */
    unsigned interval_s;    /* TCP_KEEPINTVL */
    unsigned count;         /* TCP_KEEPCNT */
};

/* What may be said of each leg, with `listen.` or `connect.` in front. */
struct leg_config {
    /* TLS */
    struct strings cert;            /* PEM files: chain, perhaps with the key */
    struct strings key;             /* PEM files, one for each cert; empty: in
                                       the cert files */
    char *passphrase_file;          /* one a line */
    enum verify_mode verify;
    struct strings ca;              /* files, directories, or "system" */
    struct strings crl;             /* PEM files */
    struct allow_rules allow;       /* which verified peers may */
    struct strings allow_files;     /* the same, a line of allow on each line */
    enum purpose purpose;           /* what the peer's certificate is meant for */
    unsigned verify_depth;
    enum tls_version min_version;
    enum tls_version max_version;
    char *ciphers;                  /* TLS 1.2; NULL: the library's default */
    char *ciphersuites;             /* TLS 1.3 */
    char *groups;
    char *sigalgs;
    struct strings alpn;
    bool session_tickets;
    uint64_t session_lifetime_ms;   /* from the full handshake */

    /* Sockets */
    struct keepalive keepalive;
    uint64_t user_timeout_ms;       /* TCP_USER_TIMEOUT; 0: off */
    size_t receive_buffer_bytes;    /* 0: the kernel tunes it */
    size_t send_buffer_bytes;

    /* connect. only */
    char *name;                     /* to verify; NULL: the endpoint's host */
    char *sni;                      /* NULL: as `name`; "none": send none */
    struct strings pins;            /* one of them is the server's key */

    /* listen. only */
    unsigned backlog;
    bool freebind;                  /* addresses that are not there yet */
    mode_t mode;                    /* of a unix socket's path */
    char *owner;                    /* USER[:GROUP] of it; NULL: unchanged */
    char *group;                    /* of it; NULL: the owner's, or unchanged */
    enum unknown_name unknown_name; /* that no certificate has */
    struct match_rules match;       /* which clients, at an address that several
                                       services share */
};

struct config;

struct service_config {
    char *name;
    struct config *config;          /* that it is part of; NULL: made by hand */
    struct origin origin;           /* of the section's header */
    struct endpoints listen;
    struct endpoints connect;
    unsigned max_connections;       /* 0: shared, relay/limits.h */
    uint64_t connect_timeout_ms;
    uint64_t handshake_timeout_ms;
    uint64_t sniff_timeout_ms;
    uint64_t idle_timeout_ms;       /* 0: off, as for the next two */
    uint64_t half_close_timeout_ms;
    uint64_t lifetime_ms;
    enum truncation truncation;
    enum splice_mode splice;
    enum log_connections log_connections;
    bool strict_certs;              /* no file of a directory may be bad */
    enum handshake_noise_log log_handshake_noise;
    struct leg_config listen_leg;
    struct leg_config connect_leg;
    struct origin *origins;         /* one for each option of the table, by
                                       config_option_index() */
    struct value_origin *values;    /* of options that may have several */
    size_t value_count;
};

struct global_config {
    enum log_target log_target;
    char *log_path;                 /* LOG_FILE only */
    enum log_level log_level;
    enum log_format log_format;
    unsigned max_connections;
    uint64_t drain_timeout_ms;
    uint64_t upgrade_timeout_ms;
    unsigned workers;               /* 0: one for each CPU */
    char *user;                     /* NULL: the usual account */
    char *group;                    /* NULL: the user's own */
    enum keeper_mode keeper;
    char *keeper_user;              /* NULL: as the others */
    enum sandbox_mode sandbox;
    char *control;                  /* a path, "auto" or "none" */
    bool watch;
    bool strict_names;
    char *ticket_secret;            /* a path; NULL: the daemon makes one */
    struct strings include;
    struct origin *origins;
};

#endif
