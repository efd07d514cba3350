/*
 * The options of other programs: what they are called here.
 */
#ifndef CONFIG_CONFIG_FOREIGN_H
#define CONFIG_CONFIG_FOREIGN_H

/* A phrase that says what to write in place of another program's option, such as
 * `that is stunnel's word; write "listen"`.  Static.  NULL: the word, in
 * whatever case, is none of them. */
const char *config_foreign_advice(const char *word);

#endif
