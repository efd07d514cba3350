/*
 * What a probe found, and how that is said.
 */
#ifndef RELAY_PROBE_REPORT_H
#define RELAY_PROBE_REPORT_H

#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/base.h"
#include "net/connector_result.h"
#include "tls/tls_peer_cert.h"

struct address;
struct endpoint;
struct service_config;

enum probe_result {
    PROBE_GOOD,
    PROBE_NO_HOST,    /* neither hosts(5) nor the DNS knows its name */
    PROBE_UNRESOLVED, /* the DNS does not answer */
    PROBE_FAILED,     /* `why` */
};

enum { PROBE_WHY_SIZE = 1024, PROBE_ADDRESS_SIZE = INET6_ADDRSTRLEN + 20 };

struct probe_report {
    enum probe_result result;
    char why[PROBE_WHY_SIZE];
    char address[PROBE_ADDRESS_SIZE]; /* of a name's; "": none is known */

    /* Of a good server with TLS. */
    bool tls;
    bool shown;      /* `cert` */
    bool lacks_cert; /* the server asked for a certificate and was shown none */
    char version[16];
    char alpn[256];  /* any bytes */
    struct tls_peer_cert cert;
};

/* The host alone, "192.0.2.7"; "" for a unix socket's.  Returns `text`. */
const char *probe_report_address(
    const struct address *address, char text[PROBE_ADDRESS_SIZE]);

/* Adds to `why` that one of a server's addresses, "" for the only one, was not to
 * be connected to. */
void probe_report_add_failure(struct probe_report *report, const char *address,
    enum connector_result result, const struct endpoint *endpoint);

/* Why it is not good, in words, behind "SERVER (ADDRESS): ". */
void probe_report_write_fault(const struct probe_report *report,
    const struct endpoint *endpoint, FILE *out);

/* What a good one is like: "connected in plain", or "TLSv1.3, certificate CN=...,
 * valid until 2027-02-27, verified by ca.pem".  `now`: seconds of time(2). */
void probe_report_write_good(const struct probe_report *report,
    const struct service_config *service, int64_t now, FILE *out);

/* "db.example.net:5433 (192.0.2.7)". */
void probe_report_write_server(const struct probe_report *report,
    const struct endpoint *endpoint, FILE *out);

#endif
