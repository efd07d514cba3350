#include "tls/tls_trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "tls/tls_certificate.h"
#include "tls/tls_error.h"
#include "tls/tls_files.h"
#include "tls/tls_load.h"
#include "tls/tls_verify.h"

enum {
    REASON_SIZE = 256,
    /* A list of names goes out with every handshake, and some clients refuse
     * a long one; without it they choose for themselves. */
    CLIENT_NAMES_BYTES = 8 << 10,
};

/* What has been loaded so far. */
struct trust {
    const struct tls_load *load;
    X509_STORE *store;          /* borrowed from the SSL_CTX */
    STACK_OF(X509) *certs;      /* of all `ca` */
    bool system;                /* the system's store among them */
};

static void
add_certificates(struct trust *trust, const char *path,
    STACK_OF(X509) *certs)
{
    X509 *cert;

    while ((cert = sk_X509_shift(certs)) != NULL) {
        if (X509_STORE_add_cert(trust->store, cert) != 1 ||
            sk_X509_push(trust->certs, cert) <= 0) {
            tls_load_fault(trust->load, "ca", "%s: cannot be added: out of "
                "memory", path);
            X509_free(cert);
            return;
        }
        tls_load_digest_certificate(trust->load, cert);
    }
}

static void
use_file(struct trust *trust, const struct tls_file *file)
{
    STACK_OF(X509) *certs = tls_file_certificates(trust->load, "ca", file);

    if (certs != NULL)
        add_certificates(trust, file->path, certs);
    sk_X509_pop_free(certs, X509_free);
}

/* Other things lie in such directories too: a file counts if it has a
 * certificate in it. */
static void
load_entry(struct trust *trust, const char *directory, const char *name)
{
    struct tls_file file;
    enum file_result result;
    char path[PATH_MAX];

    if (snprintf(path, sizeof(path), "%s/%s", directory, name) >=
        (int)sizeof(path))
        return;
    file = (struct tls_file){ .path = path };
    result = files_read(trust->load->files, FILE_FOR_TLS, path,
        TLS_FILE_TRUST_BYTES, &file.content);
    if (result == FILE_DONE && tls_file_holds(&file, "CERTIFICATE"))
        use_file(trust, &file);
    else if (result == FILE_NOT_OPENED)
        tls_load_warn(trust->load, "ca", "%s: skipped: %s", path,
            strerror(file.content.why));
    else if (result == FILE_NOT_READ || result == FILE_TOO_LARGE)
        tls_file_explain(trust->load, "ca", &file, result,
            TLS_FILE_TRUST_BYTES);
    tls_file_free(&file);
}

/* False: it could not be read; errno says why. */
static bool
load_listed(struct trust *trust, const char *path)
{
    struct strings names = { 0 };
    bool listed = files_list(trust->load->files, path, &names);
    int why = errno;

    for (size_t i = 0; listed && i < names.count; i++)
        load_entry(trust, path, names.items[i]);
    config_strings_clear(&names);
    errno = why;
    return listed;
}

static void
load_directory(struct trust *trust, const char *path)
{
    int before = sk_X509_num(trust->certs);

    if (!load_listed(trust, path))
        tls_load_fault(trust->load, "ca", "%s: cannot read this directory: %s",
            path, strerror(errno));
    else if (sk_X509_num(trust->certs) == before)
        tls_load_fault(trust->load, "ca", "%s: no file in this directory has "
            "a PEM certificate in it", path);
}

static void
load_path(struct trust *trust, const char *path)
{
    struct tls_file file = { .path = path };
    enum file_result result = files_read(trust->load->files, FILE_FOR_TLS,
        path, TLS_FILE_TRUST_BYTES, &file.content);

    if (result == FILE_DONE)
        use_file(trust, &file);
    else if (result == FILE_IS_DIRECTORY)
        load_directory(trust, path);
    else
        tls_file_explain(trust->load, "ca", &file, result,
            TLS_FILE_TRUST_BYTES);
    tls_file_free(&file);
}

/* On Debian file and directory hold the same certificates, and elsewhere only
 * one of them is there: the directory counts where the file does not. */
static void
use_system(struct trust *trust, const struct tls_system *system)
{
    struct tls_file file = { .path = system->file };
    enum file_result result = files_read(trust->load->files, FILE_FOR_TLS,
        system->file, TLS_FILE_TRUST_BYTES, &file.content);

    if (result == FILE_DONE)
        use_file(trust, &file);
    else if (tls_files_is_missing(result, file.content.why))
        (void)!load_listed(trust, system->directory);
    else
        tls_file_explain(trust->load, "ca", &file, result,
            TLS_FILE_TRUST_BYTES);
    tls_file_free(&file);
}

static void
load_system(struct trust *trust)
{
    int before = sk_X509_num(trust->certs);
    struct tls_system system;

    trust->system = true;
    if (!tls_files_system(trust->load->files, &system)) {
        tls_load_fault(trust->load, "ca", "the system's store cannot be "
            "found: out of memory");
        return;
    }
    use_system(trust, &system);
    if (sk_X509_num(trust->certs) == before)
        tls_load_fault(trust->load, "ca", "the system's store (%s or %s) has "
            "no certificate in it; install ca-certificates, or name your CA's "
            "file", system.file, system.directory);
    tls_files_system_free(&system);
}

static void
load_authorities(struct trust *trust)
{
    const struct strings *ca = &trust->load->leg->ca;

    for (size_t i = 0; i < ca->count; i++) {
        if (strcmp(ca->items[i], "system") == 0)
            load_system(trust);
        else
            load_path(trust, ca->items[i]);
    }
    if (ca->count > 0)
        return;
    if (trust->load->accepts)
        tls_load_fault(trust->load, "ca", "verifying clients needs to know "
            "whom to trust; name the file of the CA that issues their "
            "certificates");
    else
        load_system(trust);
}

static void
add_crl(struct trust *trust, const char *path, X509_CRL *crl)
{
    const struct tls_load *load = trust->load;
    const ASN1_TIME *until = X509_CRL_get0_nextUpdate(crl);
    unsigned char hash[EVP_MAX_MD_SIZE];
    char name[TLS_NAME_SIZE], date[TLS_DATE_SIZE];
    unsigned length = 0;

    if (X509_STORE_add_crl(trust->store, crl) != 1 ||
        X509_CRL_digest(crl, EVP_sha256(), hash, &length) != 1)
        tls_load_fault(load, "crl", "%s: cannot be added: out of memory",
            path);
    tls_load_digest(load, hash, length);
    if (until != NULL && X509_cmp_current_time(until) < 0)
        tls_load_warn(load, "crl", "%s: the CRL of %s has expired on %s; "
            "peers with certificates of this CA are refused until there is "
            "a new one", path,
            tls_certificate_name(X509_CRL_get_issuer(crl), name),
            tls_certificate_date(until, date));
}

static void
add_crls(struct trust *trust, const struct tls_file *file, BIO *bio)
{
    char reason[REASON_SIZE];
    X509_CRL *crl;
    int count = 0;

    while ((crl = PEM_read_bio_X509_CRL(bio, NULL, tls_file_no_passphrase,
        NULL)) != NULL) {
        add_crl(trust, file->path, crl);
        X509_CRL_free(crl);
        count++;
    }
    if (!tls_file_ended())
        tls_load_fault(trust->load, "crl", "%s: list %d in it cannot be read: "
            "%s", file->path, count + 1,
            tls_error_reason(reason, sizeof(reason)));
    else if (count == 0)
        tls_load_fault(trust->load, "crl", "%s: has no CRL (-----BEGIN X509 "
            "CRL-----) in it; convert it to PEM with openssl crl",
            file->path);
}

static void
load_crls(struct trust *trust)
{
    const struct strings *crl = &trust->load->leg->crl;
    struct tls_file file;
    BIO *bio;

    for (size_t i = 0; i < crl->count; i++) {
        if (!tls_file_read(trust->load, "crl", FILE_FOR_TLS, crl->items[i],
            TLS_FILE_TRUST_BYTES, &file))
            continue;
        ERR_clear_error();
        bio = BIO_new_mem_buf(file.content.text, (int)file.content.length);
        add_crls(trust, &file, bio);
        BIO_free(bio);
        tls_file_free(&file);
    }
}

static bool
has_issuer(const struct trust *trust, X509 *cert)
{
    for (int i = 0; i < sk_X509_num(trust->certs); i++) {
        if (X509_check_issued(sk_X509_value(trust->certs, i), cert) ==
            X509_V_OK)
            return true;
    }
    return false;
}

static bool
has_lone_intermediate(const struct trust *trust)
{
    bool found = false;
    X509 *cert;

    for (int i = 0; i < sk_X509_num(trust->certs) && !found; i++) {
        cert = sk_X509_value(trust->certs, i);
        found = X509_self_signed(cert, 0) == 0 && !has_issuer(trust, cert);
    }
    ERR_clear_error();
    return found;
}

/* Tells clients which certificate to choose.  The system's CAs are too many,
 * and a list without them would be wrong. */
static void
name_authorities(const struct trust *trust)
{
    SSL_CTX *ctx = trust->load->ctx;
    X509 *cert;
    int bytes = 0;

    for (int i = 0; i < sk_X509_num(trust->certs); i++) {
        cert = sk_X509_value(trust->certs, i);
        bytes += 2 + i2d_X509_NAME(X509_get_subject_name(cert), NULL);
        if (bytes > CLIENT_NAMES_BYTES ||
            SSL_CTX_add_client_CA(ctx, cert) != 1) {
            SSL_CTX_set_client_CA_list(ctx, NULL);
            return;
        }
    }
}

static void
demand(const struct trust *trust)
{
    const struct tls_load *load = trust->load;
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(load->ctx);
    unsigned long flags = 0;

    if (load->leg->crl.count > 0)
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    if (has_lone_intermediate(trust))
        flags |= X509_V_FLAG_PARTIAL_CHAIN;
    if (X509_VERIFY_PARAM_set_flags(param, flags) != 1)
        tls_load_fault(load, "verify", "cannot be set: out of memory");
    SSL_CTX_set_verify_depth(load->ctx, (int)load->leg->verify_depth);
    tls_verify_install(load->ctx, load->leg->verify == VERIFY_REQUIRED);
    if (load->accepts && !trust->system)
        name_authorities(trust);
}

static void
trust_nobody(const struct tls_load *load)
{
    SSL_CTX_set_verify(load->ctx, SSL_VERIFY_NONE, NULL);
    if (!load->accepts)
        tls_load_warn(load, "verify", "is none: the server may be ANYBODY, "
            "its certificate is not checked");
    if (load->leg->crl.count > 0)
        tls_load_warn(load, "crl", "has no effect while %s.verify is none",
            load->side);
    if (load->leg->ca.count > 0 && load->accepts)
        tls_load_warn(load, "ca", "has no effect while %s.verify is none",
            load->side);
}

void
tls_trust_load(const struct tls_load *load)
{
    struct trust trust = {
        .load = load,
        .store = SSL_CTX_get_cert_store(load->ctx),
        .certs = sk_X509_new_null(),
    };

    if (load->leg->verify == VERIFY_NONE) {
        trust_nobody(load);
    } else {
        load_authorities(&trust);
        load_crls(&trust);
        demand(&trust);
    }
    sk_X509_pop_free(trust.certs, X509_free);
}
