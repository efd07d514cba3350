/*
 * What is to be warned of in services that are good as they are: names that no
 * client will ask for.
 */
#ifndef RELAY_SERVICES_WARN_H
#define RELAY_SERVICES_WARN_H

#include <stddef.h>

struct service;

/* Logs warnings with the places where it was written: application protocols that
 * look like registered ones, and names of listen.match that no certificate of its
 * service has.  For a start, a reload and `check`. */
void services_warn(struct service *const *services, size_t count);

#endif
