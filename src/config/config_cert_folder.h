/*
 * What the directory of a certificate says of a service besides: in a secret of
 * Kubernetes, as cert-manager fills it, tls.crt and tls.key stand beside the ca.crt
 * that has issued them.
 */
#ifndef CONFIG_CONFIG_CERT_FOLDER_H
#define CONFIG_CONFIG_CERT_FOLDER_H

#include <stdbool.h>

#include "base/base.h"

struct service_config;

/* Where clients are verified and listen.ca is not said, takes it from the directories
 * that listen.cert names.  False: out of memory. */
NODISCARD bool config_cert_folder_take_ca(struct service_config *service);

#endif
