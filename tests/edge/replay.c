/* Runs a generated model over a file of inputs and writes every output: replay INPUTS OUTPUTS. Half of the samples in batches.
 * The test defines INPUT, OUTPUT, RUN, RUN_BATCH, SELFTEST, and WRITE(output, file), which writes the members without padding. */
#include <stdio.h>

#include "model.h"

#define PUT(data, bytes, file) fwrite((data), (bytes), 1, (file))
#include "replay_model.h"

#define BATCH 8

int main(int argc, char** argv) {
  FILE* const inputs = fopen(argc > 2 ? argv[1] : "inputs.bin", "rb");
  FILE* const outputs = fopen(argc > 2 ? argv[2] : "outputs.bin", "wb");
  static INPUT input[BATCH];
  static OUTPUT output[BATCH];
  int batch = 0;
  if (inputs == NULL || outputs == NULL || SELFTEST() != -1) {
    return 1;
  }
  for (;; batch = !batch) {
    const size_t count = fread(input, sizeof input[0], BATCH, inputs);
    if (batch) {
      if (RUN_BATCH(input, output, count, NULL) != 0) {
        return 2;
      }
    } else {
      for (size_t i = 0; i < count; ++i) {
        if (RUN(&input[i], &output[i]) != 0) {
          return 3;
        }
      }
    }
    for (size_t i = 0; i < count; ++i) {
      WRITE(output[i], outputs);
    }
    if (count < BATCH) {
      break;
    }
  }
  return fclose(outputs) == 0 ? 0 : 4;
}
