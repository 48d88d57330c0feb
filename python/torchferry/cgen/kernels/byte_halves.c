#ifndef MODEL_KERNEL_BYTE_HALVES
#define MODEL_KERNEL_BYTE_HALVES

#include "compiler.c"

/* ---- Two 16-bit numbers in a register, as the DSP instructions of Arm read them: Cortex-M4, M7, M33 -------------- */
#if defined(__ARM_FEATURE_SIMD32) && defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__ARM_BIG_ENDIAN)
#define MODEL_HALVES
typedef uint32_t model_word __attribute__((aligned(1), may_alias));

#define MODEL_HALVES_OF(name, instruction) \
  MODEL_INLINE int32_t name(const uint32_t four) { \
    int32_t halves; \
    __asm__(instruction : "=r"(halves) : "r"(four)); \
    return halves; \
  }
MODEL_HALVES_OF(model_even_bytes, "uxtb16 %0, %1")
MODEL_HALVES_OF(model_odd_bytes, "uxtb16 %0, %1, ror #8")
MODEL_HALVES_OF(model_even_weights, "sxtb16 %0, %1")
MODEL_HALVES_OF(model_odd_weights, "sxtb16 %0, %1, ror #8")
MODEL_HALVES_OF(model_saturated, "usat %0, #8, %1")

#define MODEL_ADD_HALVES(name, instruction) \
  MODEL_INLINE int32_t name(const int32_t sum, const int32_t x, const int32_t w) { \
    int32_t added; \
    __asm__(instruction " %0, %1, %2, %3" : "=r"(added) : "r"(x), "r"(w), "r"(sum)); \
    return added; \
  }
MODEL_ADD_HALVES(model_add_halves, "smlad")
MODEL_ADD_HALVES(model_add_lower, "smlabb")
MODEL_ADD_HALVES(model_add_upper, "smlatt")
#endif

#endif
