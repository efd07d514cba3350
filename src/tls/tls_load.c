#include "tls/tls_load.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "config/config_values.h"
#include "tls/tls_error.h"
#include "tls/tls_notes.h"
#include "tls/tls_pem_damage.h"

enum { MESSAGE_SIZE = 1024, REASON_SIZE = 256, KEY_SIZE = 256 };

/* Where the value that the note is about was written; else the service's header. */
static const struct origin *
origin_of_note(const struct tls_load *load, const struct tls_note *note,
    char key[KEY_SIZE])
{
    const struct origin *origin;

    snprintf(key, KEY_SIZE, "%s.%s", load->side, note->option);
    origin = config_values_origin(load->service, key, note->about);
    return origin != NULL ? origin : &load->service->origin;
}

static void
report_fault(const struct tls_load *load, const struct tls_note *note)
{
    char key[KEY_SIZE], section[KEY_SIZE];
    const struct origin *origin = origin_of_note(load, note, key);
    struct fault fault = { .kind = note->kind };

    snprintf(section, sizeof(section), "service %s", load->service->name);
    snprintf(fault.text, sizeof(fault.text), "%s", note->text);
    /* A service that was not read from anywhere has no file. */
    if (origin->file != NULL)
        config_fault_report(load->error, origin, section, key, &fault);
    else
        error_add(load->error, "[%s] %s: %s", section, key, note->text);
}

static void
report_warning(const struct tls_load *load, const struct tls_note *note)
{
    char key[KEY_SIZE];
    const struct origin *origin = origin_of_note(load, note, key);
    const struct log_cause cause = {
        .file = origin->file, .place = config_fault_place(origin),
    };

    log_warn_at(&cause, load->service->name, note->kind, "%s: %s", key,
        note->text);
}

static void
report_note(const struct tls_load *load, const struct tls_note *note)
{
    struct tls_note placed = *note;

    if (load->written != NULL)
        placed.about = (char *)load->written;
    if (load->notes != NULL)
        tls_notes_add(load->notes, &placed);
    else if (note->level == TLS_NOTE_FAULT)
        report_fault(load, &placed);
    else if (note->level == TLS_NOTE_WARNING)
        report_warning(load, &placed);
    else
        log_info(load->service->name, "%s.%s: %s", load->side, note->option,
            note->text);
}

/* The value that a message is about stands in front of it, before a ": ". */
static void
leading_value(const char *message, char about[MESSAGE_SIZE])
{
    const char *end = strstr(message, ": ");

    snprintf(about, MESSAGE_SIZE, "%.*s",
        end != NULL ? (int)(end - message) : 0, message);
}

void
tls_load_fault(const struct tls_load *load, const char *option,
    const char *format, ...)
{
    char message[MESSAGE_SIZE], about[MESSAGE_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    leading_value(message, about);
    report_note(load,
        &(struct tls_note){ TLS_NOTE_FAULT, option, format, about, message });
}

void
tls_load_fault_word(const struct tls_load *load, const char *option,
    const char *word, const char *format, ...)
{
    char message[MESSAGE_SIZE], about[MESSAGE_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    snprintf(about, sizeof(about), "%s", word);
    report_note(load,
        &(struct tls_note){ TLS_NOTE_FAULT, option, format, about, message });
}

void
tls_load_warn(const struct tls_load *load, const char *option,
    const char *format, ...)
{
    char message[MESSAGE_SIZE], about[MESSAGE_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    leading_value(message, about);
    report_note(load,
        &(struct tls_note){ TLS_NOTE_WARNING, option, format, about, message });
}

void
tls_load_tell(const struct tls_load *load, const char *option, const char *text)
{
    char message[MESSAGE_SIZE], about[] = "";

    snprintf(message, sizeof(message), "%s", text);
    report_note(load,
        &(struct tls_note){ TLS_NOTE_INFO, option, text, about, message });
}

void
tls_load_report(const struct tls_load *load, const struct tls_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        report_note(load, &notes->items[i]);
    if (notes->incomplete)
        tls_load_fault(load, "cert", "cannot be loaded: out of memory");
}

struct files *
tls_load_files(const struct service_config *service)
{
    return service->config != NULL ? service->config->files : NULL;
}

/* Certificates are looked for in directories, if these can be listed. */
static void
explain_directory(
    const struct tls_load *load, const char *option, const char *path)
{
    struct strings names = { 0 };
    char why[FILE_WHY_SIZE];

    if (strcmp(option, "cert") != 0 || files_list(load->files, path, &names))
        tls_load_fault(load, option, "%s: is a directory; name a file in it",
            path);
    else
        tls_load_fault(load, option, "%s: cannot read this directory: %s",
            path, files_why(load->files, FILE_LISTING, path, errno, why));
    strings_clear(&names);
}

void
tls_file_explain(const struct tls_load *load, const char *option,
    const struct tls_file *file, enum file_result result, size_t limit)
{
    char why[FILE_WHY_SIZE];

    switch (result) {
    case FILE_NOT_OPENED:
        tls_load_fault(load, option, "%s: cannot open: %s", file->path,
            files_why(load->files, FILE_TLS, file->path, file->content.why,
                why));
        break;
    case FILE_IS_DIRECTORY:
        explain_directory(load, option, file->path);
        break;
    case FILE_NOT_REGULAR:
        tls_load_fault(load, option, "%s: is not a regular file", file->path);
        break;
    case FILE_TOO_LARGE:
        tls_load_fault(load, option, "%s: has more than %zu bytes; is it the "
            "right file?", file->path, limit);
        break;
    default:
        tls_load_fault(load, option, "%s: cannot read: %s", file->path,
            strerror(file->content.why));
    }
}

bool
tls_file_read(const struct tls_load *load, const char *option,
    enum file_use use, const char *path, size_t limit, struct tls_file *file)
{
    enum file_result result;

    *file = (struct tls_file){ .path = path };
    result = files_read(load->files, use, path, limit, &file->content);
    if (result == FILE_DONE)
        return true;
    tls_file_explain(load, option, file, result, limit);
    return false;
}

void
tls_file_free(struct tls_file *file)
{
    files_release(&file->content);
}

bool
tls_file_holds(const struct tls_file *file, const char *label)
{
    static const char begin[] = "-----BEGIN ";
    const char *at = file->content.text, *end = at + file->content.length;
    const char *stop;
    size_t length = strlen(label);

    while ((at = memmem(at, (size_t)(end - at), begin, sizeof(begin) - 1))
        != NULL) {
        at += sizeof(begin) - 1;
        stop = memmem(at, (size_t)(end - at), "-----", 5);
        if (stop == NULL)
            return false;
        if ((size_t)(stop - at) >= length &&
            memcmp(stop - length, label, length) == 0)
            return true;
    }
    return false;
}

int
tls_file_no_passphrase(char *text, int size, int writing, void *arg)
{
    (void)text, (void)size, (void)writing, (void)arg;
    return -1;
}

bool
tls_file_ended(void)
{
    unsigned long code = ERR_peek_last_error();

    if (ERR_GET_LIB(code) != ERR_LIB_PEM ||
        ERR_GET_REASON(code) != PEM_R_NO_START_LINE)
        return false;
    ERR_clear_error();
    return true;
}

/* Reads up to the file's end.  False: a block could not be read, and OpenSSL's
 * error queue says why. */
static bool
read_certificates(BIO *bio, STACK_OF(X509) *certs)
{
    X509 *cert;

    while ((cert = PEM_read_bio_X509_AUX(bio, NULL, tls_file_no_passphrase,
        NULL)) != NULL) {
        if (sk_X509_push(certs, cert) <= 0) {
            X509_free(cert);
            return false;
        }
    }
    return tls_file_ended();
}

/* One of the two holds what the other should: both are configured. */
static bool
may_be_exchanged(const struct tls_load *load, const char *option,
    const struct tls_file *file, enum tls_pem_wanted wanted)
{
    const char *other = wanted == TLS_PEM_CERTIFICATE ? "PRIVATE KEY" :
        "CERTIFICATE";

    return load->leg->key.count > 0 && load->leg->cert.count > 0 &&
        strcmp(option, wanted == TLS_PEM_CERTIFICATE ? "cert" : "key") == 0 &&
        tls_file_holds(file, other);
}

bool
tls_file_explain_slip(const struct tls_load *load, const char *option,
    const struct tls_file *file, enum tls_pem_wanted wanted)
{
    const char *words = tls_pem_slip(
        file->content.text, file->content.length, wanted);

    if (words == NULL)
        return false;
    if (may_be_exchanged(load, option, file, wanted))
        tls_load_fault(load, option, "%s: %s; are %s.cert and %s.key "
            "exchanged?", file->path, words, load->side, load->side);
    else
        tls_load_fault(load, option, "%s: %s", file->path, words);
    return true;
}

bool
tls_file_has_certificates(const struct tls_load *load, const char *option,
    const struct tls_file *file, bool read, int count)
{
    char reason[REASON_SIZE], where[TLS_PEM_DAMAGE_SIZE];

    tls_error_reason(reason, sizeof(reason));
    if (read && count > 0)
        return true;
    if (tls_file_explain_slip(load, option, file, TLS_PEM_CERTIFICATE))
        return false;
    if (!read)
        tls_load_fault(load, option, "%s: certificate %d in it cannot be "
            "read%s: %s", file->path, count + 1,
            tls_pem_damage(file->content.text, file->content.length,
                "CERTIFICATE", (unsigned)count + 1, where), reason);
    else if (tls_file_holds(file, ""))
        tls_load_fault(load, option, "%s: has no certificate in it",
            file->path);
    else
        tls_load_fault(load, option, "%s: has no PEM block (-----BEGIN "
            "CERTIFICATE-----) in it; convert it to PEM with openssl x509",
            file->path);
    return false;
}

STACK_OF(X509) *
tls_file_certificates(const struct tls_load *load, const char *option,
    const struct tls_file *file)
{
    BIO *bio = BIO_new_mem_buf(file->content.text,
        (int)file->content.length);
    STACK_OF(X509) *certs = sk_X509_new_null();
    bool read;

    ERR_clear_error();
    read = bio != NULL && certs != NULL && read_certificates(bio, certs);
    BIO_free(bio);
    if (!tls_file_has_certificates(
            load, option, file, read, sk_X509_num(certs))) {
        sk_X509_pop_free(certs, X509_free);
        return NULL;
    }
    return certs;
}

void
tls_load_digest(const struct tls_load *load, const void *data, size_t length)
{
    uint64_t counted = length;

    if (EVP_DigestUpdate(load->policy, &counted, sizeof(counted)) != 1 ||
        EVP_DigestUpdate(load->policy, data, length) != 1)
        tls_error_add(load->error, "service %s: cannot digest the policy",
            load->service->name);
}

void
tls_load_digest_certificate(const struct tls_load *load, X509 *cert)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    if (X509_digest(cert, EVP_sha256(), hash, &length) != 1)
        tls_error_add(load->error, "service %s: cannot digest a certificate",
            load->service->name);
    tls_load_digest(load, hash, length);
}
