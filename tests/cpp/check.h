/* Checks of programs in C: `failures` counts those that are false. Each file that includes it is a program of its own. */
#ifndef FERRY_TESTS_CHECK_H
#define FERRY_TESTS_CHECK_H

#include <ferry/ferry.h>
#include <stdio.h>

static int failures = 0;

#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) {                                       \
      printf("line %d: %s is false\n", __LINE__, #condition); \
      printf("  last error: %s\n", ferry_last_error());       \
      ++failures;                                             \
    }                                                         \
  } while (0)

#endif
