/* Printing and stopping through the debugger or emulator (Arm, Semihosting for AArch32 and AArch64, 2.0). */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

enum { SEMIHOSTING_WRITE0 = 0x04, SEMIHOSTING_EXIT_EXTENDED = 0x20, SEMIHOSTING_APPLICATION_EXIT = 0x20026 };

static inline int semihosting_call(const int operation, const void* const argument) {
  register int r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static inline void print(const char* const text) { semihosting_call(SEMIHOSTING_WRITE0, text); }

static inline void print_number(uint32_t number) {
  char text[11] = {0};
  int at = 10;
  do {
    text[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  print(text + at);
}

#endif
