#include "tls/tls_trust_read.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tls/tls_error.h"
#include "tls/tls_files.h"
#include "tls/tls_load.h"
#include "tls/tls_pem_damage.h"

enum { REASON_SIZE = 256 };

/* In the order of reading. */
enum part { PART_CA, PART_CRL, PART_ANCHORS, PART_NONE };

/* A file that was found where an option says. */
struct found {
    char *path;
    struct file_content content;
};

struct tls_trust_reading {
    struct tls_load load; /* messages go to the set's notes */
    struct error error;
    struct tls_trust_set *set;
    enum part part;
    size_t named;        /* values of `ca` or `crl` that were looked up */
    struct found *found; /* `found_count` files, read up to `at` */
    size_t found_count, at;
    BIO *bio;            /* of the file at `at`; NULL: not begun */
    int count;           /* blocks read from it */
    int placed;          /* certificates among the anchors */
};

/* Takes the content. */
static void
add_found(struct tls_trust_reading *reading, const char *option,
    const char *path, struct file_content *content)
{
    struct found *found = reallocarray(
        reading->found, reading->found_count + 1, sizeof(*found));
    char *copy = strdup(path);

    if (found != NULL)
        reading->found = found;
    if (found != NULL && copy != NULL) {
        found[reading->found_count++] = (struct found){ copy, *content };
        return;
    }
    free(copy);
    files_release(content);
    tls_load_fault(
        &reading->load, option, "%s: cannot be read: out of memory", path);
}

static enum file_result
read_content(
    const struct tls_load *load, const char *path, struct tls_file *file)
{
    *file = (struct tls_file){ .path = path };
    return files_read(load->files, FILE_FOR_TLS, path, TLS_FILE_TRUST_BYTES,
        &file->content);
}

/* Other things lie in such directories too: a file counts if it has a
 * certificate in it. */
static void
find_entry(struct tls_trust_reading *reading, const char *directory,
    const char *name)
{
    const struct tls_load *load = &reading->load;
    struct tls_file file;
    enum file_result result;
    char path[PATH_MAX], why[FILE_WHY_SIZE];

    if (snprintf(path, sizeof(path), "%s/%s", directory, name) >=
        (int)sizeof(path))
        return;
    result = read_content(load, path, &file);
    if (result == FILE_DONE && tls_file_holds(&file, "CERTIFICATE")) {
        add_found(reading, "ca", path, &file.content);
        return;
    }
    if (result == FILE_NOT_OPENED)
        tls_load_warn(load, "ca", "%s: skipped: %s", path,
            files_why(load->files, FILE_TLS, path, file.content.why, why));
    else if (result == FILE_NOT_READ || result == FILE_TOO_LARGE)
        tls_file_explain(load, "ca", &file, result, TLS_FILE_TRUST_BYTES);
    tls_file_free(&file);
}

/* False: the directory could not be read; errno says why. */
static bool
find_listed(struct tls_trust_reading *reading, const char *path)
{
    struct strings names = { 0 };
    bool listed = files_list(reading->load.files, path, &names);
    int why = errno;

    for (size_t i = 0; listed && i < names.count; i++)
        find_entry(reading, path, names.items[i]);
    strings_clear(&names);
    errno = why;
    return listed;
}

static void
find_in_directory(struct tls_trust_reading *reading, const char *path)
{
    size_t before = reading->found_count;
    char why[FILE_WHY_SIZE];

    if (!find_listed(reading, path))
        tls_load_fault(&reading->load, "ca", "%s: cannot read this directory: "
            "%s", path,
            files_why(reading->load.files, FILE_LISTING, path, errno, why));
    else if (reading->found_count == before)
        tls_load_fault(&reading->load, "ca", "%s: no file in this directory "
            "has a PEM certificate in it", path);
}

static void
find_at_path(struct tls_trust_reading *reading, const char *path)
{
    struct tls_file file;
    enum file_result result = read_content(&reading->load, path, &file);

    if (result == FILE_DONE) {
        add_found(reading, "ca", path, &file.content);
        return;
    }
    if (result == FILE_IS_DIRECTORY)
        find_in_directory(reading, path);
    else
        tls_file_explain(
            &reading->load, "ca", &file, result, TLS_FILE_TRUST_BYTES);
    tls_file_free(&file);
}

/* On Debian file and directory hold the same certificates, and elsewhere only
 * one of them is there: the directory counts where the file does not. */
static void
find_system_files(
    struct tls_trust_reading *reading, const struct tls_system *system)
{
    struct tls_file file;
    enum file_result result =
        read_content(&reading->load, system->file, &file);

    if (result == FILE_DONE && tls_file_holds(&file, "CERTIFICATE")) {
        add_found(reading, "ca", system->file, &file.content);
        return;
    }
    if (tls_files_is_missing(result, file.content.why))
        (void)!find_listed(reading, system->directory);
    else if (result != FILE_DONE)
        tls_file_explain(
            &reading->load, "ca", &file, result, TLS_FILE_TRUST_BYTES);
    tls_file_free(&file);
}

static void
find_system(struct tls_trust_reading *reading)
{
    size_t before = reading->found_count;
    struct tls_system system;

    reading->set->system = true;
    if (!tls_files_system(reading->load.files, &system)) {
        tls_load_fault(&reading->load, "ca", "the system's store cannot be "
            "found: out of memory");
        return;
    }
    find_system_files(reading, &system);
    if (reading->found_count == before)
        tls_load_fault(&reading->load, "ca", "the system's store (%s or %s) "
            "has no certificate in it; install ca-certificates, or name your "
            "CA's file", system.file, system.directory);
    tls_files_system_free(&system);
}

/* False: `ca` has named all. */
static bool
find_ca(struct tls_trust_reading *reading)
{
    const struct strings *ca = &reading->load.leg->ca;
    size_t index = reading->named++;

    if (index < ca->count && strcmp(ca->items[index], "system") != 0)
        find_at_path(reading, ca->items[index]);
    else if (index < ca->count || (index == 0 && !reading->load.accepts))
        find_system(reading);
    else if (index == 0)
        tls_load_fault(&reading->load, "ca", "there is no CA to verify clients "
            "by; name the file of the one that issues their certificates");
    else
        return false;
    return true;
}

/* False: `crl` has named all. */
static bool
find_crl(struct tls_trust_reading *reading)
{
    const struct strings *crl = &reading->load.leg->crl;
    size_t index = reading->named++;
    struct tls_file file;

    if (index >= crl->count)
        return false;
    if (tls_file_read(&reading->load, "crl", FILE_FOR_TLS, crl->items[index],
            TLS_FILE_TRUST_BYTES, &file))
        add_found(reading, "crl", crl->items[index], &file.content);
    return true;
}

static void
check_ca_certificates(
    struct tls_trust_reading *reading, const struct tls_file *file)
{
    bool ended = tls_file_ended();

    (void)!tls_file_has_certificates(
        &reading->load, "ca", file, ended, reading->count);
}

/* False: the file has ended, or a block in it cannot be read. */
static bool
read_certificate(struct tls_trust_reading *reading, const struct tls_file *file)
{
    X509 *cert = PEM_read_bio_X509_AUX(
        reading->bio, NULL, tls_file_no_passphrase, NULL);

    if (cert == NULL) {
        check_ca_certificates(reading, file);
        return false;
    }
    reading->count++;
    if (sk_X509_push(reading->set->certs, cert) <= 0) {
        tls_load_fault(&reading->load, "ca", "%s: cannot be added: out of "
            "memory", file->path);
        X509_free(cert);
        return false;
    }
    tls_load_digest_certificate(&reading->load, cert);
    return true;
}

/* Takes the list. */
static bool
keep_crl(struct tls_trust_set *set, const char *path, X509_CRL *crl)
{
    if (strings_add(&set->crl_paths, path, strlen(path)) &&
        sk_X509_CRL_push(set->crls, crl) > 0)
        return true;
    X509_CRL_free(crl);
    return false;
}

static void
add_crl(struct tls_trust_reading *reading, const char *path, X509_CRL *crl)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    if (!keep_crl(reading->set, path, crl) ||
        X509_CRL_digest(crl, EVP_sha256(), hash, &length) != 1)
        tls_load_fault(&reading->load, "crl", "%s: cannot be added: out of "
            "memory", path);
    tls_load_digest(&reading->load, hash, length);
}

static void
check_crls(struct tls_trust_reading *reading, const struct tls_file *file)
{
    char reason[REASON_SIZE], where[TLS_PEM_DAMAGE_SIZE];

    if (!tls_file_ended())
        tls_load_fault(&reading->load, "crl", "%s: list %d in it cannot be "
            "read%s: %s", file->path, reading->count + 1,
            tls_pem_damage(file->content.text, file->content.length, "CRL",
                (unsigned)reading->count + 1, where),
            tls_error_reason(reason, sizeof(reason)));
    else if (reading->count == 0 && tls_file_holds(file, "CERTIFICATE"))
        tls_load_fault(&reading->load, "crl", "%s: holds a certificate, and "
            "has no CRL in it; name the list of revoked certificates that the "
            "CA publishes (-----BEGIN X509 CRL-----)", file->path);
    else if (reading->count == 0)
        tls_load_fault(&reading->load, "crl", "%s: has no CRL (-----BEGIN "
            "X509 CRL-----) in it; convert it to PEM with openssl crl",
            file->path);
}

/* False: the file has ended, or a block in it cannot be read. */
static bool
read_crl(struct tls_trust_reading *reading, const struct tls_file *file)
{
    X509_CRL *crl = PEM_read_bio_X509_CRL(
        reading->bio, NULL, tls_file_no_passphrase, NULL);

    if (crl == NULL) {
        check_crls(reading, file);
        return false;
    }
    add_crl(reading, file->path, crl);
    reading->count++;
    return true;
}

static void
end_file(struct tls_trust_reading *reading)
{
    BIO_free(reading->bio);
    reading->bio = NULL;
    reading->count = 0;
    files_release(&reading->found[reading->at++].content);
}

static void
read_block(struct tls_trust_reading *reading)
{
    const struct found *found = &reading->found[reading->at];
    const struct tls_file file = { found->path, found->content };
    bool is_ca = reading->part == PART_CA;

    if (reading->bio == NULL)
        reading->bio = BIO_new_mem_buf(
            file.content.text, (int)file.content.length);
    ERR_clear_error();
    if (reading->bio == NULL)
        tls_load_fault(&reading->load, is_ca ? "ca" : "crl",
            "%s: cannot be read: out of memory", file.path);
    else if ((is_ca ? read_certificate : read_crl)(reading, &file))
        return;
    end_file(reading);
}

static void
place_certificate(struct tls_trust_reading *reading)
{
    struct tls_trust_set *set = reading->set;
    X509 *cert = sk_X509_value(set->certs, reading->placed++);

    if (!tls_anchors_add(
            &reading->load, set->certs, set->crls, cert, &set->anchors))
        tls_load_fault(
            &reading->load, "ca", "cannot be added: out of memory");
    ERR_clear_error();
}

/* The leg's own digest goes on; this one is of the set alone. */
static void
finish_set(struct tls_trust_reading *reading)
{
    struct tls_trust_set *set = reading->set;

    if (!tls_anchors_add_crls(set->crls, &set->anchors))
        tls_load_fault(
            &reading->load, "ca", "cannot be added: out of memory");
    if (EVP_DigestFinal_ex(reading->load.policy, set->digest,
            &set->digest_length) != 1 || error_any(&reading->error))
        tls_load_fault(
            &reading->load, "ca", "cannot be digested: out of memory");
    ERR_clear_error();
}

static void
begin_part(struct tls_trust_reading *reading, enum part part)
{
    reading->part = part;
    reading->named = 0;
}

bool
tls_trust_reading_step(struct tls_trust_reading *reading)
{
    if (reading->at < reading->found_count)
        read_block(reading);
    else if (reading->part == PART_CA && !find_ca(reading))
        begin_part(reading, PART_CRL);
    else if (reading->part == PART_CRL && !find_crl(reading))
        begin_part(reading, PART_ANCHORS);
    else if (reading->part == PART_ANCHORS) {
        if (reading->placed < sk_X509_num(reading->set->certs)) {
            place_certificate(reading);
        } else {
            finish_set(reading);
            begin_part(reading, PART_NONE);
        }
    }
    return reading->part != PART_NONE;
}

struct tls_trust_reading *
tls_trust_reading_new(const struct tls_load *load, struct tls_trust_set *set)
{
    struct tls_trust_reading *reading = calloc(1, sizeof(*reading));

    if (reading == NULL)
        return NULL;
    reading->load = *load;
    reading->set = set;
    reading->load.notes = &set->notes;
    reading->load.error = &reading->error;
    reading->load.policy = EVP_MD_CTX_new();
    if (reading->load.policy != NULL &&
        EVP_DigestInit_ex(reading->load.policy, EVP_sha256(), NULL) == 1 &&
        tls_anchors_begin(&set->anchors))
        return reading;
    tls_trust_reading_free(reading);
    return NULL;
}

void
tls_trust_reading_free(struct tls_trust_reading *reading)
{
    if (reading == NULL)
        return;
    BIO_free(reading->bio);
    for (size_t i = 0; i < reading->found_count; i++) {
        files_release(&reading->found[i].content);
        free(reading->found[i].path);
    }
    free(reading->found);
    EVP_MD_CTX_free(reading->load.policy);
    error_clear(&reading->error);
    free(reading);
}
