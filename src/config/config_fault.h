/*
 * What is wrong with the configuration, and where.
 *
 * Every message of this layer has one form:
 *     FILE:LINE: [SECTION] KEY: what is wrong; what to do
 */
#ifndef CONFIG_CONFIG_FAULT_H
#define CONFIG_CONFIG_FAULT_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/base.h"
#include "base/error.h"

struct origin;

/* Why a parser refused its text; it does not know where that stands. */
struct fault {
    char text[1024];
    const char *kind; /* the format, a literal: faults of one kind have the same */
};

void config_fault_set(struct fault *fault, const char *format, ...)
    PRINTF_LIKE(2, 3);
void config_fault_vset(struct fault *fault, const char *format,
    va_list arguments) PRINTF_LIKE(2, 0);

/* Words the fault and is false, so that a parser can return it; a macro, so
 * that the compiler sees this too. */
#define config_refuse(...) (config_fault_set(__VA_ARGS__), false)
#define config_no_memory(fault) config_refuse(fault, ERROR_NO_MEMORY)

/* Cuts what the message quotes of `refused`, a line or a value that may be long,
 * or secret, to its first 30 characters. */
void config_fault_shorten(struct fault *fault, const char *refused);

/* Where that is, for the order of messages. */
struct error_place config_fault_place(const struct origin *origin);

/* Adds a message about a place.  `section` ("service web") and `key` may be
 * NULL; on the command line the section is left out. */
void config_fault_report(struct error *error, const struct origin *origin,
    const char *section, const char *key, const struct fault *fault);

/* The same of a fault that is worded here; `format` is a literal. */
void config_fault_add(struct error *error, const struct origin *origin,
    const char *section, const char *key, const char *format, ...)
    PRINTF_LIKE(5, 6);

#endif
