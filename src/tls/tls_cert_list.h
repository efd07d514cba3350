/*
 * How much of a Certificate message is taken from a peer.
 *
 * OpenSSL makes an object of every certificate in it, at a third of a millisecond
 * each, before anything is verified: two hundred of them hold a worker for 60 ms.
 * So what is too long to be a chain that `verify_depth` allows is refused, by its
 * size when its header comes and by its count when it is whole.
 */
#ifndef TLS_TLS_CERT_LIST_H
#define TLS_TLS_CERT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first byte of a handshake message with certificates (RFC 8446 4). */
enum { TLS_CERT_LIST_MESSAGE = 11 };

/* How many certificates, and bytes of them all, are taken where a chain may have
 * `depth` of them between the peer's own and a root.  Twice the count, for peers
 * that send what is needless too. */
unsigned tls_cert_list_most(unsigned depth);
uint32_t tls_cert_list_bytes(unsigned depth);

/* Counts the certificates of a whole message, its header included; `is_1_3`: as
 * RFC 8446 4.4.2 writes it, else RFC 5246 7.4.2.  What is no such message counts
 * as far as it goes. */
unsigned tls_cert_list_count(
    const uint8_t *message, size_t size, bool is_1_3);

#endif
