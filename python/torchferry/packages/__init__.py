"""A bundle's generated C as what others install: an Arduino library, a CMake package, an npm package. No torch."""
