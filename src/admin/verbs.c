#include "admin/verbs.h"

#include <assert.h>
#include <string.h>

static const struct verb_info verbs[] = {
    [VERB_STATUS] = { .name = "status", .has_json = true,
        .answers = VERB_BY_MASTER, .patience_ms = SECONDS(10),
        .master_ms = SECONDS(2),
        .help = "what the daemon that runs with FILE does",
        .text = "Prints its processes, and for each service how many "
            "connections there are and were, the bytes that they carried, and "
            "how many did not end properly.",
        .example = "sallyport status --json | jq .all.active\n" },
    /* A trial with a slow DNS takes its time. */
    [VERB_RELOAD] = { .name = "reload", .answers = VERB_BY_MASTER,
        .patience_ms = SECONDS(60),
        .help = "have it read its files anew",
        .text = "Has the daemon read its configuration and all certificates "
            "again, and prints how that went. If anything is wrong, everything "
            "stays as it was. No connection is lost.",
        .example = "sallyport check && sallyport reload\n" },
    [VERB_UPGRADE] = { .name = "upgrade", .answers = VERB_BY_MASTER,
        .patience_ms = SECONDS(120),
        .help = "have it hand over to the binary now on disk",
        .text = "Connections stay with the old processes for as long as they "
            "last, and no client is refused. If the new binary cannot serve, "
            "the old one goes on.",
        .example = "sallyport upgrade && sallyport version --running\n" },
    [VERB_DRAIN] = { .name = "drain", .argument = "SERVICE",
        .answers = VERB_BY_MASTER, .patience_ms = SECONDS(60),
        .help = "have it accept no more for a service",
        .text = "Connections that the service has go on until they end. A "
            "reload has it accept again.",
        .example = "sallyport drain web\n" },
    [VERB_CERTS] = { .name = "certs", .has_json = true,
        .answers = VERB_BY_MASTER, .patience_ms = SECONDS(10),
        .help = "its certificates, their ends, and who uses them",
        .text = "Prints each certificate that services show to clients or "
            "servers, once, the first to end in front: how long it holds, its "
            "names, issuer, serial number and key, and the services; then the "
            "revocation lists, with their age.",
        .example = "sallyport certs --json | "
            "jq '.certificates[] | select(.days_left < 30)'\n" },
    /* Asked by `sallyport version --running`. */
    [VERB_VERSION] = { .name = "version", .answers = VERB_BY_ADMIN,
        .patience_ms = SECONDS(10) },
};

static_assert(COUNT(verbs) == VERB_COUNT, "every verb has its row");

const struct verb_info *
verbs_info(enum verb verb)
{
    assert((unsigned)verb < VERB_COUNT);
    return &verbs[verb];
}

bool
verbs_find(const char *name, size_t length, enum verb *verb)
{
    for (size_t i = 0; i < VERB_COUNT; i++) {
        if (strlen(verbs[i].name) != length ||
            memcmp(verbs[i].name, name, length) != 0)
            continue;
        *verb = (enum verb)i;
        return true;
    }
    return false;
}
