/* The public part of a file that holds secrets: certificates and CRLs. */
#ifndef FILES_PEM_PUBLIC_H
#define FILES_PEM_PUBLIC_H

#include <stddef.h>

/* Copies the complete PEM blocks (RFC 7468) that are certificates or CRLs, line
 * by line as they are, and nothing else: what is not known to be public is
 * secret.  Returns how many bytes that are; `to` has room for them, or is
 * NULL. */
size_t pem_public_copy(const char *text, size_t length, char *to);

#endif
