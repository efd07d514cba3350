/*
 * OpenSSL, made ready for processes that can open no files.
 */
#ifndef TLS_TLS_INIT_H
#define TLS_TLS_INIT_H

#include <stdbool.h>

#include "base/base.h"

struct error;

/* Has OpenSSL read and load now what it otherwise would when it is first needed
 * (its configuration file, providers, algorithms, words for errors), before the
 * process is confined.  False: `error` says why. */
NODISCARD bool tls_init(struct error *error);

#endif
