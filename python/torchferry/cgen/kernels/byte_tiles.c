#ifndef MODEL_KERNEL_BYTE_TILES
#define MODEL_KERNEL_BYTE_TILES

#include "byte_paths.c"
#include "unroll.c"

/* ---- Tiles of exact sums in registers ------------------------------------------------------------------------------
 * `model_tile`: the widest vectors, each of `model_tile_lanes` columns; `model_quad_tile`: those for the last columns. */

#if defined(MODEL_VNNI) || defined(MODEL_PAIR_COLUMNS)
/* Four bytes as one number, the first in its lowest byte. */
MODEL_INLINE uint32_t model_four(const uint8_t *const p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
#endif

#if defined(MODEL_VNNI)
#define MODEL_TILE_PIXELS (MODEL_VNNI == 16 ? 8 : 4)
#define MODEL_TILE_VECTORS (MODEL_VNNI == 4 ? 4 : 2)
enum { model_tile_lanes = MODEL_VNNI, model_quad_tile_lanes = 4 };
typedef model_sums model_tile_sums, model_tile_weights;
typedef model_sum_quad model_quad_tile_sums, model_quad_tile_weights;
MODEL_INLINE model_tile_sums model_tile_start(const int32_t *const bias) { return model_load_sums(bias); }
MODEL_INLINE model_tile_weights model_tile_load(const int8_t *const w) { return model_load_sums(w); }
MODEL_INLINE uint32_t model_tile_spread(const uint32_t four) { return four; }
MODEL_INLINE model_tile_sums model_tile_add(const model_tile_sums a, const uint32_t four, const model_tile_weights w) {
  return model_add_four(a, four, w);
}
MODEL_INLINE void model_tile_store(int32_t *const to, const model_tile_sums a, const int32_t *const bias) {
  (void)bias;
  model_store_sums(to, a);
}
MODEL_INLINE model_sum_quad model_quad_tile_start(const int32_t *const bias) { return model_load_quad(bias); }
MODEL_INLINE model_sum_quad model_quad_tile_load(const int8_t *const w) { return model_load_quad(w); }
MODEL_INLINE uint32_t model_quad_tile_spread(const uint32_t four) { return four; }
MODEL_INLINE model_sum_quad model_quad_tile_add(const model_sum_quad a, const uint32_t four, const model_sum_quad w) {
  return model_add_four_quad(a, four, w);
}
MODEL_INLINE void model_quad_tile_store(int32_t *const to, const model_sum_quad a, const int32_t *const bias) {
  (void)bias;
  model_store_quad(to, a);
}
typedef uint32_t model_tile_four, model_quad_tile_four;
#elif defined(MODEL_PAIR_COLUMNS)
#define MODEL_TILE_PIXELS 2
#define MODEL_TILE_VECTORS 4
enum { model_tile_lanes = MODEL_PAIR_COLUMNS };
typedef model_pairs model_tile_sums;
typedef const int8_t *model_tile_weights; /* read and widened where they are used, once for all pixels */
typedef model_wide_four model_tile_four;
MODEL_INLINE model_tile_sums model_tile_start(const int32_t *const bias) {
  (void)bias;
  return model_no_pairs();
}
MODEL_INLINE model_tile_weights model_tile_load(const int8_t *const w) { return w; }
MODEL_INLINE model_tile_four model_tile_spread(const uint32_t four) { return model_spread(four); }
MODEL_INLINE model_tile_sums model_tile_add(const model_tile_sums a, const model_tile_four four, const model_tile_weights w) {
  return model_add_pairs(a, four, w);
}
MODEL_INLINE void model_tile_store(int32_t *const to, const model_tile_sums a, const int32_t *const bias) {
  int32_t pairs[2 * MODEL_PAIR_COLUMNS];
  model_store_pairs(pairs, a);
  for (size_t k = 0; k < MODEL_PAIR_COLUMNS; ++k) {
    to[k] = bias[k] + (pairs[2 * k] + pairs[2 * k + 1]);
  }
}
#endif

#endif
