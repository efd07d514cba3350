/*
 * The groups that keys are agreed on with (RFC 8446 4.2.7), and their names.
 */
#ifndef TLS_TLS_GROUPS_H
#define TLS_TLS_GROUPS_H

struct tls_load;

/* Sets the leg's groups, or careful ones where it names none.  One that the
 * library does not know is named among the errors, with those that it may have
 * been meant to be. */
void tls_groups_load(const struct tls_load *load);

/* The leg's groups as the library takes them, its own or the default. */
const char *tls_groups_list(const struct tls_load *load);

#endif
