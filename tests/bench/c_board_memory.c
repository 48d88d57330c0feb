/* memcpy, memset and memmove of four words at a time for both contenders: a board without a C library has only byte loops. */
#include <stddef.h>
#include <stdint.h>

typedef uint32_t word __attribute__((aligned(1), may_alias));
#define AS_IT_STANDS __attribute__((optimize("no-tree-loop-distribute-patterns")))

AS_IT_STANDS void* memcpy(void* restrict to, const void* restrict from, size_t bytes) {
  unsigned char* target = to;
  const unsigned char* source = from;
  for (; bytes >= 16; bytes -= 16, target += 16, source += 16) {
    const word a = ((const word*)source)[0], b = ((const word*)source)[1];
    const word c = ((const word*)source)[2], d = ((const word*)source)[3];
    ((word*)target)[0] = a;
    ((word*)target)[1] = b;
    ((word*)target)[2] = c;
    ((word*)target)[3] = d;
  }
  for (; bytes > 0; --bytes) {
    *target++ = *source++;
  }
  return to;
}

AS_IT_STANDS void* memset(void* to, int value, size_t bytes) {
  unsigned char* target = to;
  const word four = (unsigned char)value * 0x01010101u;
  for (; bytes >= 16; bytes -= 16, target += 16) {
    ((word*)target)[0] = four;
    ((word*)target)[1] = four;
    ((word*)target)[2] = four;
    ((word*)target)[3] = four;
  }
  for (; bytes > 0; --bytes) {
    *target++ = (unsigned char)value;
  }
  return to;
}

AS_IT_STANDS void* memmove(void* to, const void* from, size_t bytes) {
  if ((uintptr_t)to <= (uintptr_t)from || (uintptr_t)to >= (uintptr_t)from + bytes) {
    return memcpy(to, from, bytes);
  }
  unsigned char* target = to;
  const unsigned char* source = from;
  for (size_t i = 0; i < bytes; ++i) {
    const size_t at = target < source ? i : bytes - 1 - i;
    target[at] = source[at];
  }
  return to;
}
