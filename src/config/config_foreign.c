#include "config/config_foreign.h"

#include <stddef.h>
#include <strings.h>

#include "base/base.h"

#define IS(program, ours) \
    program, ours, "that is " program "'s word; write \"" ours "\""
#define EITHER(program, name) \
    program, "listen." name, "that is " program "'s word; write \"listen." \
    name "\" or \"connect." name "\""
#define NEEDLESS(program, why) \
    program, NULL, "that is " program "'s word; remove it: " why
#define TLS_HERE NULL, NULL, "TLS is asked for by the endpoint: write \"listen = " \
    "tls://HOST:PORT\" or \"connect = tls://HOST:PORT\""

static const struct foreign_word words[] = {
    { "accept", IS("stunnel", "listen") },
    { "CAfile", EITHER("stunnel", "ca") },
    { "CApath", EITHER("stunnel", "ca") },
    { "CRLfile", EITHER("stunnel", "crl") },
    { "CRLpath", EITHER("stunnel", "crl") },
    { "checkHost", IS("stunnel", "connect.name") },
    { "checkIP", IS("stunnel", "connect.name") },
    { "client", TLS_HERE },
    { "curve", EITHER("stunnel", "groups") },
    { "curves", EITHER("stunnel", "groups") },
    { "debug", IS("stunnel", "log_level") },
    { "output", IS("stunnel", "log") },
    { "setgid", IS("stunnel", "group") },
    { "setuid", IS("stunnel", "user") },
    { "syslog", IS("stunnel", "log = syslog") },
    { "pid", NEEDLESS("stunnel", "systemd, or \"sallyport status\", knows the "
        "process") },
    { "foreground", NEEDLESS("stunnel", "\"sallyport run\" stays in the "
        "foreground") },
    { "chroot", NEEDLESS("stunnel", "processes are confined without one") },
    { "compression", NEEDLESS("stunnel", "TLS never compresses here") },
    { "fips", NEEDLESS("stunnel", "OpenSSL's own configuration decides that") },
    { "options", NEEDLESS("stunnel", "versions are listen.min_version and "
        "connect.min_version, 1.2 unless they are written") },
    { "socket", NEEDLESS("stunnel", "sockets have listen.keepalive, "
        "connect.keepalive and their like") },
    { "renegotiation", NEEDLESS("stunnel", "renegotiation is always refused") },
    { "failover", NEEDLESS("stunnel", "servers are tried in the order of their "
        "\"connect\" lines") },
    { "sslVersion", EITHER("stunnel", "min_version") },
    { "sslVersionMax", EITHER("stunnel", "max_version") },
    { "sslVersionMin", EITHER("stunnel", "min_version") },
    { "TIMEOUTbusy", IS("stunnel", "timeout.handshake") },
    { "TIMEOUTclose", IS("stunnel", "timeout.half_close") },
    { "TIMEOUTconnect", IS("stunnel", "timeout.connect") },
    { "TIMEOUTidle", IS("stunnel", "timeout.idle") },
    { "verifyChain", EITHER("stunnel", "verify") },
    { "verifyPeer", EITHER("stunnel", "verify") },
    { "requireCert", IS("stunnel", "listen.verify = required") },

    { "bind", IS("HAProxy", "listen") },
    { "server", IS("HAProxy", "connect") },
    { "crt", EITHER("HAProxy", "cert") },
    { "ca-file", EITHER("HAProxy", "ca") },
    { "crl-file", EITHER("HAProxy", "crl") },
    { "maxconn", IS("HAProxy", "max_connections") },
    { "nbproc", IS("HAProxy", "workers") },
    { "nbthread", IS("HAProxy", "workers") },
    { "ssl-min-ver", EITHER("HAProxy", "min_version") },
    { "ssl-max-ver", EITHER("HAProxy", "max_version") },

    { "frontend", IS("hitch", "listen") },
    { "backend", IS("hitch", "connect") },
    { "pem-file", IS("hitch", "listen.cert") },
    { "tls-protos", IS("hitch", "listen.min_version") },
    { "client-verify-ca", IS("hitch", "listen.ca") },
    { "alpn-protos", IS("hitch", "listen.alpn") },

    { "proxy_pass", IS("nginx", "connect") },
    { "proxy_connect_timeout", IS("nginx", "timeout.connect") },
    { "proxy_ssl", TLS_HERE },
    { "proxy_ssl_name", IS("nginx", "connect.name") },
    { "proxy_ssl_certificate", IS("nginx", "connect.cert") },
    { "proxy_ssl_certificate_key", IS("nginx", "connect.key") },
    { "proxy_ssl_trusted_certificate", IS("nginx", "connect.ca") },
    { "proxy_ssl_verify", IS("nginx", "connect.verify = required") },
    { "proxy_timeout", IS("nginx", "timeout.idle") },
    { "ssl", TLS_HERE },
    { "tls", TLS_HERE },
    { "ssl_certificate", IS("nginx", "listen.cert") },
    { "ssl_certificate_key", IS("nginx", "listen.key") },
    { "ssl_ciphers", IS("nginx", "listen.ciphers") },
    { "ssl_client_certificate", IS("nginx", "listen.ca") },
    { "ssl_crl", IS("nginx", "listen.crl") },
    { "ssl_protocols", IS("nginx", "listen.min_version") },
    { "ssl_verify_client", IS("nginx", "listen.verify = required") },
    { "worker_connections", IS("nginx", "max_connections") },
    { "worker_processes", IS("nginx", "workers") },

    { "cacert", EITHER("ghostunnel", "ca") },
    { "keystore", EITHER("ghostunnel", "cert") },
    { "target", IS("ghostunnel", "connect") },
    { "override-server-name", IS("ghostunnel", "connect.name") },

    { "certificate", NULL, NULL, "write \"listen.cert\" or \"connect.cert\"" },
    { "listen.certificate", NULL, NULL, "write \"listen.cert\"" },
    { "connect.certificate", NULL, NULL, "write \"connect.cert\"" },
    { "private_key", NULL, NULL, "write \"listen.key\" or \"connect.key\"" },
    { "listen.private_key", NULL, NULL, "write \"listen.key\"" },
    { "connect.private_key", NULL, NULL, "write \"connect.key\"" },
    { "password", NULL, NULL, "a passphrase has a file of its own: write "
        "\"listen.passphrase_file\" or \"connect.passphrase_file\"" },
    { "passphrase", NULL, NULL, "a passphrase has a file of its own: write "
        "\"listen.passphrase_file\" or \"connect.passphrase_file\"" },
};

const struct foreign_word *
config_foreign_find(const char *word)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (strcasecmp(words[i].word, word) == 0)
            return &words[i];
    return NULL;
}

const char *
config_foreign_advice(const char *word)
{
    const struct foreign_word *found = config_foreign_find(word);

    return found != NULL ? found->advice : NULL;
}
