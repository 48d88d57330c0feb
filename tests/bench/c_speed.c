/* Times one model on real samples: c_speed INPUTS SAMPLES BLOCKS CALLS [batch]; prints nanoseconds a call, one line per block.
 * contender.h gives INPUT, one(INPUT*) and, where there is one, BATCH(INPUT*, count). `limit` only reads as many bytes as the
 * model's tables have: no product of a vector and a matrix is faster than that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "contender.h"

static double nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The most memory that this process had, as Linux counts it. */
static void print_memory(void) {
  char line[256];
  FILE* const status = fopen("/proc/self/status", "r");
  while (status != NULL && fgets(line, sizeof line, status) != NULL) {
    if (strncmp(line, "VmHWM:", 6) == 0) {
      fputs(line, stdout);
    }
  }
  if (status != NULL) {
    fclose(status);
  }
}

int main(int argc, char** argv) {
  if (argc < 5) {
    return 2;
  }
  const size_t samples = strtoul(argv[2], NULL, 10), blocks = strtoul(argv[3], NULL, 10), calls = strtoul(argv[4], NULL, 10);
  INPUT* const inputs = malloc(samples * sizeof *inputs);
  FILE* const file = fopen(argv[1], "rb");
  if (inputs == NULL || file == NULL || fread(inputs, sizeof *inputs, samples, file) != samples) {
    return 1;
  }
  size_t next = 0;
  for (size_t block = 0; block <= blocks; ++block) {
    const double start = nanoseconds();
    for (size_t call = 0; call < calls; ++call) {
#ifdef BATCH
      if (argc > 5) {
        BATCH(inputs, samples);
        continue;
      }
#endif
      one(&inputs[next]);
      next = next + 1 == samples ? 0 : next + 1;
    }
    if (block > 0) { /* the first one warms up */
      printf("%.1f\n", (nanoseconds() - start) / (double)calls);
    }
  }
  if (blocks == 0) {
    print_memory();
  }
  free(inputs);
  return fclose(file);
}
