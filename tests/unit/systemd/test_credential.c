#include "systemd/credential.h"

#include <string.h>

#include <criterion/criterion.h>

#include "base/base.h"

Test(credential, is_told_by_its_path)
{
    static const struct { const char *path, *unit, *id; } cases[] = {
        { "/run/credentials/a.service/web.key", "a.service", "web.key" },
        { "/run/credentials/a@b.service/x", "a@b.service", "x" },
        { "/run/credentials/a.service/", NULL, NULL },
        { "/run/credentials/a.service", NULL, NULL },
        { "/run/credentials//x", NULL, NULL },
        { "/run/credentials/a.service/b/c", NULL, NULL },
        { "/run/credentials", NULL, NULL },
        { "/etc/sallyport/web.key", NULL, NULL },
        { "", NULL, NULL },
    };
    struct credential credential;

    for (size_t i = 0; i < COUNT(cases); i++) {
        bool is = credential_parse(cases[i].path, &credential);

        cr_expect_eq(is, cases[i].unit != NULL, "%s", cases[i].path);
        if (is && cases[i].unit != NULL) {
            cr_expect_str_eq(credential.unit, cases[i].unit);
            cr_expect_str_eq(credential.id, cases[i].id);
        }
    }
}

Test(credential, has_names_of_a_file)
{
    char path[3 * NAME_MAX + 20] = "/run/credentials/a.service/";
    struct credential credential;

    memset(path + strlen(path), 'x', NAME_MAX);
    cr_expect(credential_parse(path, &credential));
    strcat(path, "x");
    cr_expect_not(credential_parse(path, &credential));
    strcpy(path, "/run/credentials/");
    memset(path + strlen(path), 'x', NAME_MAX + 1);
    strcat(path, "/id");
    cr_expect_not(credential_parse(path, &credential));
}

Test(credential, comes_from_what_the_unit_says)
{
    static const struct { const char *key, *value, *source; } cases[] = {
        { "LoadCredential", "web.key:/etc/web.key", "/etc/web.key" },
        { "LoadCredentialEncrypted", "web.key:/etc/web.cred",
            "/etc/web.cred" },
        { "LoadCredential", "other:/b", "as before" },
        { "LoadCredential", "web.key2:/b", "as before" },
        { "LoadCredential", "web:/b", "as before" },
        { "LoadCredential", "", "" },
        { "LoadCredential", "web.key", "as before" },
        { "LoadCredential", "web.key:name", "" },
        { "LoadCredential", "web.key:/keys/%i.key", "/keys/one.key" },
        { "LoadCredential", "web.key:/keys/%n/100%%",
            "/keys/relay@one.service/100%" },
        { "LoadCredential", "web.key:%d/x", "" },
        { "LoadCredential", "web.key:/%d/x", "" },
        { "LoadCredential", "web.key:/x%", "" },
        { "LoadCredentials", "web.key:/a", "as before" },
        { "User", "web.key:/a", "as before" },
    };
    struct credential credential;

    cr_assert(credential_parse("/run/credentials/relay@one.service/web.key",
        &credential));
    for (size_t i = 0; i < COUNT(cases); i++) {
        char source[PATH_MAX] = "as before";

        credential_see(&credential, cases[i].key, cases[i].value, source);
        cr_expect_str_eq(source, cases[i].source, "%s", cases[i].value);
    }
}

Test(credential, of_a_unit_that_is_not_there_is_not_known)
{
    char source[PATH_MAX];

    cr_expect_eq(credential_look("/etc/passwd", source), CREDENTIAL_NONE);
    cr_expect_eq(credential_look("/run/credentials/none.service/x", source),
        CREDENTIAL_NONE);
}
