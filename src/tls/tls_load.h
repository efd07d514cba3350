/*
 * What the parts of loading a context share: whose options are read, where
 * what they name goes, how faults are told, and the reading of PEM files.
 */
#ifndef TLS_TLS_LOAD_H
#define TLS_TLS_LOAD_H

#include <sys/types.h>

#include <openssl/types.h>
#include <openssl/x509.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "files/files.h"
#include "tls/tls_pem_slip.h"

struct error;
struct leg_config;
struct service_config;
struct tls_notes;
struct tls_shared;
struct tls_signer;

struct tls_load {
    const struct service_config *service;
    const struct leg_config *leg;
    struct files *files;    /* where what they name is read from */
    const char *side;       /* "listen" or "connect" */
    bool accepts;           /* the TLS server's side */
    struct tls_signer *signer; /* NULL: private keys are loaded here */
    struct tls_shared *shared; /* NULL: what is loaded is this leg's alone */
    struct tls_notes *notes;   /* where messages go; NULL: to the errors and
                                  the log */
    const char *written;    /* the line of the option that files are listed by;
                               NULL: messages begin with what the line says */
    SSL_CTX *ctx;           /* being filled */
    EVP_MD_CTX *policy;     /* digest of all that decides which peers pass */
    struct error *error;
};

/* A file's contents, perhaps a private key. */
struct tls_file {
    const char *path;       /* borrowed */
    struct file_content content;
};

enum {
    TLS_FILE_KEYS_BYTES = 1 << 20,      /* chains and keys are small */
    TLS_FILE_TRUST_BYTES = 64 << 20,    /* CRLs of public CAs are not */
};

/* Adds a message about the leg's option to the errors, with the place where it
 * was written (config_fault.h).  If the option may have several values, the message
 * begins with the one that it is about, and a ": ". */
void tls_load_fault(const struct tls_load *load, const char *option,
    const char *format, ...) PRINTF_LIKE(3, 4);

/* The same about one word of a list that may have been written in several lines. */
void tls_load_fault_word(const struct tls_load *load, const char *option,
    const char *word, const char *format, ...) PRINTF_LIKE(4, 5);

/* Logs "SIDE.OPTION: ..." as a warning about the service; otherwise the same as
 * tls_load_fault(). */
void tls_load_warn(const struct tls_load *load, const char *option,
    const char *format, ...) PRINTF_LIKE(3, 4);

/* Logs "SIDE.OPTION: TEXT" at info. */
void tls_load_tell(
    const struct tls_load *load, const char *option, const char *text);

/* Reports what was noted of something shared, as the leg's own: faults and
 * warnings. */
void tls_load_report(
    const struct tls_load *load, const struct tls_notes *notes);

/* The files that the service's options name; NULL: the disk. */
struct files *tls_load_files(const struct service_config *service);

/* Reads all of `path`, at most `limit` bytes of a regular file.  False: the
 * reason is among the errors.  The caller frees with tls_file_free(). */
NODISCARD bool tls_file_read(const struct tls_load *load, const char *option,
    enum file_use use, const char *path, size_t limit, struct tls_file *file);

/* Adds why files_read() found nothing; `result` is not FILE_DONE. */
void tls_file_explain(const struct tls_load *load, const char *option,
    const struct tls_file *file, enum file_result result, size_t limit);

void tls_file_free(struct tls_file *file);

/* True if a line "-----BEGIN ...LABEL-----" is there. */
bool tls_file_holds(const struct tls_file *file, const char *label);

/* Reports what befell a file in which no `wanted` block could be read, if that
 * is a known accident (tls_pem_slip.h).  False: it is not, nothing reported. */
NODISCARD bool tls_file_explain_slip(const struct tls_load *load,
    const char *option, const struct tls_file *file,
    enum tls_pem_wanted wanted);

/* All certificates of a PEM file, in their order; other blocks are skipped.
 * NULL: there is none, or one cannot be read; the reason is among the
 * errors. */
NODISCARD STACK_OF(X509) *tls_file_certificates(const struct tls_load *load,
    const char *option, const struct tls_file *file);

/* Whether `count` certificates are what a file is to have: at least one, and it
 * was read to its end (`read`), or OpenSSL's error queue says why not.  False: the
 * reason is among the errors. */
NODISCARD bool tls_file_has_certificates(const struct tls_load *load,
    const char *option, const struct tls_file *file, bool read, int count);

/* A PEM callback: without one OpenSSL would ask on the terminal. */
int tls_file_no_passphrase(char *text, int size, int writing, void *arg);

/* After a PEM reader returned NULL: true if there was no further block, rather
 * than one that cannot be read.  Then OpenSSL's queue is emptied. */
bool tls_file_ended(void);

/* Adds to the policy's digest; a failure is added to the errors.  The length
 * goes in too: "ab", "c" is not "a", "bc". */
void tls_load_digest(const struct tls_load *load, const void *data,
    size_t length);
void tls_load_digest_certificate(const struct tls_load *load, X509 *cert);

#endif
