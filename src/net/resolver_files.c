#include "net/resolver_files.h"

#include "base/error.h"
#include "files/files.h"
#include "net/resolver_dns.h"

/* Lists of a million blocked names are in use. */
const struct resolver_file resolver_file[RESOLVER_FILE_COUNT] = {
    [RESOLVER_FILE_HOSTS] = { "/etc/hosts", 64 << 20 },
    [RESOLVER_FILE_RESOLV_CONF] = { "/etc/resolv.conf", 1 << 20 },
};

/* A file that is not there is empty. */
static void
read_resolver_file(struct files *files, int which, struct file_content *content)
{
    (void)!files_read(files, FILE_FOR_CONFIG, resolver_file[which].path,
        resolver_file[which].limit, content);
}

static bool
set_resolver_files(
    struct files *files, struct resolver_dns *dns, struct error *error)
{
    struct file_content hosts, resolv_conf;
    bool ok;

    read_resolver_file(files, RESOLVER_FILE_HOSTS, &hosts);
    read_resolver_file(files, RESOLVER_FILE_RESOLV_CONF, &resolv_conf);
    ok = resolver_dns_set_files(dns,
        &(struct resolver_files){
            .hosts = hosts.text,
            .hosts_length = hosts.length,
            .resolv_conf = resolv_conf.text,
            .resolv_conf_length = resolv_conf.length,
        });
    if (!ok)
        error_no_memory(error);
    files_release(&hosts);
    files_release(&resolv_conf);
    return ok;
}

bool
resolver_files_adopt(int fd, struct resolver_dns *dns, struct error *error)
{
    struct files *files = files_in_bundle(fd, -1, error);
    bool ok = files != NULL && set_resolver_files(files, dns, error);

    files_unref(files);
    return ok;
}

bool
resolver_files_load(struct resolver_dns *dns, struct error *error)
{
    return set_resolver_files(NULL, dns, error);
}
