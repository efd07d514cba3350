#include "tls/tls_pem_damage.h"

#include <string.h>

#include <criterion/criterion.h>

#include "base/base.h"

#define BEGIN "-----BEGIN CERTIFICATE-----\n"
#define END "-----END CERTIFICATE-----\n"
#define LINE "MIIBAAAAAAAAAAAA\n"

static const struct {
    const char *text;
    unsigned number;
    const char *words;
} rows[] = {
    { BEGIN LINE LINE "AA==\n" END, 1, " (it begins in line 1)" },
    { BEGIN LINE "MII!AAAAAAAAAAAA\n" LINE END, 1,
        " (it begins in line 1, and line 3 is damaged)" },
    { BEGIN LINE "MIIBAAAAAAA\n" LINE END, 1,
        " (it begins in line 1, and line 3 is damaged)" },
    { BEGIN LINE "MIIBAAAAAAAAAAAAAA\n" LINE END, 1,
        " (it begins in line 1, and line 3 is damaged)" },
    { "subject\n" BEGIN LINE END BEGIN LINE "?\n" END, 2,
        " (it begins in line 5, and line 7 is damaged)" },
    { BEGIN LINE "\n" LINE END, 1,
        " (it begins in line 1, and line 3 is damaged)" },
    { "-----BEGIN TRUSTED CERTIFICATE-----\r\nAAAA\r\n" END, 1,
        " (it begins in line 1)" },
    { BEGIN "Proc-Type: 4,ENCRYPTED\n\n" LINE "#\n" END, 1,
        " (it begins in line 1, and line 5 is damaged)" },
    { BEGIN LINE, 1, " (it begins in line 1)" },
    { BEGIN, 2, "" },
    { "-----BEGIN PRIVATE KEY-----\nAAAA\n", 1, "" },
    { "", 1, "" },
    { BEGIN, 0, "" },
};

Test(tls_pem_damage, names_the_line)
{
    for (size_t i = 0; i < COUNT(rows); i++) {
        char words[TLS_PEM_DAMAGE_SIZE];

        cr_expect_str_eq(tls_pem_damage(rows[i].text, strlen(rows[i].text),
            "CERTIFICATE", rows[i].number, words), rows[i].words, "%zu: %s", i,
            words);
    }
}
