/*
 * Times of single operations, every one kept, and their percentiles.
 */
#ifndef LOAD_LATENCY_H
#define LOAD_LATENCY_H

#include <stdint.h>
#include <stdio.h>

/* Forgets what was kept. */
void latency_reset(void);
void latency_add(int64_t duration_ns);

/* "latency_us":{"p50":...}, or nothing if nothing was kept. */
void latency_print(FILE *out);

#endif
