#include "config/config_options.h"

#include <assert.h>
#include <string.h>

#include "config/config_fields.h"

/* Words are stored through an unsigned, whatever the enum. */
static_assert(sizeof(enum verify_mode) == sizeof(unsigned), "enum size");

static const struct option_word level_words[] = {
    { "error", LOG_LEVEL_ERROR }, { "warn", LOG_LEVEL_WARN },
    { "info", LOG_LEVEL_INFO }, { "debug", LOG_LEVEL_DEBUG }, { NULL, 0 },
};

static const struct option_word format_words[] = {
    { "text", LOG_TEXT }, { "json", LOG_JSON }, { NULL, 0 },
};

static const struct option_word truncation_words[] = {
    { "mirror", TRUNCATION_MIRROR }, { "tolerate", TRUNCATION_TOLERATE },
    { NULL, 0 },
};

static const struct option_word splice_words[] = {
    { "auto", SPLICE_AUTO }, { "never", SPLICE_NEVER }, { NULL, 0 },
};

static const struct option_word connections_words[] = {
    { "all", LOG_CONNECTIONS_ALL }, { "failed", LOG_CONNECTIONS_FAILED },
    { "none", LOG_CONNECTIONS_NONE }, { NULL, 0 },
};

static const struct option_word noise_words[] = {
    { "all", HANDSHAKE_NOISE_ALL }, { "summary", HANDSHAKE_NOISE_SUMMARY },
    { NULL, 0 },
};

static const struct option_word keeper_words[] = {
    { "on", KEEPER_ON }, { "off", KEEPER_OFF }, { NULL, 0 },
};

static const struct option_word sandbox_words[] = {
    { "on", SANDBOX_ON }, { "kill", SANDBOX_KILL }, { "off", SANDBOX_OFF },
    { NULL, 0 },
};

static const struct option_word version_words[] = {
    { "1.2", TLS_VERSION_1_2 }, { "1.3", TLS_VERSION_1_3 }, { NULL, 0 },
};

static const struct option_word listen_verify_words[] = {
    { "none", VERIFY_NONE }, { "optional", VERIFY_OPTIONAL },
    { "required", VERIFY_REQUIRED }, { NULL, 0 },
};

static const struct option_word connect_verify_words[] = {
    { "none", VERIFY_NONE }, { "required", VERIFY_REQUIRED }, { NULL, 0 },
};

static const struct option_word unknown_name_words[] = {
    { "default", UNKNOWN_NAME_DEFAULT }, { "refuse", UNKNOWN_NAME_REFUSE },
    { NULL, 0 },
};

static const struct option_word purpose_words[] = {
    { "strict", PURPOSE_STRICT }, { "any", PURPOSE_ANY }, { NULL, 0 },
};

static const struct option options[] = {
#define FIELD(f) offsetof(struct global_config, f)
    { .name = "log", .scope = OPTION_GLOBAL, .type = OPTION_LOG,
      .flags = OPTION_RELOADS, .offset = FIELD(log_target), .value = "stderr",
      .help = "Where the log goes: stderr, file:PATH, syslog or journal.",
      .details = "Under systemd stderr is the journal, with levels. A file "
          "is opened anew on SIGUSR1, for log rotation; a new one has mode "
          "0640 and the group adm, if there is one that may be named." },
    { .name = "log_level", .scope = OPTION_GLOBAL, .type = OPTION_WORD,
      .flags = OPTION_RELOADS, .offset = FIELD(log_level), .value = "info",
      .words = level_words, .help = "The least important line to log.",
      .details = "At info every connection leaves one line, when it ends; "
          "debug adds each step on its way." },
    { .name = "log_format", .scope = OPTION_GLOBAL, .type = OPTION_WORD,
      .flags = OPTION_RELOADS, .offset = FIELD(log_format), .value = "text",
      .words = format_words,
      .help = "Lines of key=value text, or of JSON." },
    { .name = "max_connections", .scope = OPTION_GLOBAL,
      .type = OPTION_NUMBER, .flags = OPTION_RELOADS,
      .offset = FIELD(max_connections), .value = "8000", .min = 1,
      .max = 10000000,
      .help = "How many connections are relayed at once, in all services.",
      .details = "At the limit, new clients wait in the kernel's queue until "
          "a connection ends. Each connection takes two descriptors: the "
          "limit on open files is raised at start to what this needs, and "
          "the start is refused where the system does not allow it." },
    { .name = "drain_timeout", .scope = OPTION_GLOBAL, .type = OPTION_MSEC,
      .flags = OPTION_RELOADS, .offset = FIELD(drain_timeout_ms),
      .value = "30s", .zero = "0s", .min = 1, .max = DAYS(30),
      .help = "How long connections may go on after a stop was asked for.",
      .details = "On SIGTERM or SIGINT no client is accepted any more; "
          "connections that live on past this time are ended, with 0s at "
          "once. A second signal, half a second later or more, ends them at "
          "once, too. The same time bounds "
          "how long the last bytes of a connection that ended badly are "
          "waited for. An upgrade ends no connection." },
    { .name = "upgrade_timeout", .scope = OPTION_GLOBAL,
      .type = OPTION_MSEC, .flags = OPTION_RELOADS,
      .offset = FIELD(upgrade_timeout_ms), .value = "90s",
      .min = SECONDS(1), .max = MINUTES(10),
      .help = "How long a new program may take until it serves.",
      .details = "On sallyport upgrade or SIGUSR2. One that takes longer is "
          "killed, and the one that runs goes on. The command itself waits "
          "for two minutes." },
    { .name = "workers", .scope = OPTION_GLOBAL, .type = OPTION_NUMBER,
      .flags = OPTION_RELOADS, .offset = FIELD(workers), .value = "auto",
      .zero = "auto", .min = 1, .max = WORKERS_MAX,
      .help = "How many processes carry the connections.",
      .details = "auto is one for each CPU that this process may use. All "
          "limits hold for all of them together. A worker that is one too "
          "many after a reload ends when its last connection has." },
    { .name = "user", .scope = OPTION_GLOBAL, .type = OPTION_ACCOUNT,
      .offset = FIELD(user),
      .help = "The account that all processes but the first run as.",
      .details = "Only where the first is started as root; otherwise all run "
          "as whoever started it. Without this option it is the account "
          "sallyport, or nobody where there is no such account. These "
          "processes need no right to any file, but for unix sockets that "
          "they connect to." },
    { .name = "group", .scope = OPTION_GLOBAL, .type = OPTION_ACCOUNT,
      .offset = FIELD(group),
      .help = "The group of those processes; without it, the user's own." },
    { .name = "keeper", .scope = OPTION_GLOBAL, .type = OPTION_WORD,
      .offset = FIELD(keeper), .value = "on", .words = keeper_words,
      .help = "Whether private keys are held by a process of their own.",
      .details = "Then workers have none of them, and ask the keeper for "
          "signatures. off saves that way, and each worker holds all keys. "
          "Cipher suites that have the server decrypt with its key (RSA key "
          "exchange, TLS 1.2) need off. A client certificate with an Ed25519 "
          "or Ed448 key signs with TLS 1.2 all that was said in the "
          "handshake; the keeper is sent 12 KiB of that at most, and longer "
          "handshakes fail." },
    { .name = "keeper_user", .scope = OPTION_GLOBAL, .type = OPTION_ACCOUNT,
      .offset = FIELD(keeper_user),
      .help = "The account that the keeper runs as; without it, as user.",
      .details = "Only where the daemon is started as root." },
    { .name = "sandbox", .scope = OPTION_GLOBAL, .type = OPTION_WORD,
      .offset = FIELD(sandbox), .value = "on", .words = sandbox_words,
      .help = "Whether each process is confined to what its duty takes.",
      .details = "By a filter of system calls (seccomp(2)), Landlock and "
          "resource limits. A call that is not in the filter fails; with "
          "kill it ends the process, which is for tests. What the kernel "
          "cannot enforce is logged at start." },
    { .name = "control", .scope = OPTION_GLOBAL, .type = OPTION_CONTROL,
      .flags = OPTION_FILE_ONLY, .offset = FIELD(control), .value = "auto",
      .help = "The unix socket that status, reload and their like speak to.",
      .details = "auto is a path that follows from the name of the "
          "configuration file, in /run/sallyport, or for other users than "
          "root, unless systemd gives them that one as their "
          "RuntimeDirectory=, in the folder that XDG_RUNTIME_DIR names. Only "
          "root and the user whom the daemon runs as may use it." },
    { .name = "watch", .scope = OPTION_GLOBAL, .type = OPTION_BOOL,
      .flags = OPTION_RELOADS, .offset = FIELD(watch), .value = "yes",
      .help = "Whether certificates that change on disk are taken over.",
      .details = "The files that services name are looked at every two "
          "seconds: certificates, keys, CAs, CRLs. What has changed is tried "
          "first; what is no good is reported, and the old stays in force. "
          "The configuration itself is read anew on SIGHUP only." },
    { .name = "strict_names", .scope = OPTION_GLOBAL, .type = OPTION_BOOL,
      .flags = OPTION_RELOADS, .offset = FIELD(strict_names), .value = "no",
      .help = "Whether a server's name that does not exist is an error.",
      .details = "At a start, a reload and an upgrade every name is looked up "
          "once. One that neither /etc/hosts nor the DNS knows is warned of, "
          "and the clients of its service are refused (resolve-failed) until "
          "the name is there; with yes the start, reload or upgrade is "
          "refused instead. A DNS that does not answer is only warned of. A "
          "name in listen must exist in any case." },
    { .name = "ticket_secret", .scope = OPTION_GLOBAL, .type = OPTION_PATH,
      .flags = OPTION_RELOADS, .offset = FIELD(ticket_secret),
      .help = "File with the secret of session tickets, for several machines.",
      .details = "A line of 32 bytes or more, as openssl rand -base64 48 "
          "makes it. Daemons with the same file resume each other's "
          "sessions, if service and policy are the same. A second line "
          "opens tickets as well: to change the secret, write the new line "
          "first and the old one second on all machines, and remove the old "
          "one two hours later. Changes are taken over as those of "
          "certificates are. Without a file the daemon makes a secret at "
          "its start, which an upgrade hands on." },
    { .name = "include", .scope = OPTION_GLOBAL, .type = OPTION_PATTERNS,
      .flags = OPTION_LIST | OPTION_RELOADS | OPTION_FILE_ONLY,
      .offset = FIELD(include),
      .help = "More files with services, such as services/*.ini.",
      .details = "A glob(7) pattern, relative to the directory of this file; "
          "files are read in the order of their names. They may hold "
          "[service NAME] sections only. A pattern that matches nothing is "
          "fine, a plain name must exist." },
#undef FIELD

#define FIELD(f) offsetof(struct service_config, f)
    { .name = "listen", .scope = OPTION_SERVICE, .type = OPTION_LISTEN,
      .flags = OPTION_LIST | OPTION_REQUIRED | OPTION_OWN | OPTION_OF_LISTEN
          | OPTION_RELOADS,
      .offset = FIELD(listen), .help = "Where clients connect to.",
      .details = "HOST:PORT or tcp://HOST:PORT for plain TCP, "
          "tls://HOST:PORT for TLS, unix:PATH or unix:@NAME (the abstract "
          "namespace) for a unix socket, tls+unix:PATH for TLS on one. An "
          "IPv6 address stands in brackets; *:PORT is any address, of both "
          "families, [::]:PORT any IPv6 address and no IPv4 one. Where one "
          "service has *:443 and another one 192.0.2.1:443, clients of that "
          "address are the latter's. systemd:NAME and tls+systemd:NAME are the "
          "sockets that systemd passes under the FileDescriptorName= NAME. "
          "Repeat it to listen in several places." },
    { .name = "connect", .scope = OPTION_SERVICE, .type = OPTION_CONNECT,
      .flags = OPTION_LIST | OPTION_REQUIRED | OPTION_OWN | OPTION_OF_CONNECT
          | OPTION_RELOADS,
      .offset = FIELD(connect), .help = "Where the server is.",
      .details = "Written as for listen, but nothing that systemd passes. "
          "Repeat it to name several servers: they are tried in this order, "
          "until one is reached and, on TLS, is who it should be." },
    { .name = "max_connections", .scope = OPTION_SERVICE,
      .type = OPTION_NUMBER, .flags = OPTION_RELOADS,
      .offset = FIELD(max_connections), .value = "shared",
      .zero = "shared", .min = 1, .max = 10000000,
      .help = "How many connections of this service are relayed at once.",
      .details = "The limit in [global] holds as well. With shared, a service "
          "beside others leaves an eighth of that limit to them, so that a "
          "server which hangs cannot fill the daemon for all; a service that "
          "is alone may take it whole." },
    { .name = "timeout.connect", .scope = OPTION_SERVICE,
      .type = OPTION_MSEC, .flags = OPTION_RELOADS,
      .offset = FIELD(connect_timeout_ms), .value = "5s", .min = 1,
      .max = MINUTES(10),
      .help = "How long a server may take to accept a connection.",
      .details = "Each server has this time: to look up its name takes "
          "from it, and its addresses share what is left. They are tried in "
          "turns of IPv6 and IPv4, the next one 250 ms after the one before it "
          "or as soon as that has failed." },
    { .name = "timeout.handshake", .scope = OPTION_SERVICE,
      .type = OPTION_MSEC, .flags = OPTION_RELOADS,
      .offset = FIELD(handshake_timeout_ms), .value = "10s", .min = 1,
      .max = MINUTES(10),
      .help = "How long a TLS handshake may take, on either leg.",
      .details = "A client that connects and says nothing is gone after it." },
    { .name = "timeout.sniff", .scope = OPTION_SERVICE, .type = OPTION_MSEC,
      .flags = OPTION_RELOADS, .offset = FIELD(sniff_timeout_ms),
      .value = "2s", .min = 1, .max = MINUTES(10),
      .help = "How long a silent client is waited for, before listen.match.",
      .details = "Only where services share an address, and a match looks at "
          "what clients say. A client that says nothing until then expects "
          "the server to speak first (SMTP, some SSH clients): it goes to the "
          "service without listen.match, or to one whose match has from: and "
          "no other word. Of services at one address the longest time "
          "counts." },
    { .name = "timeout.idle", .scope = OPTION_SERVICE, .type = OPTION_MSEC,
      .flags = OPTION_RELOADS, .offset = FIELD(idle_timeout_ms),
      .value = "off", .zero = "off", .min = SECONDS(1), .max = DAYS(365),
      .help = "How long a connection may move no byte in either direction.",
      .details = "Bytes of payload count, not what TLS says of its own. "
          "Off, because tunnels carry sessions (databases, shells, message "
          "queues) that are silent for days and healthy: dead peers are "
          "found by keepalive instead. Set it where clients that are alive "
          "but useless are the greater harm, as on a public web server." },
    { .name = "timeout.half_close", .scope = OPTION_SERVICE,
      .type = OPTION_MSEC, .flags = OPTION_RELOADS,
      .offset = FIELD(half_close_timeout_ms), .value = "1h", .zero = "off",
      .min = SECONDS(1), .max = DAYS(365),
      .help = "How long one direction may be silent after the other ended.",
      .details = "An hour, because an answer may be computed for long after "
          "the question has ended, while a peer that only forgot to close "
          "should not hold its connection for ever. Clients that sent, closed "
          "and left wait as long for a server that hangs: lower it where "
          "answers come at once." },
    { .name = "timeout.lifetime", .scope = OPTION_SERVICE,
      .type = OPTION_MSEC, .flags = OPTION_RELOADS,
      .offset = FIELD(lifetime_ms), .value = "off", .zero = "off",
      .min = SECONDS(1), .max = DAYS(3650),
      .help = "How long a connection may last, busy or not.",
      .details = "Off, because cutting a session that works helps nobody; "
          "set it where policy wants peers to authenticate anew." },
    { .name = "truncation", .scope = OPTION_SERVICE, .type = OPTION_WORD,
      .flags = OPTION_RELOADS, .offset = FIELD(truncation),
      .value = "mirror", .words = truncation_words,
      .help = "What to make of TLS that ends without close_notify.",
      .details = "mirror passes it on as an abort where the bytes may have "
          "been cut short by an attacker, as the far side must learn, and as "
          "an end where they cannot: the other side has spoken last, or has "
          "ended. tolerate takes it for a clean end always, for peers that "
          "say something, never close_notify, and close." },
    { .name = "splice", .scope = OPTION_SERVICE, .type = OPTION_WORD,
      .flags = OPTION_RELOADS, .offset = FIELD(splice), .value = "auto",
      .words = splice_words,
      .help = "Whether bulk between two plain legs stays in the kernel.",
      .details = "auto uses splice(2) once the traffic proves bulk; never "
          "always copies." },
    { .name = "log_connections", .scope = OPTION_SERVICE,
      .type = OPTION_WORD, .flags = OPTION_RELOADS,
      .offset = FIELD(log_connections), .value = "all",
      .words = connections_words,
      .help = "Which connections leave a line in the log when they end.",
      .details = "failed leaves out those that ended with client-closed or "
          "server-closed, none leaves out all, and status counts all the "
          "same. For services where health checks, or very many short "
          "connections, drown what matters; what is left out cannot be "
          "looked up later. Warnings and errors are always logged." },
    { .name = "strict_certs", .scope = OPTION_SERVICE, .type = OPTION_BOOL,
      .flags = OPTION_RELOADS, .offset = FIELD(strict_certs), .value = "no",
      .help = "Whether one bad file among many certificates is an error.",
      .details = "Of the files that listen.cert or connect.cert finds in a "
          "directory or by a pattern one that cannot be used is left out, and "
          "named in the log, by check and in status, unless this is yes. A "
          "file that a line names by itself has to be good in any case." },
    { .name = "log_handshake_noise", .scope = OPTION_SERVICE,
      .type = OPTION_WORD, .flags = OPTION_RELOADS,
      .offset = FIELD(log_handshake_noise), .value = "all",
      .words = noise_words,
      .help = "Whether each client that begins no session of TLS has a line.",
      .details = "With summary those that close at once, speak something "
          "else, or share no version, cipher or name with the service (port "
          "scans, health checks, crawlers) have one line a minute and "
          "worker, and one more that counts the others by cause. A client "
          "whose certificate is refused always has its line." },
#undef FIELD

#define NAME(n) "listen." n
#define FIELD(f) offsetof(struct service_config, listen_leg.f)
#define LEG OPTION_OF_LISTEN
#define CERT_HELP "PEM file, directory or pattern: the server's certificates."
#define CERT_DETAILS \
    "The certificate comes first, then the intermediates; the private key " \
    "may be in the same file. A TLS listener needs it. Repeat it for several " \
    "names, and for RSA and ECDSA side by side: a client gets the one that has " \
    "the name it asks for, exactly or else by a wildcard, that it can verify, " \
    "and that is in date. The first one is the default. Of a directory it is " \
    "tls.crt with tls.key, or fullchain.pem with privkey.pem, if there are such, " \
    "else every file that ends with .pem, .crt or .cer, with the key in it or " \
    "beside it in NAME.key. With tls.crt a ca.crt beside it is listen.ca if " \
    "clients are verified and listen.ca is not said. A pattern is one of " \
    "glob(7), such as /etc/sites/*.pem or /etc/letsencrypt/live/*/."
#define VERIFY_VALUE "none"
#define VERIFY_WORDS listen_verify_words
#define VERIFY_HELP "Whether clients must show a certificate."
#define VERIFY_DETAILS \
    "optional lets clients without one in, but refuses a bad one. Both it " \
    "and required need listen.ca."
#define CA_VALUE NULL
#define PURPOSE_HELP "What a client's certificate must be meant for."
#define PURPOSE_DETAILS \
    "With strict its extended key usage, and that of its issuers, must have " \
    "TLS clients in it, where it is there (RFC 5280 4.2.1.12). any takes " \
    "certificates for servers too: public CAs have issued none for clients " \
    "since 2026."
#define ALPN_DETAILS \
    "The first of these that the client offers is chosen; a client that " \
    "offers none of them is refused, one that does not use ALPN is not. " \
    "Repeat it, or separate names by commas."
#define TICKETS_DETAILS \
    "Clients get a ticket with which they resume; no state is kept here."
#include "config/config_leg_options.inc"
#undef NAME
#undef FIELD
#undef LEG
#undef CERT_HELP
#undef CERT_DETAILS
#undef VERIFY_VALUE
#undef VERIFY_WORDS
#undef VERIFY_HELP
#undef VERIFY_DETAILS
#undef CA_VALUE
#undef PURPOSE_HELP
#undef PURPOSE_DETAILS
#undef ALPN_DETAILS
#undef TICKETS_DETAILS

#define FIELD(f) offsetof(struct service_config, listen_leg.f)
    { .name = "listen.match", .scope = OPTION_SERVICE, .type = OPTION_MATCH,
      .flags = OPTION_OF_LISTEN | OPTION_LIST | OPTION_OWN | OPTION_RELOADS,
      .offset = FIELD(match),
      .help = "Which clients of a shared address are this service's.",
      .details = "Several services may listen at one address, written alike, "
          "if their matches tell them apart; the one without a match takes "
          "what no other one does. sni:NAME is the name that a TLS client "
          "asks for, sni:*.NAME has one label in front of it, sni:- is none; "
          "alpn:NAME a protocol that it offers; proto:NAME what it speaks "
          "(tls, http, ssh, postgresql, rdp, proxy, or other for none of "
          "these); from:ADDRESS/BITS where it comes from. Of the words of a "
          "line all must hold, of several lines any. Where several services "
          "match, the more specific line wins: an exact name, a wildcard, "
          "more words, a narrower network. Two that would tie are an error. A "
          "tls:// endpoint ends TLS, a tcp:// endpoint passes on what the "
          "client says as it is. Where there is no service for a client, "
          "TLS is refused with the alert unrecognized_name, and anything else "
          "is closed." },
    { .name = "listen.unknown_name", .scope = OPTION_SERVICE,
      .type = OPTION_WORD,
      .flags = OPTION_OF_LISTEN | OPTION_TLS | OPTION_RELOADS,
      .offset = FIELD(unknown_name), .value = "default",
      .words = unknown_name_words,
      .help = "What a client gets that asks for a name no certificate has.",
      .details = "default shows the first certificate, refuse ends the "
          "handshake with the alert unrecognized_name. A client that asks for "
          "no name gets the first certificate in either case." },
    { .name = "listen.backlog", .scope = OPTION_SERVICE,
      .type = OPTION_NUMBER, .flags = OPTION_OF_LISTEN,
      .offset = FIELD(backlog), .value = "4096", .min = 1, .max = 65535,
      .help = "How many clients may wait in the kernel to be accepted.",
      .details = "The default is what Linux allows at most unless "
          "net.core.somaxconn is raised; a larger number is cut to that in "
          "silence. See listen(2)." },
    { .name = "listen.freebind", .scope = OPTION_SERVICE, .type = OPTION_BOOL,
      .flags = OPTION_OF_LISTEN | OPTION_INET | OPTION_RELOADS,
      .offset = FIELD(freebind), .value = "no",
      .help = "Whether an address is bound that no interface has yet.",
      .details = "For an address that moves between machines (keepalived), or "
          "that the network brings up after the start: IP_FREEBIND of ip(7). "
          "A misspelt address goes unnoticed with it." },
    { .name = "listen.mode", .scope = OPTION_SERVICE, .type = OPTION_MODE,
      .flags = OPTION_OF_LISTEN | OPTION_UNIX, .offset = FIELD(mode),
      .value = "0660",
      .help = "Permissions of the unix socket's path, in octal.",
      .details = "Connecting takes write permission. The default lets the "
          "owner and the group in." },
    { .name = "listen.owner", .scope = OPTION_SERVICE, .type = OPTION_OWNER,
      .flags = OPTION_OF_LISTEN | OPTION_UNIX, .offset = FIELD(owner),
      .help = "USER or USER:GROUP that the unix socket's path belongs to.",
      .details = "Unset: whom the daemon runs as. Another user takes root." },
    { .name = "listen.group", .scope = OPTION_SERVICE, .type = OPTION_ACCOUNT,
      .flags = OPTION_OF_LISTEN | OPTION_UNIX, .offset = FIELD(group),
      .help = "The group that the unix socket's path belongs to.",
      .details = "Its members may connect, with the default mode. Unset: the "
          "group of listen.owner, or else the daemon's own, whose members "
          "may read its keys too. Without root the daemon's user must be a "
          "member of the group (usermod -aG GROUP sallyport, and a "
          "restart)." },
#undef FIELD

#define NAME(n) "connect." n
#define FIELD(f) offsetof(struct service_config, connect_leg.f)
#define LEG OPTION_OF_CONNECT
#define CERT_HELP "PEM file with a client certificate to show to the server."
#define CERT_DETAILS \
    "The certificate comes first, then the intermediates; the private key " \
    "may be in the same file. Unset: none is shown. Repeat it to have RSA " \
    "and ECDSA side by side, or certificates of several CAs: a server that " \
    "says whose it takes is then shown one of these, or none; any other one " \
    "is shown the first. A TLS 1.3 server may ask for it after the " \
    "handshake too; renegotiation, with which older servers do that, is " \
    "refused."
#define VERIFY_VALUE "required"
#define VERIFY_WORDS connect_verify_words
#define VERIFY_HELP "Whether the server's certificate is verified."
#define VERIFY_DETAILS \
    "Its chain against connect.ca, and its name against the host of the " \
    "endpoint or connect.name. none leaves the connection open to anybody " \
    "in between, unless connect.pin names the server's key; every start " \
    "warns of it."
#define CA_VALUE "system"
#define PURPOSE_HELP "What the server's certificate must be meant for."
#define PURPOSE_DETAILS \
    "With strict its extended key usage, and that of its issuers, must have " \
    "TLS servers in it, where it is there (RFC 5280 4.2.1.12); with any it " \
    "does not matter."
#define ALPN_DETAILS \
    "They are offered to the server in this order. Repeat it, or separate " \
    "names by commas. The word client alone offers the one that was agreed " \
    "with the client (listen.alpn), or none where there was none."
#define TICKETS_DETAILS \
    "The server's last session is kept and offered again."
#include "config/config_leg_options.inc"
    { .name = "connect.name", .scope = OPTION_SERVICE, .type = OPTION_HOST,
      .flags = OPTION_OF_CONNECT | OPTION_TLS | OPTION_RELOADS,
      .offset = FIELD(name),
      .help = "The name or address that the server's certificate must have.",
      .details = "Unset: the host of the endpoint. It is what is sent as SNI "
          "as well, unless connect.sni says otherwise. A server behind a "
          "unix socket has no host: there it must be said." },
    { .name = "connect.sni", .scope = OPTION_SERVICE, .type = OPTION_SNI,
      .flags = OPTION_OF_CONNECT | OPTION_TLS | OPTION_RELOADS,
      .offset = FIELD(sni),
      .help = "The server name that the handshake carries (SNI), client or none.",
      .details = "Unset: connect.name or the host of the endpoint, if it is "
          "a name. An address is never sent. client passes on the name that "
          "the client asked for with TLS, and the server's certificate must "
          "have that name, unless connect.name says another one. Of a client "
          "that asked for none, or for what is no host name, none is sent, "
          "and the certificate must have connect.name or the host of the "
          "endpoint." },
    { .name = "connect.pin", .scope = OPTION_SERVICE, .type = OPTION_PINS,
      .flags = OPTION_OF_CONNECT | OPTION_TLS | OPTION_LIST | OPTION_RELOADS,
      .offset = FIELD(pins),
      .help = "The server's public key by its digest; repeat it for backups.",
      .details = "sha256/DIGEST, the base64 of the SHA-256 of the key "
          "(SubjectPublicKeyInfo, RFC 7469). The certificate that the server "
          "shows must have one of the keys named. With connect.verify = "
          "required its chain and name must hold as well; with none the key "
          "alone decides, whatever the certificate says of names, dates and "
          "issuers, so that a self-signed one will do. Name the key that comes "
          "next, too, before the server changes." },
};

size_t
config_option_count(void)
{
    return COUNT(options);
}

const struct option *
config_option_at(size_t index)
{
    assert(index < COUNT(options));
    return &options[index];
}

size_t
config_option_index(const struct option *option)
{
    return (size_t)(option - options);
}

const struct option *
config_option_find(enum option_scope scope, const char *name)
{
    for (size_t i = 0; i < COUNT(options); i++) {
        if (options[i].scope == scope && strcmp(options[i].name, name) == 0)
            return &options[i];
    }
    return NULL;
}

const struct origin *
config_option_origin(const struct origin *origins, enum option_scope scope,
    const char *name)
{
    const struct option *option = config_option_find(scope, name);
    const struct origin *origin;

    if (origins == NULL || option == NULL)
        return NULL;
    origin = &origins[config_option_index(option)];
    return origin->file != NULL ? origin : NULL;
}

const char *
config_option_leg_name(const struct option *option)
{
    const char *dot = strchr(option->name, '.');
    bool leg = (option->flags & (OPTION_OF_LISTEN | OPTION_OF_CONNECT)) != 0;

    return leg && dot != NULL ? dot + 1 : option->name;
}
