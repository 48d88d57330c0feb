// CSV text: rows of a contract with float32 or int64 numbers, or Error.
#include <cstdint>

#include "csv_input.hpp"

#include <ferry/ferry.hpp>

#include "fuzz.hpp"

namespace {

void read_all(ferry::DType dtype, std::span<const std::uint8_t> input, const ferry::cli::TableOptions& options = {}) {
  ferry::TensorSpec spec;
  spec.name = "x";
  spec.dtype = dtype;
  spec.shape = {std::string("N"), std::int64_t{2}};
  ferry::fuzz::refuses<ferry::Error>([&] {
    const auto reader =
        ferry::cli::open_csv(std::span(&spec, 1), ferry::cli::ByteStream("rows.csv", ferry::fuzz::copy_of(input)), options);
    while (reader->read(3).front().shape().front() > 0) continue;
  });
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  read_all(ferry::DType::float32, {data, size});
  read_all(ferry::DType::int64, {data, size});
  read_all(ferry::DType::float32, {data, size}, {.delimiter = {}, .ignore_columns = true, .id = "n"});
  return 0;
}
