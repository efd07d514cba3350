/*
 * All orders in which steps may come: each step is a letter, and a word is a
 * sequence of them.
 */
#ifndef TESTS_RELAY_WORDS_H
#define TESTS_RELAY_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum { WORD_MOST = 4 };

struct words {
    const char *alphabet;
    size_t longest; /* of WORD_MOST letters at most */
    bool (*is_possible)(const char *word);
    void (*run)(const char *word);
};

/* Runs every possible word of one letter and more; returns how many. */
size_t words_run(const struct words *words);

#endif
