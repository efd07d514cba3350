#include "tls/tls_passphrase.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <string.h>

#include "config/config.h"
#include "tls/tls_load.h"

/* To derive a key from each takes its time, which is bounded. */
enum { PASSPHRASE_MAX = 1023, PASSPHRASES_MAX = 64 };

/* One passphrase at one key. */
struct passphrase_try {
    const char *text;   /* NULL: there is none */
    bool asked;
};

/* False: the reason is among the errors. */
static bool
judge_passphrase(const struct tls_load *load, const struct tls_file *file,
    unsigned number, const char *line, size_t length)
{
    if (length > PASSPHRASE_MAX)
        tls_load_fault(load, "passphrase_file", "%s:%u: the line has more than "
            "%d bytes; each line is a passphrase", file->path, number,
            PASSPHRASE_MAX);
    else if (memchr(line, '\0', length) != NULL)
        tls_load_fault(load, "passphrase_file", "%s:%u: the line has a NUL "
            "byte in it; each line is a passphrase", file->path, number);
    else
        return true;
    return false;
}

/* Copies the next line, if it is not empty.  Returns where the one after it
 * begins; NULL: the line is of no use. */
static const char *
copy_passphrase(const struct tls_load *load, const struct tls_file *file,
    unsigned number, const char *line, struct tls_passphrases *into)
{
    const char *end = file->content.text + file->content.length;
    const char *newline = memchr(line, '\n', (size_t)(end - line));
    size_t length = (size_t)((newline != NULL ? newline : end) - line);
    const char *next = newline != NULL ? newline + 1 : end;

    if (length > 0 && line[length - 1] == '\r')
        length--;
    if (!judge_passphrase(load, file, number, line, length))
        return NULL;
    if (length == 0)
        return next;
    memcpy(into->lines + into->size, line, length);
    into->size += length;
    into->lines[into->size++] = '\0';
    into->count++;
    return next;
}

static bool
copy_passphrases(const struct tls_load *load, const struct tls_file *file,
    struct tls_passphrases *into)
{
    const char *line = file->content.text;
    const char *end = line + file->content.length;

    for (unsigned number = 1; line != NULL && line < end; number++)
        line = copy_passphrase(load, file, number, line, into);
    if (line == NULL)
        return false;
    if (into->count > 0 && into->count <= PASSPHRASES_MAX)
        return true;
    if (into->count == 0)
        tls_load_fault(load, "passphrase_file", "%s: there is no passphrase in "
            "it; each line is one", file->path);
    else
        tls_load_fault(load, "passphrase_file", "%s: there are %zu passphrases "
            "in it, and %d may be", file->path, into->count, PASSPHRASES_MAX);
    return false;
}

bool
tls_passphrases_read(
    const struct tls_load *load, struct tls_passphrases *passphrases)
{
    const char *path = load->leg->passphrase_file;
    struct tls_file file;
    bool usable;

    *passphrases = (struct tls_passphrases){ .lines = NULL };
    if (path == NULL)
        return true;
    if (!tls_file_read(load, "passphrase_file", FILE_FOR_TLS_SECRET, path,
        TLS_FILE_KEYS_BYTES, &file))
        return false;
    /* No line grows by more than the NUL that the last one may lack. */
    passphrases->lines = OPENSSL_malloc(file.content.length + 1);
    if (passphrases->lines == NULL)
        tls_load_fault(load, "passphrase_file", "%s: cannot be read: out of "
            "memory", path);
    usable = passphrases->lines != NULL &&
        copy_passphrases(load, &file, passphrases);
    tls_file_free(&file);
    return usable;
}

void
tls_passphrases_forget(struct tls_passphrases *passphrases)
{
    OPENSSL_clear_free(passphrases->lines, passphrases->size);
    *passphrases = (struct tls_passphrases){ .lines = NULL };
}

/* OpenSSL's callback; without one it would ask on the terminal. */
static int
give_passphrase(char *text, int size, int writing, void *arg)
{
    struct passphrase_try *attempt = arg;
    size_t length;

    (void)writing;
    attempt->asked = true;
    if (attempt->text == NULL)
        return -1;
    length = strlen(attempt->text);
    if (length > (size_t)size)
        return -1;
    memcpy(text, attempt->text, length);
    return (int)length;
}

static EVP_PKEY *
try_passphrase(const struct tls_file *file, struct passphrase_try *attempt)
{
    BIO *bio = BIO_new_mem_buf(file->content.text,
        (int)file->content.length);
    EVP_PKEY *key = NULL;

    ERR_clear_error();
    if (bio != NULL)
        key = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, attempt);
    BIO_free(bio);
    return key;
}

EVP_PKEY *
tls_passphrases_open_key(
    struct tls_passphrases *passphrases, const struct tls_file *file)
{
    struct passphrase_try attempt = {
        .text = passphrases->count > 0 ? passphrases->lines : NULL,
    };
    EVP_PKEY *key = try_passphrase(file, &attempt);

    passphrases->asked = attempt.asked;
    for (size_t i = 1;
        key == NULL && attempt.asked && i < passphrases->count; i++) {
        attempt.text += strlen(attempt.text) + 1;
        key = try_passphrase(file, &attempt);
    }
    return key;
}
