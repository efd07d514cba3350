#include "config/config_type_rows.h"

#include <string.h>

#include "config/config_allow.h"
#include "config/config_endpoint.h"
#include "config/config_fields.h"
#include "config/config_match.h"

/* OPTION_LISTEN, OPTION_CONNECT */

static bool
parse_listen(const struct config_parse *p)
{
    return config_endpoint_add(p->files, p->field, p->text, ENDPOINT_LISTEN,
        p->fault);
}

static bool
parse_connect(const struct config_parse *p)
{
    return config_endpoint_add(p->files, p->field, p->text,
        ENDPOINT_CONNECT, p->fault);
}

static size_t
endpoint_count(const void *field)
{
    return ((const struct endpoints *)field)->count;
}

static char *
format_endpoint(const struct option *option, const void *field,
    size_t index)
{
    (void)option;
    return strdup(((const struct endpoints *)field)->items[index].text);
}

static void
clear_endpoints(void *field)
{
    config_endpoint_clear_all(field);
}

static struct origin *
endpoint_origin(const void *field, size_t index)
{
    return &((const struct endpoints *)field)->items[index].origin;
}

/* OPTION_MATCH */

static bool
parse_match(const struct config_parse *p)
{
    return config_match_add(p->field, p->text, p->fault);
}

static size_t
count_matches(const void *field)
{
    return ((const struct match_rules *)field)->count;
}

static char *
format_match(const struct option *option, const void *field, size_t index)
{
    (void)option;
    return strdup(((const struct match_rules *)field)->items[index].text);
}

static void
clear_matches(void *field)
{
    config_match_clear(field);
}

static struct origin *
match_origin(const void *field, size_t index)
{
    return &((const struct match_rules *)field)->items[index].origin;
}

/* OPTION_ALLOW */

static bool
parse_allow(const struct config_parse *p)
{
    return config_allow_add(p->field, p->text, p->fault);
}

static size_t
count_allow(const void *field)
{
    return ((const struct allow_rules *)field)->count;
}

static char *
format_allow(const struct option *option, const void *field, size_t index)
{
    (void)option;
    return strdup(((const struct allow_rules *)field)->items[index].text);
}

static void
clear_allow(void *field)
{
    config_allow_clear(field);
}

/* What both lists of endpoints have in common. */
#define ENDPOINTS \
    .count = endpoint_count, .format = format_endpoint, \
    .clear = clear_endpoints, .origin = endpoint_origin

const struct config_type config_type_listen = {
    .parse = parse_listen,
    ENDPOINTS,
    .expects = "ENDPOINT",
};

const struct config_type config_type_connect = {
    .parse = parse_connect,
    ENDPOINTS,
    .expects = "ENDPOINT",
};

const struct config_type config_type_match = {
    .parse = parse_match,
    .count = count_matches,
    .format = format_match,
    .clear = clear_matches,
    .origin = match_origin,
    .expects = "sni:NAME, alpn:NAME, proto:NAME, from:NET",
};

const struct config_type config_type_allow = {
    .parse = parse_allow,
    .count = count_allow,
    .format = format_allow,
    .clear = clear_allow,
    .expects = "cn:NAME, dns:NAME, uri:URI, spki:DIGEST",
};
