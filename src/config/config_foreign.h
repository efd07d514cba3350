/*
 * The options of other programs: what they are called here.
 */
#ifndef CONFIG_CONFIG_FOREIGN_H
#define CONFIG_CONFIG_FOREIGN_H

struct foreign_word {
    const char *word;
    const char *program; /* NULL: not of one program */
    const char *ours;    /* the option that has its value, with its value if there
                            is a '='; NULL: none */
    const char *advice;
};

/* The word in whatever case; NULL: it is none of them. */
const struct foreign_word *config_foreign_find(const char *word);

/* A phrase that says what to write in place of another program's option, such as
 * `that is stunnel's word; write "listen"`.  Static.  NULL: the word, in
 * whatever case, is none of them. */
const char *config_foreign_advice(const char *word);

#endif
