/* Instructions of one call on a Cortex-M under QEMU with -icount shift=0: a dense sample, then a real one. Its clock counts an
 * instruction as a nanosecond, SysTick ticks at the board's clock: at 25 MHz every 40 instructions, 160 quarters. contender.h as
 * for c_speed.c, with `digit`; PREPARE is done before. */
#include <stdint.h>

#include "contender.h"
#include "semihosting.h"

#define SYSTICK_CONTROL (*(volatile uint32_t*)0xE000E010u)
#define SYSTICK_RELOAD (*(volatile uint32_t*)0xE000E014u)
#define SYSTICK_VALUE (*(volatile uint32_t*)0xE000E018u)
#define SYSTICK_MOST 0xFFFFFFu
#if !defined(PREPARE)
#define PREPARE (void)0
#endif

static INPUT input;

void stop(int code);

void stop(int code) {
  const uint32_t arguments[2] = {SEMIHOSTING_APPLICATION_EXIT, (uint32_t)code};
  semihosting_call(SEMIHOSTING_EXIT_EXTENDED, arguments);
}

static void count_instructions(void) {
  SYSTICK_RELOAD = SYSTICK_MOST;
  SYSTICK_VALUE = 0;
  SYSTICK_CONTROL = 5; /* on, processor clock, no interrupt */
  const uint32_t before = SYSTICK_VALUE;
  one(&input);
  print_number(((before - SYSTICK_VALUE) & SYSTICK_MOST) * QUARTERS_PER_TICK / 4u);
  print("\n");
}

int main(void) {
  PREPARE;
  unsigned char* const bytes = (unsigned char*)&input;
  for (uint32_t i = 0; i < sizeof input; ++i) {
    bytes[i] = (unsigned char)(i % 255u + 1u);
  }
  count_instructions();
  for (uint32_t i = 0; i < sizeof input; ++i) {
    bytes[i] = digit[i];
  }
  count_instructions();
  return 0;
}
