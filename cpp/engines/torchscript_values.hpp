// What a pickle of PyTorch may hold: values and the stack of them, of which only the kind is kept where no more need be known,
// the names of its callables and classes, and tensors that lie inside their storage. Standard library only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace ferry::torchscript::pickle {

enum class Kind { mark, list, dictionary, object, tensor, plain };

struct Global {
  std::string name;
};
struct Storage {
  std::int64_t elements;
};
struct Tuple;
using Value = std::variant<Kind, std::int64_t, std::string, Global, Storage, std::shared_ptr<const Tuple>>;
struct Tuple {
  std::vector<Value> items;
  std::size_t depth = 1;
};
using TupleRef = std::shared_ptr<const Tuple>;

[[nodiscard]] bool is(const Value& value, Kind kind);

inline constexpr std::string_view rebuild_tensor = "torch._utils._rebuild_tensor_v2";
inline constexpr std::string_view restore_type = "torch.jit._pickle.restore_type_tag";
inline constexpr std::string_view ordered_dict = "collections.OrderedDict";

// Is it one of the functions that make a list, or one of the others that PyTorch calls?
[[nodiscard]] bool builds_list(std::string_view name);
[[nodiscard]] bool builds_other(std::string_view name);

// Bytes of an element of a storage of that class; none for another class.
[[nodiscard]] std::optional<std::uint64_t> item_size(std::string_view name);

// Is it a class of the archive, not one of native code?
[[nodiscard]] bool is_class(std::string_view name);

[[nodiscard]] bool is_device(std::string_view text);

// Throws PickleError for a tensor, by the arguments that PyTorch makes it from, that leaves its storage.
void check_tensor(const std::vector<Value>& items);

// Throws PickleError.
[[noreturn]] void refuse(const std::string& got, const std::string& expected);
[[noreturn]] void refuse_end();

// The values under construction; a mark is no value. Throws PickleError where there are fewer than are asked for.
class Stack {
 public:
  void push(Value value) { values_.push_back(std::move(value)); }
  void push_tuple(std::vector<Value> items);

  [[nodiscard]] Value pop();
  [[nodiscard]] std::vector<Value> pop(std::size_t count);
  // The values behind the last mark, which goes too.
  [[nodiscard]] std::vector<Value> pop_to_mark();

  [[nodiscard]] const Value& top() const;
  [[nodiscard]] bool ends_in(Kind kind) const { return !values_.empty() && is(values_.back(), kind); }
  [[nodiscard]] std::size_t size() const { return values_.size(); }

 private:
  std::vector<Value> values_;
};

}  // namespace ferry::torchscript::pickle
