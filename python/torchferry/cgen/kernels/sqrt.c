#ifndef MODEL_KERNEL_SQRT
#define MODEL_KERNEL_SQRT

#include "from_bits.c"
#include "to_bits.c"

/* The square root, rounded to nearest, as IEEE 754 asks: by the processor's instruction where it has one (no function of C
 * without libm names it), else an integer root of 25 bits, of which the last one rounds. */
#if defined(__GNUC__) && defined(__AVX__)
#define MODEL_ROOT(y, x) __asm__("vsqrtss %1, %1, %0" : "=x"(y) : "x"(x))
#elif defined(__GNUC__) && defined(__SSE2__)
#define MODEL_ROOT(y, x) __asm__("sqrtss %1, %0" : "=x"(y) : "x"(x))
#elif defined(__GNUC__) && defined(__aarch64__)
#define MODEL_ROOT(y, x) __asm__("fsqrt %s0, %s1" : "=w"(y) : "w"(x))
#elif defined(__GNUC__) && defined(__ARM_FP) && (__ARM_FP & 4) && !defined(__SOFTFP__)
#define MODEL_ROOT(y, x) __asm__("vsqrt.f32 %0, %1" : "=t"(y) : "t"(x))
#endif

MODEL_INLINE float model_sqrt(const float x) {
#if defined(MODEL_ROOT)
  float root;
  MODEL_ROOT(root, x);
  return x < 0.0f ? model_from_bits(0x7fc00000u) : root; /* processors differ in the sign of theirs */
#else
  if (!(x > 0.0f) || x > 0x1.fffffep+127f) {
    return x < 0.0f ? model_from_bits(0x7fc00000u) : x;
  }
  const float normal = x < 0x1p-126f ? x * 0x1p+24f : x;
  const uint32_t bits = model_to_bits(normal), exponent = (bits >> 23) + 129; /* as of 2^256, so that half of it is above 0 */
  const uint64_t mantissa = (uint64_t)((bits & 0x7fffffu) | 0x800000u) << (exponent & 1 ? 26 : 25);
  uint64_t root = 0;
  for (uint64_t bit = (uint64_t)1 << 24; bit != 0; bit >>= 1) {
    root |= (root | bit) * (root | bit) <= mantissa ? bit : 0;
  }
  const uint32_t half = (exponent - (exponent & 1)) / 2 - (x < 0x1p-126f ? 12 : 0);
  return model_from_bits(((half - 2) << 23) + (uint32_t)((root + 1) >> 1));
#endif
}

#endif
