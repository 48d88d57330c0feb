/* A model on a microcontroller: checks itself, then says how long one classification takes and how much stack all of it used.
 *
 *   qemu-system-arm -M mps2-an386 -nographic -semihosting -icount shift=0 -kernel firmware.elf
 *
 * With -icount shift=0 the emulator's clock counts one instruction as one nanosecond; SysTick ticks at the board's 25 MHz, so one
 * tick is 40 instructions. On real hardware a tick is one processor cycle. */
#include <stdint.h>

#include "model.h"
#include "semihosting.h"

/* The bundle's own prefix: the Makefile reads it in model.h. */
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define OF(name) JOIN(PREFIX, name)
#define MACRO(name) JOIN(PREFIX_CAPITALS, name)

#define SYSTICK_CONTROL (*(volatile uint32_t*)0xE000E010u)
#define SYSTICK_RELOAD (*(volatile uint32_t*)0xE000E014u)
#define SYSTICK_VALUE (*(volatile uint32_t*)0xE000E018u)
#define SYSTICK_MOST 0xFFFFFFu
#define INSTRUCTIONS_PER_TICK 40u
#define CALLS 16u
#define LONG_CALL (SYSTICK_MOST / (2u * CALLS)) /* ticks: of such calls one is enough, and 16 would not fit the counter */

#define STACK_BYTES 8192u
#define STACK_PATTERN 0xA5A5A5A5u

/* Not on the stack: with memory of one's own no call needs more of it than the functions' frames. */
static OF(_input) input;
static OF(_output) outputs[MACRO(_BATCH_ROWS)];
static OF(_workspace) workspace[MACRO(_BATCH_ROWS)];

extern uint32_t stack_top[];

static uint32_t* below_stack_top(uint32_t bytes) { return (uint32_t*)((uintptr_t)stack_top - bytes); }

/* Marks the stack that is not yet used. */
static void paint_stack(void) {
  const uint32_t in_use = 256; /* bytes of main and of this function */
  for (volatile uint32_t* word = below_stack_top(STACK_BYTES); word < below_stack_top(in_use); ++word) {
    *word = STACK_PATTERN;
  }
}

/* What is no longer marked. */
static uint32_t stack_used(void) {
  const uint32_t* word = below_stack_top(STACK_BYTES);
  while (*word == STACK_PATTERN) {
    ++word;
  }
  return (uint32_t)((uintptr_t)stack_top - (uintptr_t)word);
}

void stop(int code) {
  const uint32_t arguments[2] = {SEMIHOSTING_APPLICATION_EXIT, (uint32_t)code};
  semihosting_call(SEMIHOSTING_EXIT_EXTENDED, arguments);
}

static uint32_t ticks_of_calls(uint32_t calls) {
  SYSTICK_RELOAD = SYSTICK_MOST;
  SYSTICK_VALUE = 0;
  SYSTICK_CONTROL = 5; /* on, processor clock, no interrupt */
  const uint32_t before = SYSTICK_VALUE;
  for (uint32_t i = 0; i < calls; ++i) {
    OF(_run_with)(&input, outputs, workspace);
  }
  return (before - SYSTICK_VALUE) & SYSTICK_MOST;
}

static uint32_t instructions_per_call(void) {
  const uint32_t ticks = ticks_of_calls(1);
  return ticks > LONG_CALL ? ticks * INSTRUCTIONS_PER_TICK : ticks_of_calls(CALLS) * INSTRUCTIONS_PER_TICK / CALLS;
}

int main(void) {
  paint_stack();
  const int wrong = OF(_selftest_with)(outputs, workspace);
  if (wrong != MACRO(_SELFTEST_PASSED)) {
    print("FAIL: self-test returned ");
    print(wrong < 0 ? "arithmetic" : "sample ");
    if (wrong >= 0) {
      print_number((uint32_t)wrong);
    }
    print("\n");
    return 1;
  }
  unsigned char* const bytes = (unsigned char*)&input;
  for (uint32_t i = 0; i < sizeof input; ++i) {
    bytes[i] = FILL; /* no zeros where any number is allowed: the slowest case */
  }
  print("PASS\ninstructions per call: ");
  print_number(instructions_per_call());
  print("\nbytes of stack: ");
  print_number(stack_used());
  print("\n");
  return 0;
}
