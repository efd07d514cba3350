/* Words that every file may use. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, first) __attribute__((format(printf, f, first)))

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Of a program that was called in the wrong way, beside EXIT_SUCCESS and
 * EXIT_FAILURE. */
enum { EXIT_USAGE = 2 };

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)

#define SECONDS(n) ((uint64_t)(n) * 1000)
#define MINUTES(n) (SECONDS(n) * 60)
#define HOURS(n) (MINUTES(n) * 60)
#define DAYS(n) (HOURS(n) * 24)

#endif
