#ifndef MODEL_KERNEL_SHA256
#define MODEL_KERNEL_SHA256

#include "compiler.c"

/* ---- SHA-256 (FIPS 180-4) ------------------------------------------------------------------------------------------- */

typedef struct model_sha256 {
  uint32_t h[8];
  unsigned char block[64];
  uint64_t bytes;
} model_sha256;

static uint32_t model_sha256_turned(const uint32_t x, const int n) { return x >> n | x << (32 - n); }

static void model_sha256_block(model_sha256 *const state, const unsigned char *const p) {
  static const uint32_t k[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
      0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
      0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
      0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb,
      0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
      0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f,
      0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
  uint32_t w[64];
  uint32_t v[8];
  for (size_t i = 0; i < 16; ++i) {
    w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | (uint32_t)p[4 * i + 3];
  }
  for (size_t i = 16; i < 64; ++i) {
    const uint32_t a = model_sha256_turned(w[i - 15], 7) ^ model_sha256_turned(w[i - 15], 18) ^ w[i - 15] >> 3;
    const uint32_t b = model_sha256_turned(w[i - 2], 17) ^ model_sha256_turned(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + a + w[i - 7] + b;
  }
  for (size_t i = 0; i < 8; ++i) {
    v[i] = state->h[i];
  }
  for (size_t i = 0; i < 64; ++i) {
    const uint32_t e = model_sha256_turned(v[4], 6) ^ model_sha256_turned(v[4], 11) ^ model_sha256_turned(v[4], 25);
    const uint32_t a = model_sha256_turned(v[0], 2) ^ model_sha256_turned(v[0], 13) ^ model_sha256_turned(v[0], 22);
    const uint32_t first = v[7] + e + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] + w[i];
    const uint32_t second = a + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    for (size_t j = 7; j > 0; --j) {
      v[j] = v[j - 1];
    }
    v[4] += first;
    v[0] = first + second;
  }
  for (size_t i = 0; i < 8; ++i) {
    state->h[i] += v[i];
  }
}

static void model_sha256_start(model_sha256 *const state) {
  static const uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (size_t i = 0; i < 8; ++i) {
    state->h[i] = h[i];
  }
  state->bytes = 0;
}

static void model_sha256_add(model_sha256 *const state, const unsigned char *const p, const size_t count) {
  for (size_t i = 0; i < count; ++i) {
    state->block[state->bytes++ % 64] = p[i];
    if (state->bytes % 64 == 0) {
      model_sha256_block(state, state->block);
    }
  }
}

static void model_sha256_end(model_sha256 *const state, unsigned char digest[32]) {
  const uint64_t bits = state->bytes * 8;
  const unsigned char one = 0x80, zero = 0;
  model_sha256_add(state, &one, 1);
  while (state->bytes % 64 != 56) {
    model_sha256_add(state, &zero, 1);
  }
  for (int i = 0; i < 8; ++i) {
    const unsigned char byte = (unsigned char)(bits >> (56 - 8 * i));
    model_sha256_add(state, &byte, 1);
  }
  for (size_t i = 0; i < 32; ++i) {
    digest[i] = (unsigned char)(state->h[i / 4] >> (24 - 8 * (i % 4)));
  }
}

#endif
