#include "tls/tls_certkey.h"

#include <sys/stat.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "config/config.h"
#include "tls/tls_cert_paths.h"
#include "tls/tls_error.h"
#include "tls/tls_key_decode.h"
#include "tls/tls_load.h"
#include "tls/tls_notes.h"
#include "tls/tls_passphrase.h"
#include "tls/tls_pem_damage.h"
#include "tls/tls_remote_key.h"
#include "tls/tls_shared.h"

enum { REASON_SIZE = 256 };

/* A pair as the legs share it that name its files. */
struct shared_pair {
    struct tls_shared_item item;
    char *cert, *key, *passphrase_file; /* paths; but for `cert` may be NULL */
    bool accepts;               /* messages name the leg's other options */
    struct tls_signer *signer;
    struct tls_notes notes;
    struct tls_certkey pair;
};

/* Which one of a leg. */
struct which {
    const struct tls_cert_path *path;
    struct tls_passphrases *passphrases;
};

/* A pair while it is read. */
struct reading {
    struct tls_file cert_file;
    struct tls_file key_file;   /* empty: the key is in the cert file */
    struct tls_certkey *pair;
};

static void
explain_key(const struct tls_load *load, const struct tls_file *file,
    const char *option, const struct tls_passphrases *passphrases)
{
    char reason[REASON_SIZE], where[TLS_PEM_DAMAGE_SIZE];

    tls_error_reason(reason, sizeof(reason));
    if (!passphrases->asked && strcmp(option, "key") == 0 &&
        tls_file_explain_slip(load, option, file, TLS_PEM_PRIVATE_KEY))
        return;
    if (!tls_file_holds(file, "PRIVATE KEY"))
        tls_load_fault(load, option, "%s: has no private key (-----BEGIN "
            "PRIVATE KEY-----) in it; add the key, or name its file with "
            "%s.key", file->path, load->side);
    else if (passphrases->asked && passphrases->count == 0 &&
        load->leg->passphrase_file != NULL)
        return; /* of the file there is a fault already */
    else if (passphrases->asked && passphrases->count == 0)
        tls_load_fault(load, option, "%s: the private key is encrypted; name "
            "a file that holds its passphrase with %s.passphrase_file",
            file->path, load->side);
    else if (passphrases->asked && passphrases->count == 1)
        tls_load_fault(load, option, "%s: cannot decrypt the private key with "
            "the passphrase in %s: %s", file->path,
            load->leg->passphrase_file, reason);
    else if (passphrases->asked)
        tls_load_fault(load, option, "%s: cannot decrypt the private key with "
            "any of the %zu passphrases in %s: %s", file->path,
            passphrases->count, load->leg->passphrase_file, reason);
    else
        tls_load_fault(load, option, "%s: cannot read the private key%s: %s",
            file->path, tls_pem_damage(file->content.text,
                file->content.length, "PRIVATE KEY", 1, where), reason);
}

/* `name` is that of the PEM block. */
static EVP_PKEY *
decode_key(const EVP_PKEY *leaf, const char *name, const unsigned char *der,
    long length)
{
    EVP_PKEY *key = NULL;

    if (strcmp(name, PEM_STRING_PKCS8INF) == 0)
        key = tls_key_decode(leaf, der, (size_t)length);
    if (key == NULL && strcmp(name, PEM_STRING_PKCS8) != 0)
        key = d2i_PrivateKey(EVP_PKEY_get_base_id(leaf), NULL, &der, length);
    return key;
}

/* The first key of a file, if it is a plain one of the leaf's kind.  NULL: it is
 * not.  To be told the kind spares OpenSSL 3 three quarters of the time, in
 * which it tries every decoder that it has. */
static EVP_PKEY *
read_plain_key(const struct tls_file *file, X509 *leaf)
{
    EVP_PKEY *known = leaf != NULL ? X509_get0_pubkey(leaf) : NULL, *key = NULL;
    BIO *bio = BIO_new_mem_buf(file->content.text,
        (int)file->content.length);
    unsigned char *der = NULL;
    char *name = NULL;
    long length = 0;

    if (bio != NULL && known != NULL &&
        PEM_bytes_read_bio(&der, &length, &name, PEM_STRING_EVP_PKEY, bio,
            tls_file_no_passphrase, NULL) == 1)
        key = decode_key(known, name, der, length);
    OPENSSL_clear_free(der, (size_t)length);
    OPENSSL_free(name);
    BIO_free(bio);
    ERR_clear_error();
    return key;
}

/* `leaf` NULL: its certificate could not be read. */
static EVP_PKEY *
read_key(const struct tls_load *load, const struct tls_file *file,
    const char *option, X509 *leaf, struct tls_passphrases *passphrases)
{
    EVP_PKEY *key;

    ERR_clear_error();
    passphrases->asked = false;
    key = read_plain_key(file, leaf);
    if (key == NULL)
        key = tls_passphrases_open_key(passphrases, file);
    if (key == NULL)
        explain_key(load, file, option, passphrases);
    ERR_clear_error();
    if (key != NULL && (file->content.mode & S_IROTH) != 0)
        tls_load_warn(load, option, "%s: every user can read this private "
            "key; chmod o= %s", file->path, file->path);
    return key;
}

/* The leaf comes first: that is how the file goes on the wire. */
static bool
read_chain(const struct tls_load *load, struct reading *reading)
{
    struct tls_certkey *pair = reading->pair;

    pair->chain = tls_file_certificates(load, "cert", &reading->cert_file);
    if (pair->chain != NULL)
        pair->leaf = sk_X509_shift(pair->chain);
    return pair->leaf != NULL;
}

static bool
read_own_key(const struct tls_load *load, const struct which *which,
    struct reading *reading)
{
    const struct tls_file *key_file = &reading->cert_file;
    const char *option = "cert";

    if (which->path->key != NULL) {
        key_file = &reading->key_file;
        option = which->path->listed ? "cert" : "key";
        if (!tls_file_read(load, option, FILE_FOR_TLS_SECRET,
                which->path->key, TLS_FILE_KEYS_BYTES, &reading->key_file))
            return false;
    }
    reading->pair->key = read_key(
        load, key_file, option, reading->pair->leaf, which->passphrases);
    return reading->pair->key != NULL;
}

void
tls_certkey_fault_unkept(const struct tls_load *load,
    const struct tls_certkey *pair)
{
    const EVP_PKEY *key = X509_get0_pubkey(pair->leaf);
    const char *kind = key != NULL ? EVP_PKEY_get0_type_name(key) : NULL;

    ERR_clear_error();
    tls_load_fault(load, "cert", "%s: the keeper signs with RSA, ECDSA, Ed25519 "
        "and Ed448 keys, but not with this one (%s, %d bits); use such a key, "
        "or set keeper = off in [global]", pair->path,
        kind != NULL ? kind : "unknown", EVP_PKEY_get_bits(key));
}

static void
make_kept_key(const struct tls_load *load, struct tls_certkey *pair)
{
    pair->key = tls_remote_key_key(pair->leaf, load->signer);
    if (pair->key == NULL)
        tls_certkey_fault_unkept(load, pair);
}

/* False: nothing can be read from the certificate's file, its key neither. */
static bool
open_cert_file(const struct tls_load *load, struct reading *reading)
{
    return tls_file_read(load, "cert", FILE_FOR_TLS, reading->pair->path,
        TLS_FILE_KEYS_BYTES, &reading->cert_file);
}

/* Both are read even if one has a fault, so that all are told. */
static bool
pair_read(const struct tls_load *load, const struct which *which,
    struct reading *reading)
{
    bool opened = open_cert_file(load, reading);
    bool read = opened && read_chain(load, reading);

    if (load->signer == NULL)
        return (opened || which->path->key != NULL) &&
            read_own_key(load, which, reading) && read;
    if (read)
        make_kept_key(load, reading->pair);
    return reading->pair->key != NULL;
}

/* The likeliest reason of a mismatch is a chain in the wrong order. */
static bool
pair_matches(const struct tls_load *load, const struct reading *reading)
{
    const struct tls_certkey *pair = reading->pair;
    const char *key_path = reading->key_file.content.text != NULL ?
        reading->key_file.path : pair->path;
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
            "after it", pair->path, key_path, found);
    else if (!matches)
        tls_load_fault(load, "cert", "%s: the key in %s does not belong to "
            "this certificate; use the key that it was issued for",
            pair->path, key_path);
    return matches;
}

static void
read_pair_files(const struct tls_load *load, const struct which *which,
    struct tls_certkey *pair)
{
    struct reading reading = { .pair = pair };

    if (pair_read(load, which, &reading))
        (void)pair_matches(load, &reading);
    tls_file_free(&reading.cert_file);
    tls_file_free(&reading.key_file);
}

static const char *
key_file_of(const struct tls_load *load, const struct which *which)
{
    return load->signer == NULL ? which->path->key : NULL;
}

static const char *
passphrase_file_of(const struct tls_load *load)
{
    return load->signer == NULL ? load->leg->passphrase_file : NULL;
}

static bool
copy_path(char **to, const char *path)
{
    *to = path != NULL ? strdup(path) : NULL;
    return path == NULL || *to != NULL;
}

static void
free_pair(struct tls_shared_item *item)
{
    struct shared_pair *shared = (struct shared_pair *)item;

    sk_X509_pop_free(shared->pair.chain, X509_free);
    X509_free(shared->pair.leaf);
    EVP_PKEY_free(shared->pair.key);
    tls_notes_clear(&shared->notes);
    free(shared->cert);
    free(shared->key);
    free(shared->passphrase_file);
    free(shared);
}

static struct tls_shared_item *
load_pair(const struct tls_load *leg, const void *what)
{
    const struct which *which = what;
    struct shared_pair *shared = calloc(1, sizeof(*shared));
    struct tls_load load = *leg;

    if (shared == NULL)
        return NULL;
    shared->accepts = leg->accepts;
    shared->signer = leg->signer;
    if (!copy_path(&shared->cert, which->path->cert) ||
        !copy_path(&shared->key, key_file_of(leg, which)) ||
        !copy_path(&shared->passphrase_file, passphrase_file_of(leg))) {
        free_pair(&shared->item);
        return NULL;
    }
    shared->pair.path = shared->cert;
    shared->pair.item = &shared->item;
    load.notes = &shared->notes;
    load.written = NULL;
    read_pair_files(&load, which, &shared->pair);
    return &shared->item;
}

static bool
is_same_path(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
has_same_content(
    struct files *before, struct files *now, const char *path)
{
    return before == now || path == NULL || files_equal(before, now, path);
}

static bool
is_pair_of(const struct tls_shared_item *item, const struct tls_load *load,
    const void *what)
{
    const struct shared_pair *shared = (const struct shared_pair *)item;
    const struct which *which = what;

    return shared->accepts == load->accepts &&
        shared->signer == load->signer &&
        strcmp(shared->cert, which->path->cert) == 0 &&
        is_same_path(shared->key, key_file_of(load, which)) &&
        is_same_path(shared->passphrase_file, passphrase_file_of(load)) &&
        has_same_content(item->files, load->files, shared->cert) &&
        has_same_content(item->files, load->files, shared->key) &&
        has_same_content(item->files, load->files, shared->passphrase_file);
}

static uint32_t
hash_pair(const struct tls_load *load, const void *what)
{
    const struct which *which = what;

    (void)load;
    return hash32_text(HASH32_BASIS, which->path->cert);
}

static const struct tls_shared_kind kind = {
    hash_pair, is_pair_of, load_pair, free_pair,
};

struct tls_shared_item *
tls_certkey_get(const struct tls_load *load, const struct tls_cert_path *path)
{
    const struct which which = { .path = path };

    assert(load->signer != NULL); /* no key to be read, so no passphrase */
    return tls_shared_get(&kind, load, &which);
}

/* True: nothing is wrong with it, and `see` was called. */
static bool
use_pair(const struct tls_load *load, const struct which *which,
    tls_certkey_see_fn *see, void *arg)
{
    struct tls_shared_item *item = tls_shared_get(&kind, load, which);
    struct shared_pair *shared = (struct shared_pair *)item;
    bool good;

    if (item == NULL) {
        tls_load_fault(load, "cert", "cannot be loaded: out of memory");
        return false;
    }
    good = !shared->notes.faulty && shared->pair.key != NULL;
    tls_load_report(load, &shared->notes);
    if (good)
        see(load, &shared->pair, arg);
    tls_shared_put(item);
    return good;
}

static const char *
first_fault(const struct tls_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        if (notes->items[i].level == TLS_NOTE_FAULT)
            return notes->items[i].text;
    return "out of memory";
}

/* One of a directory or pattern: what is wrong with it keeps it out, and no other
 * one.  True: it is used. */
static bool
use_listed_pair(const struct tls_load *leg, const struct which *which,
    tls_certkey_see_fn *see, void *arg)
{
    const char *path = which->path->cert;
    struct tls_notes notes = { 0 };
    struct tls_load load = *leg;
    bool used;

    if (files_is_left_out(leg->files, path))
        return false;
    load.written = leg->leg->cert.items[which->path->line];
    load.notes = &notes;
    used = use_pair(&load, which, see, arg) && !notes.faulty;
    load.notes = leg->notes;
    if (notes.faulty && !leg->service->strict_certs) {
        tls_load_warn(&load, "cert", "left out: %s", first_fault(&notes));
        tls_shared_leave_out(leg->shared, path);
    } else {
        tls_load_report(&load, &notes);
    }
    tls_notes_clear(&notes);
    return used;
}

/* Of lines that name no file; where there is no certificate but for them, or with
 * strict_certs, that is a fault. */
static void
report_empty_lines(const struct tls_load *leg,
    const struct tls_cert_paths *paths, bool fatal)
{
    struct tls_load load = *leg;
    size_t at = 0;

    for (size_t i = 0; i < leg->leg->cert.count; i++) {
        const char *line = leg->leg->cert.items[i];
        const char *what = tls_cert_paths_is_pattern(line)
            ? "no file matches this pattern"
            : "no file in this directory ends with .pem, .crt or .cer";
        bool is_empty = at == paths->count || paths->items[at].line != i;

        while (at < paths->count && paths->items[at].line == i)
            at++;
        load.written = line;
        if (is_empty && (fatal || leg->service->strict_certs))
            tls_load_fault(&load, "cert", "%s: %s", line, what);
        else if (is_empty)
            tls_load_warn(&load, "cert", "%s: %s", line, what);
    }
}

static void
use_paths(const struct tls_load *load, const struct tls_cert_paths *paths,
    tls_certkey_see_fn *see, void *arg)
{
    struct tls_passphrases passphrases = { .lines = NULL };
    size_t used = 0, alone = 0;

    if (load->signer == NULL && load->leg->cert.count > 0)
        (void)!tls_passphrases_read(load, &passphrases); /* a fault is told */
    for (size_t i = 0; i < paths->count; i++) {
        const struct which which = { &paths->items[i], &passphrases };

        alone += !paths->items[i].listed;
        used += (paths->items[i].listed ? use_listed_pair : use_pair)(
            load, &which, see, arg);
    }
    tls_passphrases_forget(&passphrases);
    report_empty_lines(load, paths, used + alone == 0);
    if (used + alone == 0 && paths->count > 0 && !load->service->strict_certs)
        tls_load_fault(load, "cert", "%s: none of the certificates can be used",
            load->leg->cert.items[0]);
}

/* Keys that are named belong to files that are named. */
static bool
check_named_keys(
    const struct tls_load *load, const struct tls_cert_paths *paths)
{
    const struct leg_config *leg = load->leg;

    if (leg->key.count == 0)
        return true;
    if (leg->key.count != leg->cert.count) {
        tls_load_fault(load, "key", "there are %zu keys for %zu certificates; "
            "name one for each, in the same order", leg->key.count,
            leg->cert.count);
        return false;
    }
    for (size_t i = 0; i < paths->count; i++)
        if (paths->items[i].listed) {
            tls_load_fault(load, "key", "%s: is for a file, and %s.cert = %s "
                "names a directory or a pattern, whose keys stand beside the "
                "certificates; put each key into its certificate's file, or "
                "beside it", leg->key.items[paths->items[i].line], load->side,
                leg->cert.items[paths->items[i].line]);
            return false;
        }
    return true;
}

void
tls_pairs_load(const struct tls_load *load, tls_certkey_see_fn *see, void *arg)
{
    struct tls_cert_paths paths = { .items = NULL };

    if (!tls_cert_paths_find(load->files, load->leg, &paths))
        tls_load_fault(load, "cert", "cannot be loaded: out of memory");
    else if (check_named_keys(load, &paths))
        use_paths(load, &paths, see, arg);
    tls_cert_paths_clear(&paths);
}
