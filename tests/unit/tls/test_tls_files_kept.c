/* Which files a service's options name, and whether they have changed. */
#include "tls/tls_files.h"

#include <criterion/criterion.h>

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "config/config.h"
#include "files/files.h"
#include "handshake.h"
#include "pki.h"
#include "tls/tls_load.h"

static struct endpoint tls_end = { .tls = true }, plain_end;
static char service_name[] = "test", word[] = "system";
static char *cert, *key, *secret, *list, *system_file, *folder, *in_folder;

static char *
text_file(const char *name, const char *text)
{
    return pki_text(name, text, strlen(text));
}

static void
setup(void)
{
    static char path[256], in[256];

    handshake_log("/dev/null");
    cert = text_file("cert.pem", "cert");
    key = text_file("key.pem", "key");
    secret = text_file("passphrase", "word");
    list = text_file("crl.pem", "list");
    system_file = text_file("system.pem", "system");
    snprintf(path, sizeof(path), "%s/folder", pki_folder());
    cr_assert_eq(mkdir(path, 0700), 0);
    folder = path;
    (void)text_file("folder/a.pem", "a");
    snprintf(in, sizeof(in), "%s/a.pem", folder);
    in_folder = in;
    setenv("SSL_CERT_FILE", system_file, 1);
    setenv("SSL_CERT_DIR", folder, 1);
}

static void
teardown(void)
{
    unlink(in_folder);
    rmdir(folder);
    pki_clean();
}

TestSuite(tls_files_kept, .init = setup, .fini = teardown);

static struct service_config
full_service(void)
{
    return (struct service_config){
        .name = service_name, .listen = { &tls_end, 1 },
        .connect = { &tls_end, 1 },
        .listen_leg = LEG(.cert = { &cert, 1 }, .key = { &key, 1 },
            .passphrase_file = secret, .verify = VERIFY_REQUIRED,
            .ca = { &folder, 1 }, .crl = { &list, 1 }),
        .connect_leg = LEG(.verify = VERIFY_REQUIRED),
    };
}

static struct files *
gathered(struct service_config *service)
{
    struct config config = { .services = service, .service_count = 1,
        .files = files_on_disk() };

    cr_assert_not_null(config.files);
    tls_files_gather(&config);
    return config.files;
}

static bool
knows(const struct files *files, const char *path, bool is_secret)
{
    for (size_t i = 0; i < files_count(files); i++) {
        const struct file_entry *answer = files_at(files, i);

        if (answer->kind == FILE_TLS && strcmp(answer->path, path) == 0)
            return answer->secret == is_secret &&
                answer->result != FILE_NOT_OPENED;
    }
    return false;
}

Test(tls_files_kept, gathers_all_that_a_service_names)
{
    struct service_config service = full_service();
    struct files *files = gathered(&service);

    cr_expect(knows(files, cert, false));
    cr_expect(knows(files, key, true));
    cr_expect(knows(files, secret, true));
    cr_expect(knows(files, folder, false));
    cr_expect(knows(files, in_folder, false));
    cr_expect(knows(files, list, false));
    cr_expect(knows(files, system_file, false));
    files_unref(files);
}

Test(tls_files_kept, gathers_nothing_that_has_no_effect)
{
    struct service_config service = full_service();
    struct files *files;

    service.listen = service.connect = (struct endpoints){ &plain_end, 1 };
    files = gathered(&service);
    cr_expect_eq(files_count(files), 0);
    files_unref(files);
    service.listen = (struct endpoints){ &tls_end, 1 };
    service.listen_leg.verify = VERIFY_NONE;
    files = gathered(&service);
    cr_expect(knows(files, cert, false));
    cr_expect_not(knows(files, in_folder, false));
    cr_expect_not(knows(files, system_file, false));
    files_unref(files);
}

/* A list of revoked certificates may be larger than any key. */
Test(tls_files_kept, gathers_large_lists)
{
    struct service_config service = full_service();
    struct files *files;

    cr_assert_eq(truncate(list, TLS_FILE_KEYS_BYTES + 1), 0);
    cr_assert_eq(truncate(cert, TLS_FILE_KEYS_BYTES + 1), 0);
    files = gathered(&service);
    for (size_t i = 0; i < files_count(files); i++) {
        const struct file_entry *answer = files_at(files, i);

        if (strcmp(answer->path, list) == 0)
            cr_expect_eq(answer->result, FILE_DONE);
        if (answer->kind == FILE_TLS && strcmp(answer->path, cert) == 0)
            cr_expect_eq(answer->result, FILE_TOO_LARGE);
    }
    files_unref(files);
}

/* Whether the service is as it was before, by the disk as it is now. */
static bool
is_same(struct service_config *service, struct files *before)
{
    struct files *now = gathered(service);
    bool same = tls_files_same(service, before, now);

    cr_expect_eq(tls_files_same(service, now, before), same);
    files_unref(now);
    return same;
}

Test(tls_files_kept, tells_what_has_changed)
{
    char **const paths[] = { &cert, &key, &secret, &list, &system_file,
        &in_folder };
    struct service_config service = full_service();
    struct files *before = gathered(&service);

    cr_expect(is_same(&service, before));
    for (size_t i = 0; i < COUNT(paths); i++) {
        const char *path = *paths[i];
        char away[512];

        snprintf(away, sizeof(away), "%s.away", path);
        cr_assert_eq(rename(path, away), 0);
        cr_expect_not(is_same(&service, before), "%s", path);
        cr_assert_eq(rename(away, path), 0);
        cr_expect(is_same(&service, before), "%s", path);
        cr_assert_eq(chmod(path, 0640), 0);
        cr_expect(is_same(&service, before), "%s", path);
    }
    files_unref(before);
}

Test(tls_files_kept, finds_the_system_where_the_name_is_written)
{
    struct service_config service = full_service();
    char *trusted = word;
    struct files *files;

    service.connect_leg.verify = VERIFY_NONE;
    service.listen_leg.ca = (struct strings){ &trusted, 1 };
    files = gathered(&service);
    cr_expect(knows(files, system_file, false));
    cr_expect_not(knows(files, in_folder, false));
    files_unref(files);
    setenv("SSL_CERT_FILE", "/nowhere", 1);
    files = gathered(&service);
    cr_expect(knows(files, in_folder, false));
    files_unref(files);
}
