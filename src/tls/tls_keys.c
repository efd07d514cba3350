#include "tls/tls_keys.h"

#include <sys/stat.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <string.h>

#include "config/config.h"
#include "tls/tls_certificate.h"
#include "tls/tls_error.h"
#include "tls/tls_load.h"

enum { PASSPHRASE_MAX = 1023, REASON_SIZE = 256 };

/* The first line of the passphrase file. */
struct passphrase {
    char *text;         /* NULL: none is configured */
    bool asked;         /* a key was found to be encrypted */
};

/* A pair on its way into the context. */
struct pair {
    struct tls_file cert_file;
    struct tls_file key_file;   /* empty: the key is in the cert file */
    STACK_OF(X509) *chain;      /* without the leaf, once that is out */
    X509 *leaf;
    EVP_PKEY *key;
};

static bool
passphrase_is_usable(const struct tls_load *load, const struct tls_file *file,
    size_t length)
{
    if (length == 0)
        tls_load_fault(load, "passphrase_file", "%s: its first line is empty; "
            "the passphrase goes there", file->path);
    else if (length > PASSPHRASE_MAX)
        tls_load_fault(load, "passphrase_file", "%s: its first line has more "
            "than %d bytes", file->path, PASSPHRASE_MAX);
    else if (memchr(file->content.text, '\0', length) != NULL)
        tls_load_fault(load, "passphrase_file", "%s: its first line has a NUL "
            "byte in it", file->path);
    else
        return true;
    return false;
}

/* False: a passphrase file is configured but of no use. */
static bool
passphrase_read(const struct tls_load *load, struct passphrase *passphrase)
{
    const char *path = load->leg->passphrase_file;
    struct tls_file file;
    const char *text, *end;
    size_t length;
    bool usable;

    if (path == NULL)
        return true;
    if (!tls_file_read(load, "passphrase_file", FILE_FOR_TLS_SECRET, path,
        TLS_FILE_KEYS_BYTES, &file))
        return false;
    text = file.content.text;
    end = memchr(text, '\n', file.content.length);
    length = end != NULL ? (size_t)(end - text) : file.content.length;
    if (length > 0 && text[length - 1] == '\r')
        length--;
    usable = passphrase_is_usable(load, &file, length);
    if (usable)
        passphrase->text = OPENSSL_strndup(text, length);
    tls_file_free(&file);
    return usable;
}

static void
passphrase_forget(struct passphrase *passphrase)
{
    if (passphrase->text != NULL)
        OPENSSL_clear_free(passphrase->text, strlen(passphrase->text));
}

/* OpenSSL's callback; without one it would ask on the terminal. */
static int
passphrase_give(char *text, int size, int writing, void *arg)
{
    struct passphrase *passphrase = arg;
    size_t length;

    (void)writing;
    passphrase->asked = true;
    if (passphrase->text == NULL)
        return -1;
    length = strlen(passphrase->text);
    if (length > (size_t)size)
        return -1;
    memcpy(text, passphrase->text, length);
    return (int)length;
}

static void
explain_key(const struct tls_load *load, const struct tls_file *file,
    const char *option, const struct passphrase *passphrase)
{
    char reason[REASON_SIZE];

    tls_error_reason(reason, sizeof(reason));
    if (!tls_file_holds(file, "PRIVATE KEY"))
        tls_load_fault(load, option, "%s: has no private key (-----BEGIN "
            "PRIVATE KEY-----) in it; add the key, or name its file with "
            "%s.key", file->path, load->side);
    else if (passphrase->asked && passphrase->text == NULL)
        tls_load_fault(load, option, "%s: the private key is encrypted; name "
            "a file that holds its passphrase with %s.passphrase_file",
            file->path, load->side);
    else if (passphrase->asked)
        tls_load_fault(load, option, "%s: cannot decrypt the private key with "
            "the passphrase in %s: %s", file->path,
            load->leg->passphrase_file, reason);
    else
        tls_load_fault(load, option, "%s: cannot read the private key: %s",
            file->path, reason);
}

static EVP_PKEY *
read_key(const struct tls_load *load, const struct tls_file *file,
    const char *option, struct passphrase *passphrase)
{
    BIO *bio = BIO_new_mem_buf(file->content.text,
        (int)file->content.length);
    EVP_PKEY *key = NULL;

    ERR_clear_error();
    passphrase->asked = false;
    if (bio != NULL)
        key = PEM_read_bio_PrivateKey(bio, NULL, passphrase_give, passphrase);
    BIO_free(bio);
    if (key == NULL)
        explain_key(load, file, option, passphrase);
    ERR_clear_error();
    if (key != NULL && (file->content.mode & S_IROTH) != 0)
        tls_load_warn(load, option, "%s: every user can read this private "
            "key; chmod o= %s", file->path, file->path);
    return key;
}

/* The leaf comes first: that is how the file goes on the wire. */
static bool
read_chain(const struct tls_load *load, struct pair *pair)
{
    pair->chain = tls_file_certificates(load, "cert", &pair->cert_file);
    if (pair->chain != NULL)
        pair->leaf = sk_X509_shift(pair->chain);
    return pair->leaf != NULL;
}

static bool
pair_read(const struct tls_load *load, size_t index, struct pair *pair,
    struct passphrase *passphrase)
{
    const char *path = load->leg->cert.items[index];
    const struct tls_file *key_file = &pair->cert_file;
    const char *option = "cert";
    bool read;

    if (!tls_file_read(load, "cert", FILE_FOR_TLS, path, TLS_FILE_KEYS_BYTES,
        &pair->cert_file))
        return false;
    read = read_chain(load, pair);
    if (load->leg->key.count > 0) {
        key_file = &pair->key_file;
        option = "key";
        if (!tls_file_read(load, "key", FILE_FOR_TLS_SECRET,
            load->leg->key.items[index], TLS_FILE_KEYS_BYTES,
            &pair->key_file))
            return false;
    }
    pair->key = read_key(load, key_file, option, passphrase);
    return read && pair->key != NULL;
}

/* The likeliest reason of a mismatch is a chain in the wrong order. */
static bool
pair_matches(const struct tls_load *load, const struct pair *pair)
{
    const char *path = pair->cert_file.path;
    const char *key_path = pair->key_file.content.text != NULL ?
        pair->key_file.path : path;
    bool matches = X509_check_private_key(pair->leaf, pair->key) == 1;
    int found = 0;

    for (int i = 0; !matches && found == 0 && i < sk_X509_num(pair->chain);
        i++) {
        if (X509_check_private_key(sk_X509_value(pair->chain, i),
            pair->key) == 1)
            found = i + 2;
    }
    ERR_clear_error();
    if (found > 0)
        tls_load_fault(load, "cert", "%s: the key in %s belongs to "
            "certificate %d of the file; put that one first and its issuers "
            "after it", path, key_path, found);
    else if (!matches)
        tls_load_fault(load, "cert", "%s: the key in %s does not belong to "
            "this certificate; use the key that it was issued for", path,
            key_path);
    return matches;
}

static const char *
key_kind(const EVP_PKEY *key)
{
    const char *kind = EVP_PKEY_get0_type_name(key);

    return kind != NULL ? kind : "unknown";
}

static void
explain_refusal(const struct tls_load *load, const struct pair *pair)
{
    const char *path = pair->cert_file.path;
    unsigned long code = ERR_peek_error();
    char reason[REASON_SIZE];

    tls_error_reason(reason, sizeof(reason));
    if (ERR_GET_LIB(code) != ERR_LIB_SSL)
        code = 0;
    switch (ERR_GET_REASON(code)) {
    case SSL_R_NOT_REPLACING_CERTIFICATE:
        tls_load_fault(load, "cert", "%s: is a second certificate with a key "
            "of type %s; only one of each type can be used", path,
            key_kind(pair->key));
        break;
    case SSL_R_EE_KEY_TOO_SMALL:
    case SSL_R_CA_KEY_TOO_SMALL:
        tls_load_fault(load, "cert", "%s: a key of %d bits is too weak for "
            "security level %d (%s); use RSA with 2048 bits or more, or "
            "ECDSA on P-256", path, EVP_PKEY_get_bits(pair->key),
            SSL_CTX_get_security_level(load->ctx), reason);
        break;
    default:
        tls_load_fault(load, "cert", "%s: this certificate cannot be used: %s",
            path, reason);
    }
}

static void
warn_of_dates(const struct tls_load *load, const char *path, const X509 *cert)
{
    char name[TLS_NAME_SIZE], date[TLS_DATE_SIZE];

    if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0)
        tls_load_warn(load, "cert", "%s: certificate %s has expired on %s; "
            "peers will refuse it", path, tls_certificate_subject(cert, name),
            tls_certificate_date(X509_get0_notAfter(cert), date));
    if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
        tls_load_warn(load, "cert", "%s: certificate %s is not valid before "
            "%s; peers will refuse it", path,
            tls_certificate_subject(cert, name),
            tls_certificate_date(X509_get0_notBefore(cert), date));
}

static void
warn_of_chain(const struct tls_load *load, const struct pair *pair)
{
    X509 *cert = pair->leaf, *issuer;
    char name[TLS_NAME_SIZE];

    warn_of_dates(load, pair->cert_file.path, cert);
    if (X509_check_purpose(cert, load->accepts ? X509_PURPOSE_SSL_SERVER :
        X509_PURPOSE_SSL_CLIENT, 0) != 1)
        tls_load_warn(load, "cert", "%s: certificate %s is not meant for a "
            "TLS %s; peers will refuse it", pair->cert_file.path,
            tls_certificate_subject(cert, name),
            load->accepts ? "server" : "client");
    for (int i = 0; i < sk_X509_num(pair->chain); i++, cert = issuer) {
        issuer = sk_X509_value(pair->chain, i);
        warn_of_dates(load, pair->cert_file.path, issuer);
        if (X509_check_issued(issuer, cert) != X509_V_OK)
            tls_load_warn(load, "cert", "%s: certificate %d did not issue the "
                "one before it; peers may not find a chain",
                pair->cert_file.path, i + 2);
    }
    ERR_clear_error();
}

static void
pair_use(const struct tls_load *load, const struct pair *pair)
{
    if (SSL_CTX_use_cert_and_key(load->ctx, pair->leaf, pair->key,
        pair->chain, 0) != 1) {
        explain_refusal(load, pair);
        return;
    }
    tls_load_digest_certificate(load, pair->leaf);
    for (int i = 0; i < sk_X509_num(pair->chain); i++)
        tls_load_digest_certificate(load, sk_X509_value(pair->chain, i));
    warn_of_chain(load, pair);
}

static void
load_pair(const struct tls_load *load, size_t index,
    struct passphrase *passphrase)
{
    struct pair pair = { .leaf = NULL };

    if (pair_read(load, index, &pair, passphrase) && pair_matches(load, &pair))
        pair_use(load, &pair);
    tls_file_free(&pair.cert_file);
    tls_file_free(&pair.key_file);
    sk_X509_pop_free(pair.chain, X509_free);
    X509_free(pair.leaf);
    EVP_PKEY_free(pair.key);
}

void
tls_keys_load(const struct tls_load *load)
{
    const struct leg_config *leg = load->leg;
    struct passphrase passphrase = { .text = NULL };

    if (leg->cert.count == 0 && load->accepts)
        tls_load_fault(load, "cert", "a TLS listener needs a certificate; "
            "name its PEM file");
    if (leg->key.count > 0 && leg->key.count != leg->cert.count)
        tls_load_fault(load, "key", "there are %zu keys for %zu certificates; "
            "name one for each, in the same order", leg->key.count,
            leg->cert.count);
    else if (leg->cert.count > 0 && passphrase_read(load, &passphrase))
        for (size_t i = 0; i < leg->cert.count; i++)
            load_pair(load, i, &passphrase);
    passphrase_forget(&passphrase);
}
