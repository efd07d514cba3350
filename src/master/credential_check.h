/*
 * Warns of files that a configuration names and that are copies, made when the
 * unit started: a reload reads the copy again, not the file that was renewed.
 */
#ifndef MASTER_CREDENTIAL_CHECK_H
#define MASTER_CREDENTIAL_CHECK_H

struct config;

/* Logs a warning of each service's credentials (systemd/credential.h) whose files
 * have changed since, or may not be looked at. */
void credential_check(const struct config *config);

#endif
