#include "csv_elements.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>
#include <variant>

#include "input.hpp"
#include "shape.hpp"

namespace ferry::cli {

namespace {

// The indices of `[1][2]`; nothing where the text is anything else.
std::optional<Shape> indices_of(std::string_view text) {
  Shape indices;
  while (!text.empty()) {
    const auto end = text.find(']');
    if (text.front() != '[' || end == std::string_view::npos) return std::nullopt;
    const auto digits = text.substr(1, end - 1);
    std::int64_t index = 0;
    const bool plain = !digits.empty() && digits.size() <= 18 && (digits.size() == 1 || digits.front() != '0') &&
                       digits.find_first_not_of("0123456789") == std::string_view::npos;
    if (!plain) return std::nullopt;
    std::from_chars(digits.data(), digits.data() + digits.size(), index);
    indices.push_back(index);
    text.remove_prefix(end + 1);
  }
  return indices;
}

std::optional<std::size_t> place_in(const Elements::Part& part, std::string_view indices_text) {
  const auto indices = indices_of(indices_text);
  if (!indices) return std::nullopt;
  if (part.count == 1 && indices->empty()) return 0;
  if (indices->size() != part.sample.size() || indices->empty()) return std::nullopt;
  std::size_t place = 0;
  for (std::size_t axis = 0; axis < indices->size(); ++axis) {
    if ((*indices)[axis] >= part.sample[axis]) return std::nullopt;
    place = place * static_cast<std::size_t>(part.sample[axis]) + static_cast<std::size_t>((*indices)[axis]);
  }
  return place;
}

}  // namespace

Elements::Elements(std::span<const TensorSpec> specs) {
  for (const auto& spec : specs) {
    Shape sample;
    for (std::size_t i = 1; i < spec.shape.size(); ++i)
      if (const auto* number = std::get_if<std::int64_t>(&spec.shape[i])) sample.push_back(*number);
    const auto count = element_count(sample);
    parts_.push_back({spec, std::move(sample), count});
    count_ += count;
  }
}

std::optional<std::size_t> Elements::place_of(std::string_view name) const {
  std::size_t start = 0;
  const auto base = name.substr(0, name.find('['));
  for (const auto& part : parts_) {
    if (base == part.spec.name) {
      const auto place = place_in(part, name.substr(base.size()));
      return place ? std::optional(start + *place) : std::nullopt;
    }
    start += part.count;
  }
  return std::nullopt;
}

std::string Elements::name_of(std::size_t place) const {
  for (const auto& part : parts_) {
    if (place < part.count) {
      std::string name = part.spec.name;
      if (part.count > 1)
        for (const auto index : index_of(place, part.sample)) name += "[" + std::to_string(index) + "]";
      return name;
    }
    place -= part.count;
  }
  return {};
}

std::string Elements::described() const {
  std::string text;
  std::size_t start = 0;
  for (const auto& part : parts_) {
    if (part.count == 0) continue;
    text += (text.empty() ? "" : ", ") + name_of(start) + (part.count > 1 ? " to " + name_of(start + part.count - 1) : "");
    start += part.count;
  }
  return text;
}

bool fills_rows(const TensorSpec& spec) {
  const auto numbers =
      std::ranges::count_if(spec.shape, [](const Dim& dim) { return std::holds_alternative<std::int64_t>(dim); });
  return is_batched(spec) && static_cast<std::size_t>(numbers) + 1 == spec.shape.size();
}

}  // namespace ferry::cli
