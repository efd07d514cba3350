/*
 * Alerts in words (RFC 8446 6, RFC 5246 7.2).
 */
#ifndef TLS_TLS_ALERT_H
#define TLS_TLS_ALERT_H

struct tls_alert {
    unsigned char number;
    const char *name;  /* as the RFCs write it: "unknown_ca" */
    const char *words; /* what a peer that sends it does, a verb first */
};

/* The alert that `code`, an entry of OpenSSL's error queue, says the peer has
 * sent; NULL: it says something else, or there is no such alert. */
const struct tls_alert *tls_alert_of_error(unsigned long code);

#endif
