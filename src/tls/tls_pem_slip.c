#include "tls/tls_pem_slip.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include <ctype.h>
#include <string.h>

#define LITERAL(text) text, sizeof(text) - 1

static const char begin[] = "-----BEGIN ";

struct text {
    const char *at;
    size_t length;
};

static const char *
find_in(const struct text *text, const char *word, size_t length)
{
    return memmem(text->at, text->length, word, length);
}

static bool
text_has(const struct text *text, const char *word)
{
    return find_in(text, word, strlen(word)) != NULL;
}

static bool
starts_with(const struct text *text, const char *bytes, size_t length)
{
    return text->length >= length && memcmp(text->at, bytes, length) == 0;
}

/* White space alone counts as nothing. */
static const char *
slip_of_emptiness(const struct text *text)
{
    size_t i;

    for (i = 0; i < text->length; i++)
        if (!isspace((unsigned char)text->at[i]))
            return NULL;
    return "is empty";
}

static const char *
slip_of_encoding(const struct text *text)
{
    if (starts_with(text, LITERAL("\xff\xfe")) ||
        starts_with(text, LITERAL("\xfe\xff")))
        return "is in UTF-16; save it as plain text (UTF-8)";
    if (starts_with(text, LITERAL("\xef\xbb\xbf")))
        return "begins with a byte order mark; save it without one";
    if (starts_with(text, LITERAL("\xfe\xed\xfe\xed")))
        return "is a Java key store; export it to PKCS#12 with keytool "
            "-importkeystore -deststoretype PKCS12, and that to PEM with "
            "openssl pkcs12";
    return NULL;
}

#define FROM_PKCS12 "; convert it to PEM: openssl pkcs12 -in FILE -nodes " \
    "-out NEW.pem"
#define NO_CERTIFICATE "is a signing request, not a certificate; name the " \
    "file that the CA made from it"
#define FROM_PKCS7 "is a PKCS#7 bundle; convert it to PEM: openssl pkcs7 " \
    "-print_certs -in FILE -out NEW.pem"
#define OPENSSH "is a key of OpenSSH; convert a copy to PEM: ssh-keygen -p " \
    "-m PEM -f COPY"

#define KEY_IN_DER "is a private key in DER; convert it to PEM: openssl pkey " \
    "-inform DER -in FILE -out NEW.pem"

/* What DER can hold, but for private keys, of which there are many kinds. */
static const struct {
    ASN1_ITEM_EXP *item;
    const char *words;
} binaries[] = {
    { ASN1_ITEM_ref(X509), "is a certificate in DER; convert it to PEM: "
        "openssl x509 -inform DER -in FILE -out NEW.pem" },
    { ASN1_ITEM_ref(PKCS12), "is a PKCS#12 file" FROM_PKCS12 },
    { ASN1_ITEM_ref(X509_REQ), NO_CERTIFICATE },
    { ASN1_ITEM_ref(PKCS7), "is a PKCS#7 bundle in DER; convert it to PEM: "
        "openssl pkcs7 -inform DER -print_certs -in FILE -out NEW.pem" },
};

static bool
holds_item(const struct text *text, const ASN1_ITEM *item)
{
    const unsigned char *der = (const unsigned char *)text->at;
    ASN1_VALUE *value =
        ASN1_item_d2i(NULL, &der, (long)text->length, item);

    ASN1_item_free(value, item);
    return value != NULL;
}

static bool
holds_private_key(const struct text *text)
{
    const unsigned char *der = (const unsigned char *)text->at;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &der, (long)text->length);

    EVP_PKEY_free(key);
    return key != NULL;
}

static const char *
find_binary(const struct text *text)
{
    size_t i;

    for (i = 0; i < COUNT(binaries); i++)
        if (holds_item(text, binaries[i].item()))
            return binaries[i].words;
    return holds_private_key(text) ? KEY_IN_DER : NULL;
}

/* Every DER file of these kinds is a SEQUENCE. */
static const char *
slip_of_der(const struct text *text)
{
    enum { SEQUENCE = 0x30 };
    const char *words;

    if (text->length == 0 || text->at[0] != SEQUENCE)
        return NULL;
    words = find_binary(text);
    ERR_clear_error();
    return words;
}

#define LITERAL_BREAK "has the two characters \\n where a line break should be"

static const char *
slip_of_line_ends(const struct text *text)
{
    if (memchr(text->at, '\n', text->length) != NULL)
        return NULL;
    if (memchr(text->at, '\r', text->length) != NULL)
        return "has carriage returns alone for line ends; they have to be line "
            "feeds";
    if (text_has(text, "\\n"))
        return LITERAL_BREAK;
    return "is all on one line; a PEM block has a line of its own for its "
        "-----BEGIN and for its -----END";
}

/* What stands before the first "-----BEGIN " on its line. */
static const char *
slip_before_begin(const struct text *text)
{
    const char *found = find_in(text, begin, sizeof(begin) - 1);
    const char *line = found;

    while (line > text->at && line[-1] != '\n')
        line--;
    if (line == found)
        return NULL;
    if (strspn(line, " \t") == (size_t)(found - line))
        return "has indented lines; those of a PEM block begin without blanks";
    if (*line == '"' || *line == '\'')
        return "has its PEM block in quotes";
    return "has something before -----BEGIN on its line";
}

/* "-----END X----------BEGIN Y-----" */
static const char *
slip_of_joining(const struct text *text)
{
    if (!text_has(text, "----------BEGIN "))
        return NULL;
    return "has two blocks joined on the same line; put a line break between "
        "-----END ...----- and -----BEGIN ...-----";
}

static const char *
slip_of_literals(const struct text *text)
{
    return text_has(text, "-----\\n") ? LITERAL_BREAK : NULL;
}

/* Cuts off what there is up to the label of the next block.  False: there is
 * no further block, nothing changed. */
static bool
enter_block(struct text *rest)
{
    const char *found = find_in(rest, begin, sizeof(begin) - 1);

    if (found == NULL)
        return false;
    found += sizeof(begin) - 1;
    rest->length -= (size_t)(found - rest->at);
    rest->at = found;
    return true;
}

/* The last block counts: those before it end with it, if not before. */
static const char *
slip_of_end(const struct text *text)
{
    struct text rest = *text;

    while (enter_block(&rest))
        continue;
    return text_has(&rest, "-----END ")
        ? NULL
        : "has the beginning of a block and no -----END; was it cut off?";
}

static bool
holds_label(const struct text *text, const char *label)
{
    struct text rest = *text;

    while (enter_block(&rest))
        if (starts_with(&rest, label, strlen(label)))
            return true;
    return false;
}

/* What a file holds in place of what is wanted.  The words have to be right if
 * it holds others of these besides: the first one counts. */
static const struct {
    const char *label;
    const char *words;
} others[] = {
    { "CERTIFICATE REQUEST", NO_CERTIFICATE },
    { "NEW CERTIFICATE REQUEST", NO_CERTIFICATE },
    { "PKCS7", FROM_PKCS7 },
    { "PKCS12", "is a PKCS#12 file in text" FROM_PKCS12 },
    { "OPENSSH PRIVATE KEY", OPENSSH },
    { "SSH2 ", OPENSSH },
    { "PGP ", "is a file of OpenPGP" },
    { "PUBLIC KEY", "has only a public key" },
    { "RSA PUBLIC KEY", "has only a public key" },
};

static const char *
slip_of_kind(const struct text *text, enum tls_pem_wanted wanted)
{
    size_t i;

    for (i = 0; i < COUNT(others); i++)
        if (holds_label(text, others[i].label))
            return others[i].words;
    if (wanted == TLS_PEM_CERTIFICATE && text_has(text, "PRIVATE KEY-----"))
        return "holds a private key and no certificate";
    if (wanted == TLS_PEM_PRIVATE_KEY && holds_label(text, "CERTIFICATE-----"))
        return "holds a certificate and no private key";
    if (holds_label(text, "X509 CRL"))
        return "holds a revocation list";
    if (holds_label(text, "DH PARAMETERS") ||
        holds_label(text, "EC PARAMETERS"))
        return "holds parameters only";
    return NULL;
}

static bool
holds_wanted(const struct text *text, enum tls_pem_wanted wanted)
{
    if (wanted == TLS_PEM_PRIVATE_KEY)
        return text_has(text, "PRIVATE KEY-----") &&
            !holds_label(text, "OPENSSH PRIVATE KEY");
    return holds_label(text, "CERTIFICATE-----") ||
        holds_label(text, "TRUSTED CERTIFICATE-----") ||
        holds_label(text, "X509 CERTIFICATE-----");
}

static const char *
slip_of_blocks(const struct text *text, enum tls_pem_wanted wanted)
{
    const char *words = slip_of_line_ends(text);

    if (words == NULL)
        words = slip_before_begin(text);
    if (words == NULL)
        words = slip_of_joining(text);
    if (words == NULL)
        words = slip_of_literals(text);
    if (words == NULL && !holds_wanted(text, wanted))
        words = slip_of_kind(text, wanted);
    if (words == NULL)
        words = slip_of_end(text);
    return words;
}

const char *
tls_pem_slip(const char *start, size_t length, enum tls_pem_wanted wanted)
{
    const struct text text = { start, length };
    const char *words = slip_of_emptiness(&text);

    if (words == NULL)
        words = slip_of_encoding(&text);
    if (words == NULL)
        words = slip_of_der(&text);
    if (words == NULL && text_has(&text, begin))
        words = slip_of_blocks(&text, wanted);
    if (words == NULL && text_has(&text, "ssh-"))
        words = "is a public key of OpenSSH";
    return words;
}
