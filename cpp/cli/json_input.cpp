#include "json_input.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contract.hpp"
#include "csv_cell.hpp"
#include "csv_columns.hpp"
#include "csv_input.hpp"
#include "csv_lines.hpp"
#include "json.hpp"

namespace ferry::cli {

namespace {

static_assert(std::endian::native == std::endian::little, "an integer is stored as its first bytes in memory");

using Json = nlohmann::json;

// What a value is, for a message in which two parsers agree.
std::string kind_of(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    return "a number";
  if (value.is_number_integer()) return std::to_string(value.get<std::int64_t>());
  if (value.is_number()) return "a number";
  if (value.is_string()) return "a string";
  return value.is_array() ? "a list of " + std::to_string(value.size()) : "an object";
}

// A value that is not what the contract wants at this place; the indices are added on the way out.
class Misfit : public std::runtime_error {
 public:
  Misfit(const Json& value, const std::string& expected)
      : std::runtime_error("got " + kind_of(value) + ", expected " + expected) {}
  void add(std::size_t index) { place_.insert(0, "[" + std::to_string(index) + "]"); }
  [[nodiscard]] const std::string& place() const noexcept { return place_; }

 private:
  std::string place_;
};

template <typename T>
void store(T value, std::byte* element) noexcept {
  std::memcpy(element, &value, sizeof value);
}

double number_of(const Json& value) {
  constexpr std::array<std::pair<std::string_view, double>, 3> words = {{
      {"nan", std::numeric_limits<double>::quiet_NaN()},
      {"inf", std::numeric_limits<double>::infinity()},
      {"-inf", -std::numeric_limits<double>::infinity()},
  }};
  if (value.is_number()) return value.get<double>();
  if (const auto* text = value.get_ptr<const std::string*>())
    for (const auto& [word, number] : words)
      if (word == *text) return number;
  throw Misfit(value, "a number");
}

template <typename T>
void store_float(const Json& value, bool allow_nonfinite, std::byte* element) {
  const auto number = static_cast<T>(number_of(value));
  if (!allow_nonfinite && !std::isfinite(static_cast<double>(number)))
    throw Misfit(value, "a finite " + std::string(to_string(dtype_of<T>())));
  store(number, element);
}

void store_bool(const Json& value, std::byte* element) {
  const bool is_bit = value.is_number_integer() && (value == 0 || value == 1);
  if (!value.is_boolean() && !is_bit) throw Misfit(value, "0, 1, false or true");
  store(value.is_boolean() ? value.get<bool>() : value == 1, element);
}

template <typename T>
void store_integer(const Json& value, const TensorSpec& spec, std::byte* element) {
  const auto [least, most] = integer_limits<T>(spec);
  const auto is_within = [least = least, most = most](auto number) {
    return std::cmp_greater_equal(number, least) && std::cmp_less_equal(number, most);
  };
  const bool fits = value.is_number_unsigned() ? is_within(value.get<std::uint64_t>())
                                               : value.is_number_integer() && is_within(value.get<std::int64_t>());
  if (!fits) throw Misfit(value, IntegerLimits{least, most}.text());
  store(value.get<T>(), element);
}

void store_element(const Json& value, const TensorSpec& spec, std::byte* element) {
  switch (spec.dtype) {
    case DType::boolean:
      return store_bool(value, element);
    case DType::uint8:
      return store_integer<std::uint8_t>(value, spec, element);
    case DType::int8:
      return store_integer<std::int8_t>(value, spec, element);
    case DType::int16:
      return store_integer<std::int16_t>(value, spec, element);
    case DType::int32:
      return store_integer<std::int32_t>(value, spec, element);
    case DType::int64:
      return store_integer<std::int64_t>(value, spec, element);
    case DType::float32:
      return store_float<float>(value, spec.allow_nonfinite, element);
    case DType::float64:
      return store_float<double>(value, spec.allow_nonfinite, element);
    case DType::float16:
      return store_float<Float16>(value, spec.allow_nonfinite, element);
    case DType::bfloat16:
      return store_float<BFloat16>(value, spec.allow_nonfinite, element);
  }
}

// Writes the elements of nested lists of that shape. Returns the place behind them. Throws Misfit.
std::byte* fill(const Json& value, std::span<const std::int64_t> shape, const TensorSpec& spec, std::byte* element) {
  if (shape.empty()) {
    store_element(value, spec, element);
    return element + size_of(spec.dtype);
  }
  if (!value.is_array() || std::cmp_not_equal(value.size(), shape.front()))
    throw Misfit(value, "a list of " + std::to_string(shape.front()));
  for (std::size_t i = 0; i < value.size(); ++i) {
    try {
      element = fill(value[i], shape.subspan(1), spec, element);
    } catch (Misfit& misfit) {
      misfit.add(i);
      throw;
    }
  }
  return element;
}

class JsonLinesReader final : public SampleReader {
 public:
  JsonLinesReader(std::span<const TensorSpec> specs, ByteStream stream) : elements_(specs), lines_(std::move(stream)) {
    for (const auto& spec : specs) names_ += (names_.empty() ? "" : ", ") + spec.name;
  }

  std::vector<Tensor> read(std::int64_t count) override {
    std::vector<std::vector<std::byte>> elements(elements_.parts().size());
    std::int64_t samples = 0;
    for (CsvLine line; samples < count && lines_.next(line); ++samples) append(line, elements);
    std::vector<Tensor> tensors;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const auto& part = elements_.parts()[i];
      Shape shape = part.sample;
      shape.insert(shape.begin(), samples);
      tensors.push_back(Tensor::copy(part.spec.dtype, std::move(shape), elements[i]));
    }
    return tensors;
  }

  [[nodiscard]] std::optional<std::int64_t> total() const override { return std::nullopt; }

 private:
  void append(const CsvLine& line, std::vector<std::vector<std::byte>>& elements) const {
    try {
      const auto document = json::parse_strictly(line.text);
      append(line, document.value(), elements);
    } catch (const json::Problem& problem) {
      lines_.refuse(line.number, std::string(problem.what()) + "; correct the file");
    }
  }

  void append(const CsvLine& line, const Json& found, std::vector<std::vector<std::byte>>& elements) const {
    if (found.is_object())
      require_keys(line, found);
    else if (elements.size() > 1)
      lines_.refuse(line.number, "got " + kind_of(found) + ", expected an object of " + names_ + "; correct the file");
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const auto& part = elements_.parts()[i];
      const auto start = elements[i].size();
      elements[i].resize(start + part.count * size_of(part.spec.dtype));
      try {
        fill(found.is_object() ? found.at(part.spec.name) : found, part.sample, part.spec, elements[i].data() + start);
      } catch (const Misfit& misfit) {
        lines_.refuse(line.number, part.spec.name + misfit.place() + ": " + misfit.what() + "; correct the file");
      }
    }
  }

  void require_keys(const CsvLine& line, const Json& found) const {
    const auto& parts = elements_.parts();
    for (const auto& [key, value] : found.items())  // sorted by their bytes
      if (std::ranges::none_of(parts, [&name = key](const auto& part) { return part.spec.name == name; }))
        lines_.refuse(line.number, "got the key " + shown(key) + ", expected " + names_ + "; take it out");
    for (const auto& part : parts)
      if (!found.contains(part.spec.name))
        lines_.refuse(line.number, "got no key " + part.spec.name + ", expected " + names_ + "; add it");
  }

  Elements elements_;
  CsvLines lines_;
  std::string names_;
};

}  // namespace

bool starts_json(std::span<const std::byte> head) noexcept {
  return !head.empty() && (head.front() == std::byte{'{'} || head.front() == std::byte{'['});
}

std::unique_ptr<SampleReader> open_json_lines_input(std::span<const TensorSpec> specs, ByteStream stream) {
  for (const auto& spec : specs)
    if (!fills_rows(spec))
      throw Error(ErrorCode::bad_input, stream.name() +
                                            ": got JSON lines, expected .npy: a line is a sample of the batch N, and " +
                                            spec.name + " is " + describe(spec));
  return std::make_unique<JsonLinesReader>(specs, std::move(stream));
}

}  // namespace ferry::cli
