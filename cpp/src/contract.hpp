// Holds tensors to a bundle's contract (FORMAT.md section 3).
#pragma once

#include <ferry/engine.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <ferry/ferry.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inline_vector.hpp"

namespace ferry {

// An element of a tensor that breaks the contract: `index` is its place in this call. Who cut the call out of a file knows the
// place in the file, and says it with `at`.
class ElementError : public Error {
 public:
  // `kind` is "input" or "output"; `where`, with a colon, the file.
  ElementError(ErrorCode code, std::string kind, std::string name, Shape index, std::string problem,
               const std::string& where = {});

  [[nodiscard]] ElementError at(const std::string& where, Shape index) const;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }  // of the tensor
  [[nodiscard]] const Shape& index() const noexcept { return index_; }

 private:
  std::string kind_;
  std::string name_;
  Shape index_;
  std::string problem_;
};

// The values of a contract's symbols within one call; -1 where not yet known.
using SymbolValues = InlineVector<std::int64_t, 8>;

// One tensor spec made ready for fast checks. A dim is a number, or -1 - i for symbol i.
struct CompiledSpec {
  const TensorSpec* spec;
  const char* name;
  std::vector<std::int64_t> dims;
  std::int32_t dtype;
  std::int32_t rank;
  std::size_t element_bytes;
  std::int64_t known_bytes;  // of the dims that are numbers; -1 where they are too many for a fast check
  bool has_rules;            // are there values that it does not take?
};

// A contract made ready for fast checks. The contract must outlive it.
class ContractChecker {
 public:
  explicit ContractChecker(const Contract& contract);

  [[nodiscard]] SymbolValues unknown_symbols() const { return {symbols_.size(), std::int64_t{-1}}; }

  // Dtype and shape of input `index`; binds the symbols that the shape shows and checks their ranges. Throws Error(bad_input).
  void check_input_header(std::size_t index, DType dtype, std::span<const std::int64_t> shape, SymbolValues& symbols) const;

  // Whether the tensors of a call plainly are what the contract says, in its order; binds the symbols. Values are not looked at.
  // False sends the call to the checks that find out what is wrong, if anything is.
  [[nodiscard]] bool fits(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs,
                          SymbolValues& symbols) const noexcept;
  // The values of every input, in contract order, whose headers and bytes have been checked. Throws Error(bad_input).
  void check_input_values(std::span<const ferry_tensor_view> inputs) const;

  // Every input, in contract order: header, bytes, and finite values. Returns the symbols' values. Throws Error(bad_input).
  [[nodiscard]] SymbolValues check_inputs(std::span<const ferry_tensor_view> inputs) const;

  // The memory that a caller gives for output `index` of a call with `symbols`. Throws Error(bad_input).
  void check_buffer(std::size_t index, const ferry_tensor_buffer& buffer, SymbolValues& symbols) const;

  // What an engine wrote into such memory of every output: finite values. Throws Error(mismatch).
  void check_written(std::span<const ferry_tensor_buffer> buffers) const;

  // An engine's output `index` after a run with `symbols`, which are all known: header, bytes, and finite values. Throws
  // Error(mismatch).
  void check_output(std::size_t index, const ferry_tensor_view& output, SymbolValues& symbols) const;

  // Dtype and shape of golden output `index` of a case with `symbols`; binds those that are not yet known. Throws Error(format).
  void check_golden(std::size_t index, DType dtype, std::span<const std::int64_t> shape, SymbolValues& symbols) const;

  // The value of the batch symbol N, or -1 where the contract has none.
  [[nodiscard]] std::int64_t batch(const SymbolValues& symbols) const noexcept {
    return batch_ < 0 ? -1 : symbols[static_cast<std::size_t>(batch_)];
  }

  // The shape of output `index` with the symbols' values put in.
  [[nodiscard]] Shape output_shape(std::size_t index, const SymbolValues& symbols) const;

  [[nodiscard]] std::span<const CompiledSpec> inputs() const noexcept { return inputs_; }
  [[nodiscard]] std::span<const CompiledSpec> outputs() const noexcept { return outputs_; }

 private:
  struct Symbol {
    std::string name;
    SymbolRange range;
  };
  [[nodiscard]] std::vector<CompiledSpec> compile(const std::vector<TensorSpec>& specs, bool is_input) const;
  // `kind` is "input" or "output", `code` what a violation throws.
  struct Side {
    const char* kind;
    ErrorCode code;
  };
  // Whether a tensor plainly is what its spec says. False sends it to the checks that find out what is wrong.
  template <typename Tensor>
  [[nodiscard]] bool fits(const CompiledSpec& compiled, const Tensor& tensor, std::int64_t* symbols) const noexcept;
  // Whether symbol `index` may have that value in this call; then it has.
  [[nodiscard]] bool bind(std::size_t index, std::int64_t value, std::int64_t* symbols) const noexcept;
  void check_view(Side side, const CompiledSpec& compiled, const ferry_tensor_view& tensor, SymbolValues& symbols) const;
  void check_header(Side side, const CompiledSpec& compiled, DType dtype, std::span<const std::int64_t> shape,
                    SymbolValues& symbols) const;
  void check_symbol(Side side, const CompiledSpec& spec, std::span<const std::int64_t> shape, std::size_t axis,
                    SymbolValues& symbols) const;

  std::vector<Symbol> symbols_;
  std::vector<CompiledSpec> inputs_;
  std::vector<CompiledSpec> outputs_;
  int batch_ = -1;
};

[[nodiscard]] inline ferry_tensor_view view_of(const ferry_tensor_buffer& buffer) noexcept {
  return {buffer.name, buffer.dtype, buffer.rank, buffer.shape, buffer.data, buffer.bytes};
}

// Why a label has no name, as "got class 3, expected 0 to 1"; empty where it has one.
[[nodiscard]] std::string unnamed_class(const Classes& classes, std::int64_t label);

// Whether the tensor has the spec's name.
template <typename Tensor>
[[nodiscard]] bool is_named(const Tensor& tensor, const CompiledSpec& compiled) noexcept {
  // Often it is the caller's own pointer: that of the bundle's contract.
  return tensor.name == compiled.name || (tensor.name != nullptr && std::strcmp(compiled.name, tensor.name) == 0);
}

// `uint8[N,8,8]`
[[nodiscard]] std::string describe(const TensorSpec& spec);

// The spec of that name, or the end.
[[nodiscard]] inline std::vector<TensorSpec>::const_iterator find_spec(const std::vector<TensorSpec>& specs,
                                                                       std::string_view name) {
  return std::find_if(specs.begin(), specs.end(), [name](const TensorSpec& spec) { return spec.name == name; });
}

// Whether every number of the view, whose dtype and bytes have been checked, is finite.
[[nodiscard]] bool all_finite(const ferry_tensor_view& tensor) noexcept;

[[nodiscard]] inline std::span<const std::int64_t> shape_of(const ferry_tensor_view& tensor) noexcept {
  return {tensor.shape, static_cast<std::size_t>(tensor.rank)};
}

}  // namespace ferry
