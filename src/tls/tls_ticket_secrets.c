#include "tls/tls_ticket_secrets.h"

#include <sys/stat.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "config/config_options.h"
#include "files/files.h"

#define FILE_BYTES_MAX KIB(8)

/* A secret is as strong as its line: the digest makes it as long as it has to be. */
static bool
digest_line(const char *line, size_t length, struct tls_secret *secret)
{
    size_t made = 0;

    return EVP_Q_digest(NULL, "SHA256", NULL, line, length, secret->bytes,
               &made) == 1 &&
        made == sizeof(secret->bytes);
}

static bool
is_printable_line(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (line[i] <= ' ' || line[i] > '~')
            return false;
    return true;
}

static bool
take_secret_line(const char *line, size_t length,
    struct tls_ticket_secrets *secrets, struct fault *fault)
{
    if (secrets->count == TLS_TICKET_SECRETS_MAX)
        return config_refuse(fault, "has more than %d lines; the first one "
            "seals tickets, and the second one still opens them",
            TLS_TICKET_SECRETS_MAX);
    if (!is_printable_line(line, length))
        return config_refuse(fault, "line %u holds blanks or bytes that are "
            "not printable; make it with: openssl rand -base64 48",
            (unsigned)secrets->count + 1);
    if (length < TLS_TICKET_LINE_LEAST || length > TLS_TICKET_LINE_MOST)
        return config_refuse(fault, "line %u has %zu bytes, and should have "
            "%d to %d; make it with: openssl rand -base64 48",
            (unsigned)secrets->count + 1, length, TLS_TICKET_LINE_LEAST,
            TLS_TICKET_LINE_MOST);
    if (!digest_line(line, length, &secrets->items[secrets->count]))
        return config_no_memory(fault);
    secrets->count++;
    return true;
}

bool
tls_ticket_secrets_parse(const char *text, size_t length,
    struct tls_ticket_secrets *secrets, struct fault *fault)
{
    secrets->count = 0;
    while (length > 0) {
        const char *end = memchr(text, '\n', length);
        size_t size = end != NULL ? (size_t)(end - text) : length;
        size_t line = size > 0 && text[size - 1] == '\r' ? size - 1 : size;

        if (line > 0 && !take_secret_line(text, line, secrets, fault))
            return false;
        text += size + (end != NULL);
        length -= size + (end != NULL);
    }
    if (secrets->count == 0)
        return config_refuse(fault, "is empty; make it with: openssl rand "
            "-base64 48");
    return true;
}

static bool
read_secret_file(const char *path, struct tls_ticket_secrets *secrets,
    struct fault *fault)
{
    char why[FILE_WHY_SIZE];
    struct file_content content;
    bool good;

    switch (files_read(
        NULL, FILE_FOR_TLS_SECRET, path, FILE_BYTES_MAX, &content)) {
    case FILE_DONE:
        good = tls_ticket_secrets_parse(
            content.text, content.length, secrets, fault);
        if (good && (content.mode & S_IROTH) != 0)
            log_warn(NULL, "ticket_secret: %s: every user can read this "
                "secret, which opens all tickets; chmod o= %s", path, path);
        files_release(&content);
        return good;
    case FILE_NOT_OPENED:
    case FILE_NOT_READ:
        return config_refuse(fault, "cannot be read: %s",
            files_why(NULL, FILE_TLS, path, content.why, why));
    default:
        return config_refuse(fault, "is not a file of at most %zu bytes",
            FILE_BYTES_MAX);
    }
}

bool
tls_ticket_secrets_read(const struct config *config,
    const struct tls_secret *own, struct tls_ticket_secrets *secrets,
    struct error *error)
{
    const struct global_config *global = &config->global;
    struct fault fault;

    if (global->ticket_secret == NULL) {
        secrets->items[0] = *own;
        secrets->count = 1;
        return true;
    }
    if (read_secret_file(global->ticket_secret, secrets, &fault))
        return true;
    config_fault_add(error,
        config_option_origin(
            global->origins, OPTION_GLOBAL, "ticket_secret"),
        "global", "ticket_secret", "%s: %s", global->ticket_secret,
        fault.text);
    return false;
}
