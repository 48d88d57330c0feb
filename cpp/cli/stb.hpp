// stb_image, with the one format that ferry does not read by itself; stb.cpp holds its code.
#pragma once

#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS 16384
#include <stb_image.h>
