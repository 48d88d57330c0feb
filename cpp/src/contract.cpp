#include "contract.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "dtype.hpp"
#include "limits.hpp"
#include "shape.hpp"

namespace ferry {

namespace {

std::string where_of(const char* kind, const TensorSpec& spec) { return std::string(kind) + " " + spec.name + ": "; }

std::string shape_text(std::span<const std::int64_t> shape) { return to_string(Shape(shape.begin(), shape.end())); }

template <typename Float>
struct Bits;
template <int exponent_bits, int digits>
struct Bits<HalfFloat<exponent_bits, digits>> {
  using Type = std::uint16_t;
  static constexpr Type exponent = half::Layout<exponent_bits, digits>::infinity;
  static constexpr Type lowest_exponent_bit = Type{1} << digits;
};
template <>
struct Bits<float> {
  using Type = std::uint32_t;
  static constexpr Type exponent = 0x7F80'0000U;
  static constexpr Type lowest_exponent_bit = 0x0080'0000U;
};
template <>
struct Bits<double> {
  using Type = std::uint64_t;
  static constexpr Type exponent = 0x7FF0'0000'0000'0000U;
  static constexpr Type lowest_exponent_bit = 0x0010'0000'0000'0000U;
};

// An exponent of all ones plus one carries into the sign bit: no branch and no comparison. By vectors that GCC and Clang have for
// any CPU; the last one has some numbers again, so that few are left for a loop of single ones.
template <typename Float>
bool finite_values(const void* data, std::size_t count) noexcept {
  using Type = typename Bits<Float>::Type;  // NOLINT(readability-redundant-typename): clang 14 needs it
  using Vector [[gnu::vector_size(16)]] = Type;
  constexpr std::size_t lanes = sizeof(Vector) / sizeof(Type);
  const auto* values = static_cast<const std::byte*>(data);
  const auto carries_of = [values](std::size_t i, auto bits) {
    std::memcpy(&bits, values + i * sizeof(Type), sizeof bits);
    return (bits & Bits<Float>::exponent) + Bits<Float>::lowest_exponent_bit;
  };
  if (count < lanes) {
    Type carries = 0;
    for (std::size_t i = 0; i < count; ++i) carries |= static_cast<Type>(carries_of(i, Type{}));
    return (carries >> (8 * sizeof(Type) - 1)) == 0;
  }
  Vector carries = carries_of(count - lanes, Vector{});
  for (std::size_t i = 0; i + lanes < count; i += lanes) carries |= carries_of(i, Vector{});
  const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(carries >> (8 * sizeof(Type) - 1));
  return (words[0] | words[1]) == 0;
}

// What a value that breaks the contract means on either side of the engine.
std::string_view advice(ErrorCode code) {
  return code == ErrorCode::bad_input ? "clean the data" : "the model does not keep its contract for this input";
}

// What a caller does about a dtype. Where the engine or a file of the bundle gave it, nobody can.
std::string_view dtype_advice(std::string_view kind, ErrorCode code) {
  if (code != ErrorCode::bad_input) return {};
  return kind == "input" ? "; convert the values before the call" : "; give memory for that dtype";
}

template <typename Float>
[[noreturn]] void fail_not_finite(const char* kind, ErrorCode code, const ferry_tensor_view& tensor, const TensorSpec& spec) {
  const std::span values(static_cast<const Float*>(tensor.data), tensor.bytes / sizeof(Float));
  const auto bad =
      std::find_if(values.begin(), values.end(), [](Float value) { return !std::isfinite(static_cast<double>(value)); });
  const std::string infinity = static_cast<double>(*bad) > 0 ? "inf" : "-inf";
  const std::string got = std::isnan(static_cast<double>(*bad)) ? "nan" : infinity;
  const Shape index = index_of(static_cast<std::size_t>(bad - values.begin()), shape_of(tensor));
  throw ElementError(code, kind, spec.name, index, "got " + got + ", expected a finite number; " + std::string(advice(code)));
}

void check_bools(const char* kind, ErrorCode code, const ferry_tensor_view& tensor, const TensorSpec& spec) {
  const std::span bytes(static_cast<const unsigned char*>(tensor.data), tensor.bytes);
  const auto bad = std::find_if(bytes.begin(), bytes.end(), [](unsigned char byte) { return byte > 1; });
  if (bad == bytes.end()) return;
  const Shape index = index_of(static_cast<std::size_t>(bad - bytes.begin()), shape_of(tensor));
  throw ElementError(code, kind, spec.name, index,
                     "got the byte " + std::to_string(*bad) + ", expected 0 or 1 for bool; " + std::string(advice(code)));
}

template <typename Float>
void check_floats(const char* kind, ErrorCode code, const ferry_tensor_view& tensor, const TensorSpec& spec) {
  if (!spec.allow_nonfinite && !finite_values<Float>(tensor.data, tensor.bytes / sizeof(Float)))
    fail_not_finite<Float>(kind, code, tensor, spec);
}

std::string whole(double bound) {
  constexpr double most = 0x1p62;
  return std::to_string(static_cast<std::int64_t>(std::clamp(bound, -most, most)));
}

// Holds int32 and int64 to their range: as indices they would read beside a table, which some engines do without a word.
template <typename Integer>
void check_indices(const ferry_tensor_view& tensor, const TensorSpec& spec) {
  if (!spec.range) return;
  const auto [low, high] = *spec.range;
  const std::span values(static_cast<const Integer*>(tensor.data), tensor.bytes / sizeof(Integer));
  const auto bad = std::find_if(values.begin(), values.end(), [low = low, high = high](Integer value) {
    return static_cast<double>(value) < low || static_cast<double>(value) > high;
  });
  if (bad == values.end()) return;
  const Shape index = index_of(static_cast<std::size_t>(bad - values.begin()), shape_of(tensor));
  throw ElementError(ErrorCode::bad_input, "input", spec.name, index,
                     "got " + std::to_string(*bad) + ", expected " + whole(std::ceil(low)) + " to " + whole(std::floor(high)) +
                         "; " + std::string(advice(ErrorCode::bad_input)));
}

void check_values(const char* kind, ErrorCode code, const ferry_tensor_view& tensor, const TensorSpec& spec) {
  switch (spec.dtype) {
    case DType::boolean:
      return check_bools(kind, code, tensor, spec);
    case DType::uint8:
    case DType::int8:
    case DType::int16:
      return;
    case DType::int32:
      return code == ErrorCode::bad_input ? check_indices<std::int32_t>(tensor, spec) : void();
    case DType::int64:
      return code == ErrorCode::bad_input ? check_indices<std::int64_t>(tensor, spec) : void();
    case DType::float32:
      return check_floats<float>(kind, code, tensor, spec);
    case DType::float64:
      return check_floats<double>(kind, code, tensor, spec);
    case DType::float16:
      return check_floats<Float16>(kind, code, tensor, spec);
    case DType::bfloat16:
      return check_floats<BFloat16>(kind, code, tensor, spec);
  }
}

// The bytes are there, as many as dtype and shape promise, and aligned.
void check_storage(const char* kind, ErrorCode code, const ferry_tensor_view& tensor, const TensorSpec& spec) {
  const std::optional<std::size_t> expected = byte_count(spec.dtype, shape_of(tensor));
  if (tensor.bytes != expected) {
    throw Error(code, where_of(kind, spec) + "bytes: got " + std::to_string(tensor.bytes) + ", expected " +
                          (expected ? std::to_string(*expected) : "fewer than 2^63") + " for " +
                          std::string(to_string(spec.dtype)) + shape_text(shape_of(tensor)));
  }
  if (*expected == 0) return;
  if (tensor.data == nullptr || reinterpret_cast<std::uintptr_t>(tensor.data) % size_of(spec.dtype) != 0) {
    throw Error(code, where_of(kind, spec) + "data: got a null or misaligned pointer, expected one aligned to " +
                          std::to_string(size_of(spec.dtype)) + " bytes");
  }
}

}  // namespace

ElementError::ElementError(ErrorCode code, std::string kind, std::string name, Shape index, std::string problem,
                           const std::string& where)
    : Error(code, where + kind + " " + name + ": element " + to_string(index) + ": " + problem),
      kind_(std::move(kind)),
      name_(std::move(name)),
      index_(std::move(index)),
      problem_(std::move(problem)) {}

ElementError ElementError::at(const std::string& where, Shape index) const {
  return {code(), kind_, name_, std::move(index), problem_, where + ": "};
}

std::string unnamed_class(const Classes& classes, std::int64_t label) {
  const auto count = static_cast<std::int64_t>(classes.names.size());
  if (label >= 0 && label < count) return {};
  return "got class " + std::to_string(label) + ", expected 0 to " + std::to_string(count - 1);
}

std::string describe(const TensorSpec& spec) {
  std::string text(to_string(spec.dtype));
  text += '[';
  for (const Dim& dim : spec.shape) {
    if (text.back() != '[') text += ',';
    text += std::holds_alternative<std::string>(dim) ? std::get<std::string>(dim) : std::to_string(std::get<std::int64_t>(dim));
  }
  return text + "]";
}

bool all_finite(const ferry_tensor_view& tensor) noexcept {
  switch (static_cast<DType>(tensor.dtype)) {
    case DType::boolean:
    case DType::uint8:
    case DType::int8:
    case DType::int16:
    case DType::int32:
    case DType::int64:
      return true;
    case DType::float32:
      return finite_values<float>(tensor.data, tensor.bytes / sizeof(float));
    case DType::float64:
      return finite_values<double>(tensor.data, tensor.bytes / sizeof(double));
    case DType::float16:
      return finite_values<Float16>(tensor.data, tensor.bytes / sizeof(Float16));
    case DType::bfloat16:
      return finite_values<BFloat16>(tensor.data, tensor.bytes / sizeof(BFloat16));
  }
  return false;
}

namespace {

constexpr std::int64_t fast_most = std::numeric_limits<std::int32_t>::max();  // a product of two stays below 2^63

// Where check_values has something to do.
bool has_rules(const TensorSpec& spec, bool is_input) {
  switch (spec.dtype) {
    case DType::boolean:
      return true;
    case DType::uint8:
    case DType::int8:
    case DType::int16:
      return false;
    case DType::int32:
    case DType::int64:
      return is_input && spec.range.has_value();
    case DType::float32:
    case DType::float64:
    case DType::float16:
    case DType::bfloat16:
      return !spec.allow_nonfinite;
  }
  return true;
}

std::int64_t known_bytes(const CompiledSpec& compiled) {
  Shape known;
  for (const std::int64_t dim : compiled.dims)
    if (dim >= 0) known.push_back(dim);
  const auto bytes = byte_count(compiled.spec->dtype, known);
  return bytes && *bytes <= static_cast<std::size_t>(fast_most) ? static_cast<std::int64_t>(*bytes) : -1;
}

}  // namespace

ContractChecker::ContractChecker(const Contract& contract) {
  for (const auto& [name, range] : contract.symbols) {
    if (name == "N") batch_ = static_cast<int>(symbols_.size());
    symbols_.push_back({name, range});
  }
  inputs_ = compile(contract.inputs, true);
  outputs_ = compile(contract.outputs, false);
}

std::vector<CompiledSpec> ContractChecker::compile(const std::vector<TensorSpec>& specs, bool is_input) const {
  std::vector<CompiledSpec> compiled;
  for (const TensorSpec& spec : specs) {
    CompiledSpec& one = compiled.emplace_back(CompiledSpec{.spec = &spec,
                                                           .name = spec.name.c_str(),
                                                           .dims = {},
                                                           .dtype = static_cast<std::int32_t>(spec.dtype),
                                                           .rank = static_cast<std::int32_t>(spec.shape.size()),
                                                           .element_bytes = size_of(spec.dtype),
                                                           .known_bytes = 0,
                                                           .has_rules = has_rules(spec, is_input)});
    for (const Dim& dim : spec.shape) {
      if (const auto* number = std::get_if<std::int64_t>(&dim)) {
        one.dims.push_back(*number);
      } else {
        const auto it =
            std::find_if(symbols_.begin(), symbols_.end(), [&](const Symbol& s) { return s.name == std::get<std::string>(dim); });
        one.dims.push_back(-1 - (it - symbols_.begin()));
      }
    }
    one.known_bytes = known_bytes(one);
  }
  return compiled;
}

inline bool ContractChecker::bind(std::size_t index, std::int64_t value, std::int64_t* symbols) const noexcept {
  if (symbols[index] >= 0) return value == symbols[index];
  const SymbolRange& range = symbols_[index].range;
  if (value < range.min || (range.max && value > *range.max)) return false;
  symbols[index] = value;
  return true;
}

template <typename Tensor>
bool ContractChecker::fits(const CompiledSpec& compiled, const Tensor& tensor, std::int64_t* symbols) const noexcept {
  if (tensor.dtype != compiled.dtype || tensor.rank != compiled.rank || tensor.shape == nullptr) return false;
  std::int64_t bytes = compiled.known_bytes;
  const std::int64_t* dims = compiled.dims.data();
  for (std::int32_t axis = 0; axis < compiled.rank; ++axis) {
    const std::int64_t wanted = dims[axis];
    const std::int64_t dim = tensor.shape[axis];
    if (wanted >= 0) {
      if (dim != wanted) return false;
    } else {
      if (dim > fast_most || bytes > fast_most || !bind(static_cast<std::size_t>(-1 - wanted), dim, symbols)) return false;
      bytes *= dim;
    }
  }
  // A tensor without elements may have no pointer, and a misaligned one is told of by name.
  return bytes > 0 && static_cast<std::size_t>(bytes) == tensor.bytes && tensor.data != nullptr &&
         (reinterpret_cast<std::uintptr_t>(tensor.data) & (compiled.element_bytes - 1)) == 0;
}

void ContractChecker::check_symbol(Side side, const CompiledSpec& spec, std::span<const std::int64_t> shape, std::size_t axis,
                                   SymbolValues& symbols) const {
  const auto index = static_cast<std::size_t>(-1 - spec.dims[axis]);
  const Symbol& symbol = symbols_[index];
  const std::int64_t got = shape[axis];
  if (bind(index, got, symbols.data())) return;
  const auto fail = [&](const std::string& expected) {
    throw Error(side.code, where_of(side.kind, *spec.spec) + "shape " + shape_text(shape) + ": dim " + std::to_string(axis) +
                               ": got " + std::to_string(got) + ", expected " + expected);
  };
  if (symbols[index] >= 0) fail(symbol.name + " = " + std::to_string(symbols[index]) + " as in the other tensors of this call");
  fail(symbol.name + " at least " + std::to_string(symbol.range.min) + ", " +
       (symbol.range.max ? "at most " + std::to_string(*symbol.range.max) : "no maximum") +
       (got < symbol.range.min ? "; give more" : "; give it in parts"));
}

void ContractChecker::check_header(Side side, const CompiledSpec& compiled, DType dtype, std::span<const std::int64_t> shape,
                                   SymbolValues& symbols) const {
  const TensorSpec& spec = *compiled.spec;
  if (dtype != spec.dtype) {
    throw Error(side.code, where_of(side.kind, spec) + "dtype: got " + std::string(to_string(dtype)) + ", expected " +
                               std::string(to_string(spec.dtype)) + std::string(dtype_advice(side.kind, side.code)));
  }
  if (shape.size() != compiled.dims.size()) {
    throw Error(side.code, where_of(side.kind, spec) + "rank: got " + std::to_string(shape.size()) + " (" + shape_text(shape) +
                               "), expected " + std::to_string(compiled.dims.size()) + " (" + describe(spec) + "); reshape it");
  }
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (compiled.dims[axis] < 0) {
      check_symbol(side, compiled, shape, axis, symbols);
    } else if (shape[axis] != compiled.dims[axis]) {
      throw Error(side.code, where_of(side.kind, spec) + "shape " + shape_text(shape) + ": dim " + std::to_string(axis) +
                                 ": got " + std::to_string(shape[axis]) + ", expected " + std::to_string(compiled.dims[axis]) +
                                 "; the contract is " + describe(spec));
    }
  }
}

void ContractChecker::check_input_header(std::size_t index, DType dtype, std::span<const std::int64_t> shape,
                                         SymbolValues& symbols) const {
  check_header({"input", ErrorCode::bad_input}, inputs_[index], dtype, shape, symbols);
}

SymbolValues ContractChecker::check_inputs(std::span<const ferry_tensor_view> inputs) const {
  constexpr Side side{"input", ErrorCode::bad_input};
  SymbolValues symbols = unknown_symbols();
  for (std::size_t i = 0; i < inputs.size(); ++i) check_view(side, inputs_[i], inputs[i], symbols);
  check_input_values(inputs);
  return symbols;
}

void ContractChecker::check_input_values(std::span<const ferry_tensor_view> inputs) const {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (inputs_[i].has_rules) check_values("input", ErrorCode::bad_input, inputs[i], *inputs_[i].spec);
}

bool ContractChecker::fits(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs,
                           SymbolValues& symbols) const noexcept {
  if (inputs.size() != inputs_.size() || outputs.size() != outputs_.size()) return false;
  std::int64_t* values = symbols.data();
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (!is_named(inputs[i], inputs_[i]) || !fits(inputs_[i], inputs[i], values)) return false;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (!is_named(outputs[i], outputs_[i]) || !fits(outputs_[i], outputs[i], values)) return false;
  return true;
}

void ContractChecker::check_buffer(std::size_t index, const ferry_tensor_buffer& buffer, SymbolValues& symbols) const {
  check_view({"output", ErrorCode::bad_input}, outputs_[index], view_of(buffer), symbols);
}

void ContractChecker::check_written(std::span<const ferry_tensor_buffer> buffers) const {
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    const ferry_tensor_buffer& buffer = buffers[i];
    if (!outputs_[i].has_rules) continue;
    if (buffer.dtype == FERRY_FLOAT32 && finite_values<float>(buffer.data, buffer.bytes / sizeof(float))) continue;
    check_values("output", ErrorCode::mismatch, view_of(buffer), *outputs_[i].spec);
  }
}

void ContractChecker::check_output(std::size_t index, const ferry_tensor_view& output, SymbolValues& symbols) const {
  constexpr Side side{"output", ErrorCode::mismatch};
  check_view(side, outputs_[index], output, symbols);
  check_values(side.kind, side.code, output, *outputs_[index].spec);
}

void ContractChecker::check_golden(std::size_t index, DType dtype, std::span<const std::int64_t> shape,
                                   SymbolValues& symbols) const {
  check_header({"output", ErrorCode::format}, outputs_[index], dtype, shape, symbols);
}

void ContractChecker::check_view(Side side, const CompiledSpec& compiled, const ferry_tensor_view& tensor,
                                 SymbolValues& symbols) const {
  if (fits(compiled, tensor, symbols.data())) return;
  const TensorSpec& spec = *compiled.spec;
  const std::optional<DType> dtype = find_dtype(tensor.dtype);
  if (!dtype) {
    throw Error(side.code, where_of(side.kind, spec) + "dtype: got the number " + std::to_string(tensor.dtype) +
                               ", expected one of FERRY_BOOL to FERRY_BFLOAT16");
  }
  if (tensor.rank < 0 || tensor.rank > limits::max_rank) {
    throw Error(side.code, where_of(side.kind, spec) + "rank: got " + std::to_string(tensor.rank) + ", expected 0 to " +
                               std::to_string(limits::max_rank) + " dims in shape");
  }
  if (tensor.rank > 0 && tensor.shape == nullptr) {
    throw Error(side.code, where_of(side.kind, spec) + "shape: got NULL with rank " + std::to_string(tensor.rank) +
                               ", expected a pointer to as many dims");
  }
  check_header(side, compiled, *dtype, shape_of(tensor), symbols);
  check_storage(side.kind, side.code, tensor, spec);
}

Shape ContractChecker::output_shape(std::size_t index, const SymbolValues& symbols) const {
  Shape shape;
  for (const std::int64_t dim : outputs_[index].dims)
    shape.push_back(dim >= 0 ? dim : symbols[static_cast<std::size_t>(-1 - dim)]);
  return shape;
}

}  // namespace ferry
