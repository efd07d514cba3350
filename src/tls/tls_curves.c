#include "tls/tls_curves.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "tls/tls_load.h"

enum { NAME_SIZE = 80 };

int
tls_curves_of(const EVP_PKEY *key)
{
    char name[NAME_SIZE];
    int nid;

    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC ||
        EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) != 1)
        return NID_undef;
    nid = OBJ_txt2nid(name);
    return nid != NID_undef ? nid : EC_curve_nist2nid(name);
}

/* RFC 8734 3; OpenSSL has these since 3.2. */
static const struct signature {
    int nid;
    const char *name;
} brainpool[] = {
    { NID_brainpoolP256r1, "ecdsa_brainpoolP256r1tls13_sha256" },
    { NID_brainpoolP384r1, "ecdsa_brainpoolP384r1tls13_sha384" },
    { NID_brainpoolP512r1, "ecdsa_brainpoolP512r1tls13_sha512" },
};

/* ecdsa_secp256r1_sha256 and its like: RFC 8446 4.2.3. */
static bool
is_usual(int nid)
{
    return nid == NID_X9_62_prime256v1 || nid == NID_secp384r1 ||
        nid == NID_secp521r1;
}

static bool
knows_signature(const char *name)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    bool known = ctx != NULL && SSL_CTX_set1_sigalgs_list(ctx, name) == 1;

    SSL_CTX_free(ctx);
    return known;
}

static bool
signs_in_tls_1_3(int nid)
{
    for (size_t i = 0; i < COUNT(brainpool); i++)
        if (brainpool[i].nid == nid)
            return knows_signature(brainpool[i].name);
    return is_usual(nid);
}

/* OpenSSL 3.5 marks words of a list: '*' key share, '?' if known, '-' not. */
static int
nid_of_word(const char *word)
{
    int nid;

    word += strspn(word, "*?");
    nid = EC_curve_nist2nid(word);
    return nid != NID_undef ? nid : OBJ_txt2nid(word);
}

bool
tls_curves_lists(const char *list, int nid)
{
    char *copy = strdup(list), *rest = copy, *word;
    bool listed = false;

    while (!listed && (word = strsep(&rest, ":/")) != NULL)
        listed = nid_of_word(word) == nid ||
            (strcasecmp(word, "DEFAULT") == 0 && is_usual(nid));
    free(copy);
    ERR_clear_error();
    return listed;
}

static void
explain_unusable_curve(const struct tls_load *load, const char *path,
    const char *curve, bool in_1_2, bool in_1_3)
{
    if (!in_1_2 && !in_1_3)
        tls_load_fault(load, "cert", "%s: no peer can use a certificate on "
            "the curve %s with these settings; use one on P-256, or name the "
            "curve in %s.groups", path, curve, load->side);
    else if (!in_1_2 && load->leg->min_version < TLS_VERSION_1_3)
        tls_load_warn(load, "cert", "%s: is on the curve %s, which is not in "
            "%s.groups; peers cannot use it with TLS 1.2", path, curve,
            load->side);
    else if (!in_1_3 && load->leg->max_version > TLS_VERSION_1_2)
        tls_load_warn(load, "cert", "%s: is on the curve %s, which TLS 1.3 "
            "has no signatures for; peers can use it with TLS 1.2 only", path,
            curve);
}

/* False: the list is faulty, which has been said, and no curve can be judged. */
static bool
are_groups_usable(const struct tls_load *load)
{
    return load->leg->groups == NULL ||
        SSL_CTX_set1_groups_list(load->ctx, load->leg->groups) == 1;
}

void
tls_curves_check(const struct tls_load *load, const char *path,
    const X509 *cert, const char *groups)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);
    int nid;

    if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC)
        return;
    if (!are_groups_usable(load)) {
        ERR_clear_error();
        return;
    }
    nid = tls_curves_of(key);
    explain_unusable_curve(load, path,
        nid != NID_undef ? OBJ_nid2sn(nid) : "without a name",
        load->leg->min_version < TLS_VERSION_1_3 && nid != NID_undef &&
            tls_curves_lists(groups, nid),
        load->leg->max_version > TLS_VERSION_1_2 && signs_in_tls_1_3(nid));
    ERR_clear_error();
}
