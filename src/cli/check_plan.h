/*
 * What a good configuration does, for `check` to print: a line for each service.
 */
#ifndef CLI_CHECK_PLAN_H
#define CLI_CHECK_PLAN_H

#include <stddef.h>

struct service;

/* To standard output; the services have their contexts, which tell of the
 * certificates.  Out of memory less is told. */
void check_plan_print(struct service *const *services, size_t count);

/* Prints a line that has its newline: what a path, or a certificate, has in it is not
 * for a terminal. */
void check_plan_line(const char *line, size_t length);

#endif
