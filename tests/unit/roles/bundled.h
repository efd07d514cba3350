/* Bundles, as the master makes them of a configuration. */
#ifndef BUNDLED_H
#define BUNDLED_H

/* The descriptor of a bundle of that configuration, which has to be good; the
 * caller closes it. */
int bundled_text(const char *text);

#endif
