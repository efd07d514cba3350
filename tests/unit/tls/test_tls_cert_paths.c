/* Which files a leg's certificate lines mean. */
#include "tls/tls_cert_paths.h"

#include <sys/stat.h>

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "config/config.h"
#include "files/files.h"
#include "pki.h"

static char folder[256];

static void
set_up(void)
{
    snprintf(folder, sizeof(folder), "%s", pki_folder());
}

TestSuite(tls_cert_paths, .init = set_up, .fini = pki_clean);

/* "a.pem b.pem=b.key" with the folder left out; "!": named by itself. */
static const char *
found_in(struct files *files, const struct leg_config *leg)
{
    static char text[1024];
    struct tls_cert_paths paths = { .items = NULL };
    size_t prefix = strlen(folder) + 1;
    int length = 0;

    cr_assert(tls_cert_paths_find(files, leg, &paths));
    text[0] = '\0';
    for (size_t i = 0; i < paths.count; i++) {
        const struct tls_cert_path *path = &paths.items[i];

        length += sprintf(text + length, "%s%zu%s%s%s%s", i > 0 ? " " : "",
            path->line, path->listed ? ":" : "!", path->cert + prefix,
            path->key != NULL ? "=" : "",
            path->key != NULL ? path->key + prefix : "");
    }
    tls_cert_paths_clear(&paths);
    return text;
}

/* What the files that keep say, and a bundle of them. */
static void
expect_found(const struct leg_config *leg, const char *wanted)
{
    struct error error = { .count = 0 };
    struct files *kept = files_on_disk(), *packed;
    int fd;

    cr_expect_str_eq(found_in(NULL, leg), wanted);
    cr_expect_str_eq(found_in(kept, leg), wanted);
    fd = files_pack(kept, &error);
    packed = files_in_bundle(fd, -1, &error);
    cr_assert_not_null(packed);
    close(fd);
    files_unref(kept);
    cr_expect_str_eq(found_in(packed, leg), wanted);
    files_unref(packed);
}

/* Files of these names, with a blank between, and the path of their folder. */
static char *
make_folder(const char *name, const char *files)
{
    char path[512], *copy = strdup(files), *rest = copy, *file, *made;

    cr_assert(asprintf(&made, "%s/%s", folder, name) > 0);
    mkdir(made, 0700);
    while ((file = strsep(&rest, " ")) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", name, file);
        if (*file != '\0')
            pki_text(path, "", 0);
    }
    free(copy);
    return made;
}

Test(tls_cert_paths, go_by_names)
{
    static const struct { const char *files, *line, *found; } cases[] = {
        { "", "", "" },
        { "README ca.crt a.key a.ocsp .hidden.pem", "", "" },
        { "b.pem a.crt c.cer", "", "0:@/a.crt 0:@/b.pem 0:@/c.cer" },
        { "a.pem a.key", "", "0:@/a.pem=@/a.key" },
        { "a.pem a.pem.key b.pem", "", "0:@/a.pem=@/a.pem.key 0:@/b.pem" },
        { "a.pem a.key a.pem.key", "", "0:@/a.pem=@/a.key" },
        { "tls.crt tls.key ca.crt", "", "0:@/tls.crt=@/tls.key" },
        { "tls.crt tls.key ca.crt", "/", "0:@/tls.crt=@/tls.key" },
        { "tls.crt a.pem", "", "0:@/tls.crt" },
        { "cert.pem chain.pem fullchain.pem privkey.pem README", "/",
            "0:@/fullchain.pem=@/privkey.pem" },
        { "a.pem b.pem b.key README", "/*.pem",
            "0:@/a.pem 0:@/b.pem=@/b.key" },
        { "a.pem b.pem b.key", "/b.*", "0:@/b.pem=@/b.key" },
        { "a.pem", "/[b-z].pem", "" },
        { "a.pem", "/a.pem", "0!@/a.pem" },
        { "a.pem a.key", "/a.pem", "0!@/a.pem" }, /* as ever */
        { "", "/missing.pem", "0!@/missing.pem" },
    };
    char name[32], line[512], wanted[512];

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct leg_config leg = { .cert = { (char *[]){ line }, 1 } };
        char *made;
        const char *from = cases[i].found;
        size_t length = 0;

        snprintf(name, sizeof(name), "f%zu", i);
        made = make_folder(name, cases[i].files);
        snprintf(line, sizeof(line), "%s%s", made, cases[i].line);
        wanted[0] = '\0';
        for (; *from != '\0'; from++)
            length += (size_t)(*from == '@'
                ? sprintf(wanted + length, "%s", name)
                : sprintf(wanted + length, "%c", *from));
        expect_found(&leg, wanted);
        free(made);
    }
}

Test(tls_cert_paths, are_in_the_order_of_lines)
{
    char *many = make_folder("many", "z.pem y.pem y.key");
    char *secret = make_folder("secret", "tls.crt tls.key");
    char *site = make_folder("site", "fullchain.pem privkey.pem");
    char *lines[] = { secret, pki_text("one.pem", "", 0), many, NULL };
    struct leg_config leg = { .cert = { lines, COUNT(lines) } };

    cr_assert(asprintf(&lines[3], "%s/s*/", folder) > 0);
    expect_found(&leg, "0:secret/tls.crt=secret/tls.key 1!one.pem "
        "2:many/y.pem=many/y.key 2:many/z.pem "
        "3:secret/tls.crt=secret/tls.key "
        "3:site/fullchain.pem=site/privkey.pem");
    free(lines[3]);
    leg.cert.count = 2;
    lines[0] = lines[1];
    leg.key = (struct strings){ (char *[]){ lines[1], lines[1] }, 2 };
    expect_found(&leg, "0!one.pem=one.pem 1!one.pem=one.pem");
    free(many);
    free(secret);
    free(site);
}
