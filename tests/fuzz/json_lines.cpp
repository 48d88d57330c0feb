// JSON lines: samples of a contract with two inputs, or Error.
#include "json_input.hpp"

#include <array>
#include <cstdint>
#include <ferry/ferry.hpp>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::array<ferry::TensorSpec, 2> specs;
  specs[0] = {.name = "x", .dtype = ferry::DType::float32, .shape = {"N", 2}, .range = {}, .unit = {}};
  specs[1] = {.name = "y", .dtype = ferry::DType::uint8, .shape = {"N"}, .range = {}, .unit = {}};
  for (const std::size_t inputs : {1, 2}) {
    ferry::fuzz::refuses<ferry::Error>([&] {
      const auto reader = ferry::cli::open_json_lines_input(
          std::span(specs).first(inputs), ferry::cli::ByteStream("rows.jsonl", ferry::fuzz::copy_of({data, size})));
      while (reader->read(3).front().shape().front() > 0) continue;
    });
  }
  return 0;
}
