// `--output mask.png`: the class of each pixel as a picture. The Python twin is python/torchferry/samples/mask_sink.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "output.hpp"
#include "output_file.hpp"
#include "png_encoder.hpp"

namespace ferry::cli {

// How one output becomes a picture: whole numbers [N,H,W], or scores [N,C,H,W] of classes. Without a batch there is no N.
class Mask {
 public:
  // As the contract alone says, which must outlive it. Throws Error(usage) where the output is no mask.
  Mask(const Contract& contract, const std::string& name);

  // One sample [1,H,W] or [1,C,H,W] as a PNG file; `where` names the file. Throws Error(usage | mismatch).
  [[nodiscard]] std::string png(const Tensor& output, const std::string& where) const;

  [[nodiscard]] const std::string& name() const noexcept { return spec_->name; }
  [[nodiscard]] bool is_batched() const noexcept { return first_ == 1; }

 private:
  [[nodiscard]] bool fits() const;
  [[nodiscard]] bool holds_scores() const;
  [[nodiscard]] double most() const;
  [[nodiscard]] std::vector<std::int64_t> values_of(const Tensor& output, std::size_t pixels, const std::string& where) const;
  void check(const std::vector<std::int64_t>& values, const std::string& where) const;
  [[nodiscard]] std::string palette() const;

  const TensorSpec* spec_;
  std::size_t first_;                 // the dim of H, or of C: 1 behind a batch
  const TensorSpec* label_;           // whose values the classes name, where it has one for each pixel
  const Classes* classes_ = nullptr;  // that name the values, if any do
  unsigned depth_ = 8;                // bits of a pixel
};

// Takes one sample.
[[nodiscard]] std::unique_ptr<SampleWriter> open_mask(OutputFile file, Mask mask);

}  // namespace ferry::cli
