/*
 * hosts(5): the addresses that a machine's own file gives a name.
 *
 * The file is read as the "files" service of the C library reads it for
 * getaddrinfo(3) (glibc, nss/nss_files/files-hosts.c): line by line, each for
 * itself.  Two lines that share an address or a name have nothing else to do
 * with each other, and a line whose address is not in order is no line.
 */
#ifndef NET_HOSTS_FILE_H
#define NET_HOSTS_FILE_H

#include <stddef.h>

#include "base/address.h"
#include "base/base.h"

/* Writes up to `room` addresses of `host`, in the file's order, each once;
 * upper and lower case are the same.  `text` need not end with a NUL.  Returns
 * how many there are; 0: the file does not know the name. */
size_t hosts_file_find(const char *text, size_t length, const char *host,
    struct address *addresses, size_t room);

#endif
