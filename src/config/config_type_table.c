#include "config/config_type_table.h"

#include <assert.h>

#include "base/base.h"
#include "config/config_type_rows.h"

const struct config_type *const config_type_table[] = {
    [OPTION_BOOL] = &config_type_bool,
    [OPTION_WORD] = &config_type_word,
    [OPTION_NUMBER] = &config_type_number,
    [OPTION_MSEC] = &config_type_msec,
    [OPTION_SIZE] = &config_type_size,
    [OPTION_MODE] = &config_type_mode,
    [OPTION_PATH] = &config_type_path,
    [OPTION_PATHS] = &config_type_paths,
    [OPTION_TRUST] = &config_type_trust,
    [OPTION_PATTERNS] = &config_type_patterns,
    [OPTION_JOINED] = &config_type_joined,
    [OPTION_PROTOCOLS] = &config_type_protocols,
    [OPTION_PINS] = &config_type_pins,
    [OPTION_KEEPALIVE] = &config_type_keepalive,
    [OPTION_HOST] = &config_type_host,
    [OPTION_SNI] = &config_type_sni,
    [OPTION_OWNER] = &config_type_owner,
    [OPTION_ACCOUNT] = &config_type_account,
    [OPTION_CONTROL] = &config_type_control,
    [OPTION_LISTEN] = &config_type_listen,
    [OPTION_CONNECT] = &config_type_connect,
    [OPTION_MATCH] = &config_type_match,
    [OPTION_ALLOW] = &config_type_allow,
    [OPTION_LOG] = &config_type_log,
};

static_assert(COUNT(config_type_table) == OPTION_TYPE_COUNT,
    "every type has its row");
