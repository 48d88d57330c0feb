#ifndef MODEL_KERNEL_CONV3D
#define MODEL_KERNEL_CONV3D

#include "compiler.c"

/* A window that slides over a sample [channels, depth, height, width]. */
typedef struct {
  size_t channels;
  size_t sample[3], results[3], size[3], stride[3], padding[3], dilation[3];
} model_volume;

/* One result: the sum over `channels` of a group from `x`, with weights [channels, size]. */
MODEL_INLINE float model_conv3d_at(const model_volume *const v, const size_t channels, const float *const restrict x,
    const MODEL_TABLE float *const restrict weights, const size_t depth, const size_t row, const size_t column) {
  float sum = 0.0f;
  for (size_t c = 0; c < channels; ++c) {
    for (size_t d = 0; d < v->size[0]; ++d) {
      for (size_t k = 0; k < v->size[1]; ++k) {
        for (size_t l = 0; l < v->size[2]; ++l) {
          const size_t at = depth * v->stride[0] + d * v->dilation[0] - v->padding[0]; /* before: wraps to the largest */
          const size_t i = row * v->stride[1] + k * v->dilation[1] - v->padding[1];
          const size_t j = column * v->stride[2] + l * v->dilation[2] - v->padding[2];
          if (at < v->sample[0] && i < v->sample[1] && j < v->sample[2]) {
            sum += weights[((c * v->size[0] + d) * v->size[1] + k) * v->size[2] + l] *
                   x[((c * v->sample[0] + at) * v->sample[1] + i) * v->sample[2] + j];
          }
        }
      }
    }
  }
  return sum;
}

/* y[results] = bias + the convolution of x. Each sum starts at +0 and takes the positions inside the sample in the order
 * channel, depth, row, column; the bias comes last. */
MODEL_INLINE void model_conv3d(const model_volume *const v, const size_t results, const size_t groups,
    const float *const restrict x, const MODEL_TABLE float *const restrict weights,
    const MODEL_TABLE float *const restrict bias, float *const restrict y) {
  const size_t channels = v->channels / groups, volume = v->sample[0] * v->sample[1] * v->sample[2];
  const size_t taps = channels * v->size[0] * v->size[1] * v->size[2];
  size_t at = 0;
  for (size_t o = 0; o < results; ++o) {
    for (size_t depth = 0; depth < v->results[0]; ++depth) {
      for (size_t row = 0; row < v->results[1]; ++row) {
        for (size_t column = 0; column < v->results[2]; ++column) {
          const float *const from = x + o / (results / groups) * channels * volume;
          y[at++] = model_conv3d_at(v, channels, from, weights + o * taps, depth, row, column) + bias[o];
        }
      }
    }
  }
}

#endif
