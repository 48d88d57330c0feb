// How an open request and tensors lie in shared memory.
#pragma once

#include <ferry/engine.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "file.hpp"
#include "isolation/channel.hpp"

namespace ferry::isolation {

inline constexpr std::size_t alignment = 64;  // of everything that begins in shared memory, bytes

// How large the region of an arena is that holds these tensors. Throws Error(mismatch) for a rank that no contract has.
[[nodiscard]] std::size_t bytes_for(std::span<const ferry_tensor_view> tensors);

void write_tensors(std::span<const ferry_tensor_view> tensors, std::span<std::byte> region);

// Views into `region`, which the other party cannot change meanwhile. Throws Error(mismatch) for anything that does not lie
// inside.
[[nodiscard]] std::vector<ferry_tensor_view> read_tensors(std::span<const std::byte> region, std::size_t count);

// The request as sealed memory; `bytes` is its size.
struct SharedRequest {
  File memory;
  std::size_t bytes;
};
[[nodiscard]] SharedRequest write_request(const ferry_open_request& request);

// A request read back. Its pointers live as long as it and the memory.
class ReceivedRequest {
 public:
  explicit ReceivedRequest(std::span<const std::byte> memory);
  ReceivedRequest(const ReceivedRequest&) = delete;
  ReceivedRequest& operator=(const ReceivedRequest&) = delete;
  ~ReceivedRequest() = default;

  [[nodiscard]] const ferry_open_request& get() const noexcept { return request_; }

 private:
  [[nodiscard]] std::uint64_t number();
  [[nodiscard]] std::span<const std::byte> block();
  [[nodiscard]] const char* text();
  [[nodiscard]] std::vector<ferry_tensor_spec> specs();

  std::span<const std::byte> memory_;
  std::size_t at_ = 0;
  std::vector<ferry_artifact_file> files_;
  std::vector<ferry_requirement> requirements_;
  std::deque<std::vector<std::int64_t>> shapes_;
  std::vector<ferry_tensor_spec> inputs_;
  std::vector<ferry_tensor_spec> outputs_;
  std::vector<const char*> operators_;
  ferry_open_request request_{};
};

}  // namespace ferry::isolation
