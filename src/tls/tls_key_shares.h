/*
 * The keys of a handshake's key exchange, which OpenSSL keeps until the
 * connection ends.
 */
#ifndef TLS_TLS_KEY_SHARES_H
#define TLS_TLS_KEY_SHARES_H

#include <openssl/types.h>

/*
 * Frees what the ephemeral keys consist of, our own and the peer's.  To be called
 * when the handshake is done: nothing uses them any more, and those of an ML-KEM
 * exchange (OpenSSL 3.5) take 6 to 8 KiB of each idle connection.
 * SSL_get_tmp_key(3) and SSL_get_peer_tmp_key(3) give an empty key from then on.
 */
void tls_key_shares_release(SSL *ssl);

#endif
