#include "torchscript_values.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <utility>

#include "torchscript_pickle.hpp"

namespace ferry::torchscript::pickle {

namespace {

constexpr std::size_t max_depth = 64;  // of tuples in tuples
constexpr std::array<std::string_view, 4> list_callables = {
    "torch.jit._pickle.build_intlist", "torch.jit._pickle.build_doublelist", "torch.jit._pickle.build_boollist",
    "torch.jit._pickle.build_tensorlist"};
constexpr std::array<std::string_view, 4> other_callables = {rebuild_tensor, restore_type, "torch.device", ordered_dict};
constexpr std::array<std::pair<std::string_view, std::uint64_t>, 12> item_sizes = {{{"torch.BoolStorage", 1},
                                                                                    {"torch.ByteStorage", 1},
                                                                                    {"torch.CharStorage", 1},
                                                                                    {"torch.HalfStorage", 2},
                                                                                    {"torch.BFloat16Storage", 2},
                                                                                    {"torch.ShortStorage", 2},
                                                                                    {"torch.FloatStorage", 4},
                                                                                    {"torch.IntStorage", 4},
                                                                                    {"torch.DoubleStorage", 8},
                                                                                    {"torch.LongStorage", 8},
                                                                                    {"torch.ComplexFloatStorage", 8},
                                                                                    {"torch.ComplexDoubleStorage", 16}}};

template <std::size_t Count>
bool is_in(const std::array<std::string_view, Count>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_identifier(std::string_view text) {
  return !text.empty() && is_letter(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c); });
}

// Are these whole numbers of 0 or more?
std::optional<std::vector<std::int64_t>> naturals(const Tuple& tuple) {
  std::vector<std::int64_t> numbers;
  for (const auto& item : tuple.items) {
    const auto* const number = std::get_if<std::int64_t>(&item);
    if (number == nullptr || *number < 0) return std::nullopt;
    numbers.push_back(*number);
  }
  return numbers;
}

bool is_inside(std::int64_t elements, std::int64_t offset, const Tuple& sizes_tuple, const Tuple& strides_tuple) {
  const auto sizes = naturals(sizes_tuple);
  const auto strides = naturals(strides_tuple);
  if (offset < 0 || !sizes || !strides || sizes->size() != strides->size()) return false;
  if (std::ranges::find(*sizes, 0) != sizes->end()) return true;
  std::int64_t last = offset;
  for (std::size_t i = 0; i < sizes->size(); ++i) {
    std::int64_t step = 0;
    if (__builtin_mul_overflow((*sizes)[i] - 1, (*strides)[i], &step) || __builtin_add_overflow(last, step, &last)) return false;
  }
  return last < elements;
}

}  // namespace

bool is(const Value& value, Kind kind) { return std::holds_alternative<Kind>(value) && std::get<Kind>(value) == kind; }

bool builds_list(std::string_view name) { return is_in(list_callables, name); }
bool builds_other(std::string_view name) { return is_in(other_callables, name); }

std::optional<std::uint64_t> item_size(std::string_view name) {
  const auto* const found = std::ranges::find(item_sizes, name, &std::pair<std::string_view, std::uint64_t>::first);
  return found == item_sizes.end() ? std::nullopt : std::optional(found->second);
}

bool is_class(std::string_view name) {
  constexpr std::string_view root = "__torch__.";
  constexpr std::string_view native = "__torch__.torch.classes";
  if (!name.starts_with(root) || name == native || (name.starts_with(native) && name[native.size()] == '.')) return false;
  for (auto rest = name.substr(root.size());;) {
    const auto dot = rest.find('.');
    if (!is_identifier(rest.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    rest = rest.substr(dot + 1);
  }
}

bool is_device(std::string_view text) {
  constexpr std::string_view cuda = "cuda:";
  if (text == "cpu") return true;
  return text.starts_with(cuda) && text.size() > cuda.size() && std::ranges::all_of(text.substr(cuda.size()), is_digit);
}

void check_tensor(const std::vector<Value>& items) {
  const bool has_form = items.size() >= 4 && std::holds_alternative<Storage>(items[0]) &&
                        std::holds_alternative<std::int64_t>(items[1]) && std::holds_alternative<TupleRef>(items[2]) &&
                        std::holds_alternative<TupleRef>(items[3]);
  if (!has_form) refuse("a tensor in another form", "that of PyTorch");
  if (!is_inside(std::get<Storage>(items[0]).elements, std::get<std::int64_t>(items[1]), *std::get<TupleRef>(items[2]),
                 *std::get<TupleRef>(items[3])))
    refuse("a tensor that leaves its storage", "one inside it");
}

void refuse(const std::string& got, const std::string& expected) { throw PickleError("got " + got + ", expected " + expected); }

void refuse_end() { refuse("a pickle that ends early", "a whole one"); }

void Stack::push_tuple(std::vector<Value> items) {
  std::size_t depth = 1;
  for (const auto& item : items)
    if (const auto* const tuple = std::get_if<TupleRef>(&item)) depth = std::max(depth, (*tuple)->depth + 1);
  if (depth > max_depth) refuse("tuples " + std::to_string(depth) + " deep", "at most " + std::to_string(max_depth));
  values_.emplace_back(std::make_shared<const Tuple>(Tuple{std::move(items), depth}));
}

Value Stack::pop() {
  if (values_.empty() || is(values_.back(), Kind::mark)) refuse_end();
  auto value = std::move(values_.back());
  values_.pop_back();
  return value;
}

std::vector<Value> Stack::pop(std::size_t count) {
  std::vector<Value> items(count);
  for (std::size_t i = count; i-- > 0;) items[i] = pop();
  return items;
}

std::vector<Value> Stack::pop_to_mark() {
  const auto mark = std::find_if(values_.rbegin(), values_.rend(), [](const Value& value) { return is(value, Kind::mark); });
  if (mark == values_.rend()) refuse_end();
  std::vector<Value> items(std::make_move_iterator(mark.base()), std::make_move_iterator(values_.end()));
  values_.erase(mark.base() - 1, values_.end());
  return items;
}

const Value& Stack::top() const {
  if (values_.empty()) refuse_end();
  return values_.back();
}

}  // namespace ferry::torchscript::pickle
