#include "tls/tls_digest.h"

#include <sys/stat.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "tls/tls_load.h"

enum { PATH_SIZE = 4096 };

struct tls_digest {
    EVP_MD_CTX *md;
    bool failed;
};

struct tls_digest *
tls_digest_new(void)
{
    struct tls_digest *digest = calloc(1, sizeof(*digest));

    if (digest == NULL)
        return NULL;
    digest->md = EVP_MD_CTX_new();
    digest->failed = digest->md == NULL ||
        EVP_DigestInit_ex(digest->md, EVP_sha256(), NULL) != 1;
    return digest;
}

void
tls_digest_add(struct tls_digest *digest, const void *data, size_t length)
{
    uint64_t counted = length;

    if (digest->failed ||
        EVP_DigestUpdate(digest->md, &counted, sizeof(counted)) != 1 ||
        EVP_DigestUpdate(digest->md, data, length) != 1)
        digest->failed = true;
}

void
tls_digest_add_text(struct tls_digest *digest, const char *text)
{
    tls_digest_add(digest, text, strlen(text));
}

bool
tls_digest_end(struct tls_digest *digest, unsigned char out[TLS_DIGEST_BYTES])
{
    bool done = !digest->failed &&
        EVP_DigestFinal_ex(digest->md, out, NULL) == 1;

    EVP_MD_CTX_free(digest->md);
    free(digest);
    return done;
}

/* At most `size` bytes of a regular file.  False: errno says why. */
static bool
read_named_file(const char *path, char *text, size_t size, size_t *length)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t got = 1;

    *length = 0;
    while (fd >= 0 && got != 0 && *length < size) {
        got = read(fd, text + *length, size - *length);
        if (got < 0 && errno != EINTR)
            break;
        if (got > 0)
            *length += (size_t)got;
    }
    if (fd >= 0)
        close(fd);
    return fd >= 0 && got >= 0;
}

static void
add_outcome(struct tls_digest *digest, int error)
{
    tls_digest_add(digest, &error, sizeof(error));
}

/* What is larger is refused by those who load it. */
static void
add_file(struct tls_digest *digest, const char *path, const struct stat *status)
{
    size_t size = (size_t)status->st_size, length;
    char *text;

    if (!S_ISREG(status->st_mode) || size > TLS_FILE_TRUST_BYTES) {
        add_outcome(digest, EFBIG);
        return;
    }
    text = malloc(size + 1);
    if (text == NULL) {
        digest->failed = true;
        return;
    }
    errno = 0;
    add_outcome(digest,
        read_named_file(path, text, size, &length) ? 0 : errno);
    tls_digest_add(digest, text, length);
    OPENSSL_cleanse(text, size); /* it may be a key */
    free(text);
}

static void add_path(struct tls_digest *digest, const char *path, bool enter);

static void
add_directory(struct tls_digest *digest, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    char name[PATH_SIZE];

    add_outcome(digest, count < 0 ? errno : 0);
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        add_path(digest, name, false);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

/* A directory within a directory is never looked into. */
static void
add_path(struct tls_digest *digest, const char *path, bool enter)
{
    struct stat status;

    tls_digest_add_text(digest, path);
    if (stat(path, &status) != 0)
        add_outcome(digest, errno);
    else if (!S_ISDIR(status.st_mode))
        add_file(digest, path, &status);
    else if (enter)
        add_directory(digest, path);
}

static void
add_system(struct tls_digest *digest, const char *variable, const char *path)
{
    const char *chosen = secure_getenv(variable);

    add_path(digest, chosen != NULL ? chosen : path, true);
}

static void
add_all(struct tls_digest *digest, const struct strings *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        add_path(digest, paths->items[i], true);
}

static void
add_trust(struct tls_digest *digest, const struct leg_config *leg)
{
    bool system = leg->verify != VERIFY_NONE && leg->ca.count == 0;

    for (size_t i = 0; i < leg->ca.count; i++) {
        if (strcmp(leg->ca.items[i], "system") == 0)
            system = true;
        else
            add_path(digest, leg->ca.items[i], true);
    }
    if (!system)
        return;
    add_system(digest, X509_get_default_cert_file_env(),
        X509_get_default_cert_file());
    add_system(digest, X509_get_default_cert_dir_env(),
        X509_get_default_cert_dir());
}

void
tls_digest_add_files(struct tls_digest *digest, const struct leg_config *leg)
{
    add_all(digest, &leg->cert);
    add_all(digest, &leg->key);
    add_all(digest, &leg->crl);
    add_trust(digest, leg);
    if (leg->passphrase_file != NULL)
        add_path(digest, leg->passphrase_file, true);
}
