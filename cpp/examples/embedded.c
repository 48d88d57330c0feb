/* The smallest program around generated C: 8 x 8 images as raw bytes on stdin, a class a line on stdout. No torchferry, no
 * runtime.
 *
 *   ferry export digits-mlp --to c
 *   cc -I exported/digits-mlp embedded.c exported/digits-mlp/model.c && ./a.out < images.bin */
#include <stdio.h>

#include "model.h"

int main(void) {
  digits_mlp_input input;
  if (digits_mlp_selftest() != DIGITS_MLP_SELFTEST_PASSED) {
    fprintf(stderr, "this build gives other bits: is -ffast-math on?\n");
    return 1;
  }
  while (fread(&input, sizeof input, 1, stdin) == 1) {
    printf("%d\n", digits_mlp_classify(&input));
  }
  return 0;
}
