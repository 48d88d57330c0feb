// .npy files: read at once and in pieces, both give the same array or refuse it.
#include "npy.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <ferry/ferry.hpp>
#include <optional>

#include "fuzz.hpp"

namespace {

std::optional<ferry::Tensor> read_at_once(std::span<const std::byte> bytes) {
  try {
    return ferry::npy::parse(bytes, {"array.npy", ferry::ErrorCode::format});
  } catch (const ferry::Error&) {
    return std::nullopt;
  }
}

std::size_t count_in_pieces(std::span<const std::byte> bytes) {
  std::size_t read = 0;
  const auto source = [bytes, at = std::size_t{0}](std::span<std::byte> buffer) mutable {
    const auto part = bytes.subspan(at, std::min(buffer.size(), bytes.size() - at));
    std::ranges::copy(part, buffer.begin());
    at += part.size();
    return part.size();
  };
  ferry::npy::Reader reader(source, {"array.npy", ferry::ErrorCode::bad_input});
  while (reader.rows_left() > 0) {
    const auto rows = reader.read(std::min<std::int64_t>(reader.rows_left(), 3));
    read += rows.bytes().size();
    if (rows.bytes().empty()) break;  // rows of no elements: as many as the header promises
  }
  return read;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto whole = read_at_once(bytes);
  return ferry::fuzz::refuses<ferry::Error>([&] {
    const auto read = count_in_pieces(bytes);
    if (whole && whole->bytes().size() != read) std::abort();
  });
}
