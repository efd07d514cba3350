#include "config/config_build.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_cert_folder.h"
#include "config/config_check.h"
#include "config/config_fault.h"
#include "config/config_options.h"
#include "config/config_overlap.h"
#include "config/config_read.h"
#include "config/config_type.h"
#include "config/config_values.h"

/* The struct that is being filled, and by what. */
struct target {
    void *base;
    struct service_config *service; /* the same; NULL: it is none */
    struct origin *origins;
    struct section *own;        /* NULL: not written */
    struct section *shared;     /* [defaults], NULL likewise */
    struct files *files;
    struct error *error;
};

static bool
section_sets_option(const struct section *section, const struct option *option)
{
    for (size_t i = 0; section != NULL && i < section->count; i++) {
        if (section->items[i].option == option)
            return true;
    }
    return false;
}

/* Messages point to the line of the value that was just added. */
static void
mark_value(const struct target *target, const struct option *option,
    const struct assignment *item)
{
    size_t count = config_type_count(option, target->base);
    struct origin *origin = count > 0
        ? config_type_origin(option, target->base, count - 1) : NULL;

    if (origin != NULL)
        *origin = item->origin;
    else if (target->service != NULL && (option->flags & OPTION_LIST) != 0 &&
        !config_values_note(
            target->service, option, item->value, &item->origin))
        error_no_memory(target->error);
}

static void
apply_one(const struct target *target, struct section *section,
    struct assignment *item)
{
    const struct option *option = item->option;
    struct origin *origin = &target->origins[config_option_index(option)];
    struct fault fault;

    if (item->bad)
        return;
    if (!config_type_parse(option, item->value, section->directory,
        target->files, target->base, &fault)) {
        item->bad = section->faulty = true;
        config_fault_report(target->error, &item->origin, section->title,
            option->name, &fault);
        return;
    }
    mark_value(target, option, item);
    if (origin->file == NULL) {
        *origin = item->origin;
        origin->shared = section->kind == SECTION_DEFAULTS;
    }
}

/* All of the section in its order, or what it says of one option. */
static void
apply_section(const struct target *target, struct section *section,
    const struct option *option)
{
    for (size_t i = 0; section != NULL && i < section->count; i++) {
        if (option == NULL || section->items[i].option == option)
            apply_one(target, section, &section->items[i]);
    }
}

static void
apply_default(const struct target *target, const struct option *option)
{
    struct fault fault;

    if (option->value == NULL)
        return;
    if (!config_type_parse(option, option->value, NULL, NULL,
        target->base, &fault))
        error_add(target->error, "default of %s: %s", option->name,
            fault.text);
}

static void
apply_options(const struct target *target, enum option_scope scope)
{
    apply_section(target, target->own, NULL);
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);

        if (option->scope != scope || section_sets_option(target->own, option))
            continue;
        if (section_sets_option(target->shared, option))
            apply_section(target, target->shared, option);
        else
            apply_default(target, option);
    }
}

static struct origin *
new_origins(struct error *error)
{
    struct origin *origins = calloc(config_option_count(), sizeof(*origins));

    if (origins == NULL)
        error_no_memory(error);
    return origins;
}

/* False: something is missing, which has been reported. */
static bool
has_required(const struct section *section, struct error *error)
{
    bool complete = true;

    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);

        if (!(option->flags & OPTION_REQUIRED) ||
            section_sets_option(section, option))
            continue;
        config_fault_add(error, &section->origin, section->title,
            option->name, "it is missing; write %s = HOST:PORT",
            option->name);
        complete = false;
    }
    return complete;
}

static void
build_service(struct service_config *service, struct section *section,
    struct section *shared, struct error *error)
{
    struct target target = {
        .base = service, .service = service,
        .origins = new_origins(error), .own = section,
        .shared = shared, .files = service->config->files, .error = error,
    };

    service->origins = target.origins;
    service->name = strdup(section->name);
    service->origin = section->origin;
    if (service->name == NULL)
        error_no_memory(error);
    if (service->name == NULL || service->origins == NULL)
        return;
    apply_options(&target, OPTION_SERVICE);
    if (section->faulty || (shared != NULL && shared->faulty))
        return;
    if (!config_cert_folder_take_ca(service))
        error_no_memory(error);
    else if (has_required(section, error))
        config_check_service(service, error);
}

/* Tries [defaults] on a service that is thrown away, so that its faults are
 * reported once, and also when no service would use the value. */
static void
try_defaults(struct section *shared, struct files *files, struct error *error)
{
    struct service_config service = { .origins = new_origins(error) };
    struct target target = {
        .base = &service, .origins = service.origins, .own = shared,
        .files = files, .error = error,
    };

    if (service.origins != NULL)
        apply_options(&target, OPTION_SERVICE);
    config_service_clear(&service);
}

static struct section *
find_kind(const struct config_source *source, enum section_kind kind)
{
    for (size_t i = 0; i < source->count; i++) {
        if (source->sections[i].kind == kind)
            return &source->sections[i];
    }
    return NULL;
}

/* No service is made where there is no memory for all of them. */
static void
allocate_services(struct config_build *build)
{
    struct config *config = build->config;

    config->services =
        calloc(build->source->count + 1, sizeof(*config->services));
    if (config->services == NULL) {
        error_no_memory(build->error);
        build->built = build->source->count;
        return;
    }
    build->shared = find_kind(build->source, SECTION_DEFAULTS);
    if (build->shared != NULL)
        try_defaults(build->shared, config->files, build->error);
}

void
config_build_begin(struct config_build *build, struct config *config,
    struct config_source *source, struct error *error)
{
    struct target target = {
        .base = &config->global, .origins = new_origins(error),
        .own = find_kind(source, SECTION_GLOBAL), .files = config->files,
        .error = error,
    };

    *build = (struct config_build){
        .config = config, .source = source, .error = error,
        .was_readable = !error_any(error), .ring.config = config,
    };
    config->global.origins = target.origins;
    if (target.origins != NULL) {
        apply_options(&target, OPTION_GLOBAL);
        allocate_services(build);
    }
}

static void
build_next(struct config_build *build)
{
    struct config *config = build->config;
    struct section *section = &build->source->sections[build->built++];

    if (section->kind != SECTION_SERVICE)
        return;
    config->services[config->service_count].config = config;
    build_service(&config->services[config->service_count++], section,
        build->shared, build->error);
}

static void
judge_all(struct config_build *build)
{
    struct config *config = build->config;

    config_ring_judge(&build->ring, build->error);
    if (config->service_count == 0 && build->was_readable)
        error_add(build->error, "%s: there is no service, so there is nothing "
            "to relay; write [service NAME] with listen and connect in it",
            config->file_names.count > 0 ? config->file_names.items[0] : "");
}

bool
config_build_step(struct config_build *build)
{
    if (build->config->global.origins == NULL)
        return false; /* out of memory */
    if (build->built < build->source->count) {
        build_next(build);
        return true;
    }
    if (!build->compared) {
        build->compared = true;
        config_overlap_check(build->config, build->error);
        return true;
    }
    if (config_ring_step(&build->ring))
        return true;
    judge_all(build);
    return false;
}

void
config_build_end(struct config_build *build)
{
    config_ring_clear(&build->ring);
}
