/* Runs a generated model over inputs.bin of the host's folder, which a debugger or emulator reads and writes for the board. */
#include "model.h"
#include "semihosting.h"

#define PUT(data, bytes, file) put((file), (data), (bytes))

enum { OPEN = 0x01, CLOSE = 0x02, WRITE_FILE = 0x05, READ_FILE = 0x06, READ_BINARY = 1, WRITE_BINARY = 5 };

static int open_file(const char* name, uint32_t length, uint32_t mode) {
  const uint32_t arguments[3] = {(uint32_t)name, mode, length};
  return semihosting_call(OPEN, arguments);
}

static void put(int file, const void* data, uint32_t bytes) {
  const uint32_t arguments[3] = {(uint32_t)file, (uint32_t)data, bytes};
  if (semihosting_call(WRITE_FILE, arguments) != 0) {
    print("a write was cut short\n");
  }
}

/* How many bytes were read. */
static uint32_t get(int file, void* data, uint32_t bytes) {
  const uint32_t arguments[3] = {(uint32_t)file, (uint32_t)data, bytes};
  return bytes - (uint32_t)semihosting_call(READ_FILE, arguments);
}

#include "replay_model.h"

void stop(int code);

void stop(int code) {
  const uint32_t arguments[2] = {SEMIHOSTING_APPLICATION_EXIT, (uint32_t)code};
  semihosting_call(SEMIHOSTING_EXIT_EXTENDED, arguments);
}

int main(void) {
  static INPUT input;
  static OUTPUT output;
  const int inputs = open_file("inputs.bin", 10, READ_BINARY);
  const int outputs = open_file("outputs.bin", 11, WRITE_BINARY);
  if (inputs < 0 || outputs < 0 || SELFTEST() != -1) {
    return 1;
  }
  while (get(inputs, &input, sizeof input) == sizeof input) {
    if (RUN(&input, &output) != 0) {
      return 2;
    }
    WRITE(output, outputs);
  }
  const uint32_t argument = (uint32_t)outputs;
  return semihosting_call(CLOSE, &argument);
}
