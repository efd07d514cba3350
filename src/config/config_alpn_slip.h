/*
 * Names of application protocols that look like one of the registered ones, and
 * are none: a peer that offers the right one would not be understood.
 */
#ifndef CONFIG_CONFIG_ALPN_SLIP_H
#define CONFIG_CONFIG_ALPN_SLIP_H

/* The registered name (IANA, "TLS ALPN Protocol IDs") that may have been meant.
 * NULL: the name is registered itself, or like none. */
const char *config_alpn_slip(const char *name);

#endif
