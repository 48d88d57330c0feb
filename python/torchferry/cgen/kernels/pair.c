#ifndef MODEL_KERNEL_PAIR
#define MODEL_KERNEL_PAIR

#include "compiler.c"

/* The exact sum of two floats, the second of which is the smaller one. */
typedef struct {
  float high, low;
} model_pair;

/* a b with its rounding error, from halves of 12 bits. */
MODEL_INLINE model_pair model_pair_product(const float a, const float b) {
  const float c = a * 0x1.001p+12f, d = b * 0x1.001p+12f;
  const float a_high = c - (c - a), b_high = d - (d - b), a_low = a - a_high, b_low = b - b_high;
  model_pair value;
  value.high = a * b;
  value.low = ((a_high * b_high - value.high) + (a_high * b_low + a_low * b_high)) + a_low * b_low;
  return value;
}

/* (high + low) (factor + rest) */
MODEL_INLINE model_pair model_pair_scaled(const float high, const float low, const float factor, const float rest) {
  model_pair value = model_pair_product(high, factor);
  value.low += high * rest + low * factor;
  return value;
}

#endif
