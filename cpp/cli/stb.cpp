#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_SIMD  // one decoder on every machine
#include "stb.hpp"
