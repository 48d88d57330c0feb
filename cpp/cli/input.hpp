// The user's input files as tensors, some samples at a time (FORMAT.md section 10).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "byte_stream.hpp"
#include "ferry/ferry.hpp"

namespace ferry::cli {

// Has the tensor a batch: is its first dim the symbol N?
[[nodiscard]] bool is_batched(const TensorSpec& spec) noexcept;

// The samples of one input, in order.
class SampleReader {
 public:
  SampleReader() = default;
  SampleReader(const SampleReader&) = delete;
  SampleReader& operator=(const SampleReader&) = delete;
  virtual ~SampleReader() = default;

  // The next `count` samples [n, ...] or those that are left; n = 0 at the end. An input without a batch is given whole,
  // each time. Throws Error(bad_input | io) that names the file.
  [[nodiscard]] virtual Tensor read(std::int64_t count) = 0;
  // How many there are in all, where the file says so.
  [[nodiscard]] virtual std::optional<std::int64_t> total() const = 0;
};

// Opens a file of one input. Throws Error(usage) for a .npz, which holds all of them; Error(io).
[[nodiscard]] ByteStream open_one(const std::string& path);

// Opens the files of one input, of which `first` is open already; several must be images. Throws Error(usage | bad_input | io).
[[nodiscard]] std::unique_ptr<SampleReader> open_samples(const TensorSpec& spec, const std::vector<std::string>& paths,
                                                         ByteStream first);

// All inputs of a contract, read in step.
class InputReader {
 public:
  // `arguments` are FILE or NAME=FILE, or one .npz. Throws Error(usage | bad_input | io).
  InputReader(const Contract& contract, const std::vector<std::string>& arguments);

  // The next `count` samples of every input. Throws Error(bad_input) where one input ends before another.
  [[nodiscard]] NamedTensors read(std::int64_t count);
  // Were there fewer samples than asked for at the last read? Then nothing is left.
  [[nodiscard]] bool at_end() const noexcept { return at_end_; }
  [[nodiscard]] std::optional<std::int64_t> total() const;

 private:
  void require_equal_totals() const;

  struct Input {
    std::string name;
    bool batched;
    std::unique_ptr<SampleReader> samples;
  };
  std::vector<Input> inputs_;
  bool at_end_ = false;
};

}  // namespace ferry::cli
