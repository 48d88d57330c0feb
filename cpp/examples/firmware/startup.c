/* What runs before main on a Cortex-M4F: the vector table, the floating-point unit, .data and .bss. No library. */
#include <stddef.h>
#include <stdint.h>

#define COPROCESSOR_ACCESS (*(volatile uint32_t*)0xE000ED88u)

extern uint32_t stack_top[], data_start[], data_end[], data_image[], bss_start[], bss_end[];

int main(void);
void reset(void);
void stop(int code);

static void fault(void) { stop(1); }

__attribute__((section(".vectors"), used)) static void* const vectors[16] = {
    (void*)stack_top, (void*)reset, (void*)fault, (void*)fault, (void*)fault, (void*)fault, (void*)fault,
};

__attribute__((noreturn)) void reset(void) {
  COPROCESSOR_ACCESS |= 0xFu << 20; /* full access to the floating-point unit */
  __asm__ volatile("dsb\n\tisb");
  for (size_t i = 0; data_start + i < data_end; ++i) {
    data_start[i] = data_image[i];
  }
  for (volatile uint32_t* word = bss_start; word < bss_end; ++word) {
    *word = 0;
  }
  stop(main());
  for (;;) {
  }
}

/* The compiler may call these three for assignments of structs and for loops that copy. */
void* memcpy(void* restrict to, const void* restrict from, size_t bytes) {
  volatile unsigned char* target = to;
  const unsigned char* source = from;
  for (size_t i = 0; i < bytes; ++i) {
    target[i] = source[i];
  }
  return to;
}

void* memmove(void* to, const void* from, size_t bytes) {
  volatile unsigned char* target = to;
  const unsigned char* source = from;
  for (size_t i = 0; i < bytes; ++i) {
    const size_t at = target < source ? i : bytes - 1 - i;
    target[at] = source[at];
  }
  return to;
}

void* memset(void* to, int value, size_t bytes) {
  volatile unsigned char* target = to;
  for (size_t i = 0; i < bytes; ++i) {
    target[i] = (unsigned char)value;
  }
  return to;
}
