#include "tls/tls_verify.h"

#include <arpa/inet.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "tls/tls_admission.h"
#include "tls/tls_allow.h"
#include "tls/tls_certificate.h"
#include "tls/tls_pin.h"
#include "tls/tls_verify_fault.h"

/* DNS names: RFC 1035 2.3.4 */
enum { HOST_MAX = 253, LABEL_MAX = 63 };

/* What a verification leaves behind, in a slot of the SSL.  OpenSSL hands out
 * slots once for the process. */
struct verdict {
    char *text;         /* of the failure; NULL: none */
    enum tls_cause cause;
    int64_t crl_end;    /* the earliest of the CRLs that were looked into */
    size_t line;        /* of the leg's rules, that let the peer in; 0: none */
};

static CRYPTO_ONCE slot_once = CRYPTO_ONCE_STATIC_INIT;
static int slot = -1;
static X509_STORE_CTX_cert_crl_fn look_up_in_crl; /* the library's own */

static void
free_verdict(void *parent, void *data, CRYPTO_EX_DATA *all, int index, long l,
    void *arg)
{
    struct verdict *verdict = data;

    (void)parent, (void)all, (void)index, (void)l, (void)arg;
    if (verdict != NULL)
        OPENSSL_free(verdict->text);
    OPENSSL_free(verdict);
}

static void
prepare_once(void)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *plain = X509_STORE_CTX_new();

    if (store != NULL && plain != NULL &&
        X509_STORE_CTX_init(plain, store, NULL, NULL) == 1)
        look_up_in_crl = X509_STORE_CTX_get_cert_crl(plain);
    X509_STORE_CTX_free(plain);
    X509_STORE_free(store);
    slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_verdict);
}

/* Most connections need none: it takes memory with a failure, a CRL or rules. */
static struct verdict *
verdict_of(X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store,
        SSL_get_ex_data_X509_STORE_CTX_idx());
    struct verdict *verdict;

    if (ssl == NULL || slot < 0)
        return NULL;
    verdict = SSL_get_ex_data(ssl, slot);
    if (verdict != NULL)
        return verdict;
    verdict = OPENSSL_zalloc(sizeof(*verdict));
    if (verdict == NULL)
        return NULL;
    verdict->crl_end = INT64_MAX;
    if (SSL_set_ex_data(ssl, slot, verdict) == 1)
        return verdict;
    OPENSSL_free(verdict);
    return NULL;
}

static void
record_verdict(X509_STORE_CTX *store)
{
    struct verdict *verdict = verdict_of(store);
    char text[TLS_VERIFY_FAULT_SIZE];

    if (verdict == NULL || verdict->text != NULL)
        return;
    tls_verify_fault_explain(store, text);
    verdict->text = OPENSSL_strdup(text);
    verdict->cause = tls_cause_of_verification(X509_STORE_CTX_get_error(store));
}

static bool
is_anchor(X509_STORE_CTX *store)
{
    return X509_STORE_CTX_get_error_depth(store) ==
        sk_X509_num(X509_STORE_CTX_get0_chain(store)) - 1;
}

/* An anchor whose issuer is not listed (tls_anchors.h).  There is no key by
 * which to believe a CRL that speaks of it. */
static bool
is_lone_anchor(X509_STORE_CTX *store)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(store);

    return is_anchor(store) && cert != NULL && X509_self_signed(cert, 0) == 0;
}

/* X509_STORE_CTX_cert_crl_fn: as the library does it, and keeps when the CRL
 * ends.  Without memory the peer is refused. */
static int
look_up(X509_STORE_CTX *store, X509_CRL *crl, X509 *cert)
{
    const ASN1_TIME *end = X509_CRL_get0_nextUpdate(crl);
    struct verdict *verdict = verdict_of(store);
    int64_t seconds = end != NULL ? tls_certificate_time(end) : INT64_MAX;

    if (verdict == NULL || look_up_in_crl == NULL) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    if (seconds < verdict->crl_end && !is_lone_anchor(store))
        verdict->crl_end = seconds;
    return look_up_in_crl(store, crl, cert);
}

static bool
is_about_the_crl(int error)
{
    static const int errors[] = { X509_V_ERR_UNABLE_TO_GET_CRL,
        X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, X509_V_ERR_CRL_SIGNATURE_FAILURE,
        X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE,
        X509_V_ERR_CRL_NOT_YET_VALID, X509_V_ERR_CRL_HAS_EXPIRED,
        X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD,
        X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD,
        X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, X509_V_ERR_DIFFERENT_CRL_SCOPE,
        X509_V_ERR_CRL_PATH_VALIDATION_ERROR,
        X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION };

    for (size_t i = 0; i < COUNT(errors); i++)
        if (errors[i] == error)
            return true;
    return false;
}

/* The chain's last certificate is what the operator declared to be trusted: it
 * needs no CRL.  A root's own CRL, if there is one, has to be good. */
static bool
is_waived(X509_STORE_CTX *store)
{
    int error = X509_STORE_CTX_get_error(store);

    return (error == X509_V_ERR_UNABLE_TO_GET_CRL && is_anchor(store)) ||
        (is_about_the_crl(error) && is_lone_anchor(store));
}

static const struct tls_admission *
admission_of(X509_STORE_CTX *store)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(
        store, SSL_get_ex_data_X509_STORE_CTX_idx());

    return ssl != NULL ? tls_admission_of(ssl) : NULL;
}

/* X509_V_OK: a line of the rules is true of the peer, or there is none. */
static int
fault_by_rules(X509_STORE_CTX *store, const struct allow_rules *rules)
{
    struct verdict *verdict;

    if (rules->count == 0)
        return X509_V_OK;
    verdict = verdict_of(store);
    if (verdict == NULL)
        return X509_V_ERR_OUT_OF_MEM;
    verdict->line =
        tls_allow_judge(rules, X509_STORE_CTX_get0_chain(store));
    return verdict->line > 0 ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION;
}

/* Of the peer's own certificate, when the library has nothing against it.
 * X509_V_OK: we neither.  What is about DANE (RFC 6698) in the library stands for
 * pins, of which it knows nothing. */
static int
fault_of_leaf(X509_STORE_CTX *store)
{
    const struct tls_admission *admission = admission_of(store);
    X509 *cert = X509_STORE_CTX_get_current_cert(store);

    if (cert != NULL && tls_certificate_has_nul(cert))
        return X509_V_ERR_UNSUPPORTED_NAME_SYNTAX;
    if (admission == NULL)
        return X509_V_OK;
    if (admission->pins.count > 0 &&
        (cert == NULL || !tls_pin_is_among(&admission->pins, cert)))
        return X509_V_ERR_DANE_NO_MATCH;
    return fault_by_rules(store, &admission->rules);
}

int
tls_verify_judge(int good, X509_STORE_CTX *store)
{
    if (good && X509_STORE_CTX_get_error_depth(store) == 0) {
        int fault = fault_of_leaf(store);

        if (fault != X509_V_OK)
            X509_STORE_CTX_set_error(store, fault);
        good = fault == X509_V_OK;
    }
    if (good)
        return 1;
    if (is_waived(store)) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    record_verdict(store);
    return 0;
}

void
tls_verify_install(SSL_CTX *ctx, bool demand)
{
    CRYPTO_THREAD_run_once(&slot_once, prepare_once);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER |
        (demand ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), tls_verify_judge);
    X509_STORE_set_cert_crl(SSL_CTX_get_cert_store(ctx), look_up);
}

/* In place of the library's verification.  That the peer has the key, the
 * handshake shows. */
static int
verify_key_alone(X509_STORE_CTX *store, void *arg)
{
    const struct tls_admission *admission = admission_of(store);
    X509 *cert = X509_STORE_CTX_get0_cert(store);

    (void)arg;
    X509_STORE_CTX_set_error_depth(store, 0);
    X509_STORE_CTX_set_current_cert(store, cert);
    if (cert != NULL && admission != NULL &&
        tls_pin_is_among(&admission->pins, cert)) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    X509_STORE_CTX_set_error(store, X509_V_ERR_DANE_NO_MATCH);
    record_verdict(store);
    return 0;
}

void
tls_verify_install_keys(SSL_CTX *ctx)
{
    CRYPTO_THREAD_run_once(&slot_once, prepare_once);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify_key_alone, NULL);
}

static const struct verdict *
verdict_left(const SSL *ssl)
{
    return slot < 0 ? NULL : SSL_get_ex_data(ssl, slot);
}

int64_t
tls_verify_crl_end(const SSL *ssl)
{
    const struct verdict *verdict = verdict_left(ssl);

    return verdict != NULL ? verdict->crl_end : INT64_MAX;
}

size_t
tls_verify_line(const SSL *ssl)
{
    const struct verdict *verdict = verdict_left(ssl);

    return verdict != NULL ? verdict->line : 0;
}

enum tls_verified
tls_verify_extent(const SSL *ssl)
{
    const struct tls_admission *admission = tls_admission_of(ssl);

    if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
        return TLS_VERIFIED_NOT;
    return admission != NULL && admission->keys_alone ? TLS_VERIFIED_KEY
                                                      : TLS_VERIFIED_CHAIN;
}

enum tls_cause
tls_verify_failure(const SSL *ssl, char *text, size_t size)
{
    const struct verdict *verdict = verdict_left(ssl);
    const char *kept = verdict != NULL ? verdict->text : NULL;
    long result = SSL_get_verify_result(ssl);

    snprintf(text, size, "%s", kept != NULL ? kept : "");
    if (kept != NULL)
        return verdict->cause;
    if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE || result == X509_V_OK)
        return TLS_CAUSE_NONE;
    snprintf(text, size, "%s", X509_verify_cert_error_string(result));
    return tls_cause_of_verification(result);
}

bool
tls_verify_is_satisfied(const SSL *ssl)
{
    int mode = SSL_get_verify_mode(ssl);

    if (mode == SSL_VERIFY_NONE)
        return true;
    if (SSL_get0_peer_certificate(ssl) == NULL)
        return SSL_is_server(ssl) &&
            (mode & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) == 0;
    return SSL_get_verify_result(ssl) == X509_V_OK;
}

/* A leading dot would make OpenSSL accept every name below it, and a '*' is
 * for certificates only. */
static bool
is_host(const char *name, size_t length)
{
    size_t label = 0;

    if (length == 0 || length > HOST_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '.' ? label == 0 :
            !isalnum((unsigned char)name[i]) && name[i] != '-' &&
            name[i] != '_')
            return false;
        label = name[i] == '.' ? 0 : label + 1;
        if (label > LABEL_MAX)
            return false;
    }
    return label > 0;
}

static bool
expect_host(SSL *ssl, const char *name)
{
    char host[HOST_MAX + 2];
    size_t length = strnlen(name, sizeof(host));

    /* The dot of the root is for resolvers; no certificate carries it. */
    if (length > 1 && length < sizeof(host) && name[length - 1] == '.')
        length--;
    if (!is_host(name, length))
        return false;
    memcpy(host, name, length);
    host[length] = '\0';
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set1_host(ssl, host) == 1;
}

bool
tls_verify_expect(SSL *ssl, const char *name)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    char numeric[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    size_t length = strcspn(name, "%");     /* a scope is for our side only */

    if (length >= sizeof(numeric))
        return expect_host(ssl, name);
    memcpy(numeric, name, length);
    numeric[length] = '\0';
    if (inet_pton(AF_INET6, numeric, address) == 1)
        return X509_VERIFY_PARAM_set1_ip(param, address, 16) == 1;
    if (inet_pton(AF_INET, name, address) == 1)
        return X509_VERIFY_PARAM_set1_ip(param, address, 4) == 1;
    return expect_host(ssl, name);
}
