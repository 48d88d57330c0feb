#include "mask_output.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "contract.hpp"
#include "dtype.hpp"
#include "elements.hpp"
#include "input.hpp"

namespace ferry::cli {

namespace {

constexpr std::size_t most_in_byte = 255;  // more need 16 bits, and have no palette

const TensorSpec& output_of(const Contract& contract, const std::string& name) {
  return *std::ranges::find(contract.outputs, name, &TensorSpec::name);
}

// The output whose values the classes name, where it has one for each pixel; else null.
const TensorSpec* pixel_label(const Contract& contract, std::size_t first) {
  if (!contract.classes) return nullptr;
  const auto& label = output_of(contract, contract.classes->output);
  return label.shape.size() == 2 + first ? &label : nullptr;
}

// Red, green and blue of a class as in PASCAL VOC: bit 3k + c of the value is bit 7 - k of channel c.
std::string colour_of(std::size_t value) {
  std::string colour;
  for (unsigned c = 0; c < 3; ++c) {
    std::size_t level = 0;
    for (unsigned k = 0; k < 3; ++k) level |= (value >> (3 * k + c) & 1U) << (7 - k);
    colour += static_cast<char>(level);
  }
  return colour;
}

// The class with the highest of scores [C,pixels], of equal ones the first; empty where a score is NaN.
template <typename T>
std::vector<std::int64_t> best_of(std::span<const T> scores, std::size_t pixels) {
  if (std::ranges::any_of(scores, [](T score) { return std::isnan(score); })) return {};
  std::vector<std::int64_t> best(pixels, 0);
  std::vector<T> highest(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(pixels));
  for (std::size_t i = pixels; i < scores.size(); ++i)
    if (auto& high = highest[i % pixels]; scores[i] > high) {
      high = scores[i];
      best[i % pixels] = static_cast<std::int64_t>(i / pixels);
    }
  return best;
}

}  // namespace

Mask::Mask(const Contract& contract, const std::string& name)
    : spec_(&output_of(contract, name)),
      first_(std::ranges::any_of(contract.inputs, ferry::cli::is_batched) ? 1 : 0),
      label_(pixel_label(contract, first_)) {
  if (contract.classes && label_ != nullptr && (is_float(spec_->dtype) || label_ == spec_)) classes_ = &*contract.classes;
  if (!fits())
    throw Error(ErrorCode::usage, "--output: " + name + ": got " + describe(*spec_) +
                                      " for .png, expected a mask: bool or integers [N,H,W], or float scores [N,C,H,W] of two "
                                      "classes or more; take another with --select NAME, or write .npz");
  if (size_of(spec_->dtype) > 1 && most() > most_in_byte) depth_ = 16;
}

bool Mask::fits() const { return is_float(spec_->dtype) ? holds_scores() : spec_->shape.size() == 2 + first_; }

// Floats that are scores of at least two classes, and of those that have names if any have.
bool Mask::holds_scores() const {
  if (spec_->shape.size() != 3 + first_ || spec_->channels) return false;
  const auto* count = std::get_if<std::int64_t>(&spec_->shape[first_]);
  if (count == nullptr || *count < 2) return false;
  if (classes_ == nullptr) return true;
  auto sides = spec_->shape;
  sides.erase(sides.begin() + static_cast<std::ptrdiff_t>(first_));
  return *count == static_cast<std::int64_t>(classes_->names.size()) && sides == label_->shape;
}

// The largest value that the contract allows; 255 where it does not say.
double Mask::most() const {
  if (classes_ != nullptr) return static_cast<double>(classes_->names.size() - 1);
  if (is_float(spec_->dtype)) return static_cast<double>(std::get<std::int64_t>(spec_->shape[first_]) - 1);
  return spec_->range ? std::floor((*spec_->range)[1]) : most_in_byte;
}

std::string Mask::png(const Tensor& output, const std::string& where) const {
  const auto sides = std::span(output.shape()).last(2);
  if (std::ranges::any_of(sides, [](auto side) { return side < 1 || side > longest_png_side; }))
    throw Error(ErrorCode::usage, where + ": " + name() + ": got " + std::to_string(sides[0]) + " x " + std::to_string(sides[1]) +
                                      " pixels, expected 1 to " + std::to_string(longest_png_side) + " on each side; write .npy");
  const auto values = values_of(output, static_cast<std::size_t>(sides[0] * sides[1]), where);
  check(values, where);
  return encode_png({sides[0], sides[1], depth_, std::vector<std::uint16_t>(values.begin(), values.end())}, palette());
}

std::vector<std::int64_t> Mask::values_of(const Tensor& output, std::size_t pixels, const std::string& where) const {
  std::vector<std::int64_t> values;
  visit_elements(output, [&]<typename T>(std::span<const T> elements) {
    if constexpr (std::is_floating_point_v<T>)
      values = best_of(elements, pixels);
    else if constexpr (is_half<T>)
      values = best_of(std::span<const float>(widened(elements)), pixels);
    else
      values.assign(elements.begin(), elements.end());
  });
  if (values.size() != pixels)
    throw Error(ErrorCode::usage, where + ": " + name() + ": got nan as a score, expected numbers; write .npy");
  return values;
}

// Each value has a name, where there are names, and is a level of the file.
void Mask::check(const std::vector<std::int64_t>& values, const std::string& where) const {
  const auto place = where + ": " + name() + ": ";
  for (const auto value : classes_ == nullptr ? std::span<const std::int64_t>() : std::span(values))
    if (const auto problem = unnamed_class(*classes_, value); !problem.empty())
      throw Error(ErrorCode::mismatch, place + problem + "; the artifact breaks the contract, export again");
  const std::int64_t most = depth_ == 8 ? 0xFF : 0xFFFF;
  for (const auto value : values)
    if (value < 0 || value > most)
      throw Error(ErrorCode::usage, place + "got the value " + std::to_string(value) + ", expected 0 to " + std::to_string(most) +
                                        " in this .png; write .npy");
}

// The colours of the classes; empty where nothing names the values, or there are too many.
std::string Mask::palette() const {
  const std::size_t count = classes_ == nullptr ? 0 : classes_->names.size();
  std::string colours;
  for (std::size_t i = 0; count <= most_in_byte + 1 && i < count; ++i) colours += colour_of(i);
  return colours;
}

namespace {

// One picture, which is written when it is known to be the only one.
class MaskOutput final : public SampleWriter {
 public:
  MaskOutput(OutputFile file, Mask mask) : file_(std::move(file)), mask_(mask) {}

  void write(const NamedTensors& outputs, std::span<const std::string> /*ids*/) override {
    const auto& output = outputs[mask_.name()];
    count_ += mask_.is_batched() ? output.shape().front() : 1;
    const auto& where = file_.file().name();
    if (count_ > 1)
      throw Error(ErrorCode::usage, where +
                                        ": got several samples, expected one, as a .png holds one mask; give each a file and " +
                                        "write to FOLDER/ with --format png, or write .npy");
    picture_ = mask_.png(output, where);
  }

  void finish() override {
    file_.write(picture_);
    file_.commit();
  }
  [[nodiscard]] std::int64_t count() const noexcept override { return count_; }

 private:
  OutputFile file_;
  Mask mask_;
  std::string picture_;
  std::int64_t count_ = 0;
};

}  // namespace

std::unique_ptr<SampleWriter> open_mask(OutputFile file, Mask mask) {
  return std::make_unique<MaskOutput>(std::move(file), mask);
}

}  // namespace ferry::cli
