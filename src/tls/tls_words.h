/*
 * Options of TLS that are lists of OpenSSL's words.
 *
 * OpenSSL drops words that it does not know from some lists, and refuses others
 * whole without saying why: so each word is judged by itself.
 */
#ifndef TLS_TLS_WORDS_H
#define TLS_TLS_WORDS_H

#include <stdbool.h>

#include "base/base.h"

struct tls_load;

/* Judges one word of `list`, and explains what is wrong with it.  False: it is
 * refused. */
typedef bool tls_words_judge_fn(
    const struct tls_load *load, const char *list, const char *word);

/* Has each word judged up to the first that is refused; empty ones are not.
 * False: one is, or there is no memory, which is among the errors. */
NODISCARD bool tls_words_each(const struct tls_load *load, const char *option,
    const char *list, const char *separators, tls_words_judge_fn *judge);

#endif
