#include "torchscript_pickle.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "torchscript_values.hpp"

namespace ferry::torchscript {

namespace {

using namespace pickle;

constexpr std::size_t max_shown = 100;

// A pickle's stack and memo.
class Machine {
 public:
  Machine(std::string_view data, const StorageSizes* storages) : data_(data), storages_(storages) {}

  void run() {
    constexpr unsigned char stop = '.';
    for (auto code = byte(); code != stop; code = byte()) {
      if (!push_constant(code) && !push_number(code) && !use_memo(code) && !group(code) && !make(code))
        refuse("instruction 0x" + hex(code), "those that PyTorch writes");
    }
    if (stack_.size() != 1 || at_ != data_.size()) refuse("more than one value", "one");
  }

 private:
  static std::string hex(unsigned char code) {
    constexpr std::string_view digits = "0123456789abcdef";
    return {digits[code >> 4U], digits[code & 0xFU]};
  }

  unsigned char byte() { return static_cast<unsigned char>(bytes(1).front()); }

  std::string_view bytes(std::size_t count) {
    if (count > data_.size() - at_) refuse_end();
    const auto found = data_.substr(at_, count);
    at_ += count;
    return found;
  }

  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    const auto found = bytes(size);
    for (std::size_t i = size; i-- > 0;) value = value << 8U | static_cast<unsigned char>(found[i]);
    return value;
  }

  std::string line() {
    const auto stop = data_.find('\n', at_);
    if (stop == std::string_view::npos) refuse_end();
    const std::string found(data_.substr(at_, stop - at_));
    at_ = stop + 1;
    return found;
  }

  bool push_constant(unsigned char code) {
    constexpr unsigned char new_true = 0x88;
    constexpr unsigned char new_false = 0x89;
    switch (code) {
      case 'N':
      case new_true:
      case new_false:
        stack_.push(Kind::plain);
        return true;
      case '(':
        stack_.push(Kind::mark);
        return true;
      case ']':
        stack_.push(Kind::list);
        return true;
      case '}':
        stack_.push(Kind::dictionary);
        return true;
      case 'G':
        bytes(8);
        stack_.push(Kind::plain);
        return true;
      default:
        return false;
    }
  }

  bool push_number(unsigned char code) {
    constexpr unsigned char protocol = 0x80;
    constexpr unsigned char long1 = 0x8A;
    switch (code) {
      case protocol:
        if (byte() != 2) refuse("another protocol", "2");
        return true;
      case 'J':
        stack_.push(std::int64_t{static_cast<std::int32_t>(number(4))});
        return true;
      case 'K':
        stack_.push(std::int64_t{byte()});
        return true;
      case 'M':
        stack_.push(static_cast<std::int64_t>(number(2)));
        return true;
      case long1:
        push_long(byte());
        return true;
      case 'X':
        stack_.push(std::string(bytes(number(4))));
        return true;
      default:
        return false;
    }
  }

  void push_long(std::size_t size) {
    if (size > 8) refuse("an integer of " + std::to_string(size) + " bytes", "at most 8");
    const auto unused = static_cast<unsigned>(64 - 8 * size);
    const auto value = number(size);
    stack_.push(size == 0 ? std::int64_t{0} : static_cast<std::int64_t>(value << unused) >> unused);
  }

  bool use_memo(unsigned char code) {
    switch (code) {
      case 'q':
      case 'r': {
        const auto index = number(code == 'q' ? 1 : 4);
        memo_.insert_or_assign(index, stack_.top());
        return true;
      }
      case 'h':
      case 'j': {
        const auto index = number(code == 'h' ? 1 : 4);
        const auto found = memo_.find(index);
        if (found == memo_.end()) refuse("a reference to value " + std::to_string(index), "one that is there");
        stack_.push(found->second);
        return true;
      }
      default:
        return false;
    }
  }

  void fill(Kind kind, const std::vector<Value>& items) {
    if (!stack_.ends_in(kind) || (kind == Kind::dictionary && items.size() % 2 != 0))
      refuse("items for something else", "a list or a dictionary");
  }

  bool group(unsigned char code) {
    constexpr unsigned char tuple1 = 0x85;
    constexpr unsigned char tuple3 = 0x87;
    if (code >= tuple1 && code <= tuple3) {
      stack_.push_tuple(stack_.pop(code - tuple1 + 1U));
      return true;
    }
    switch (code) {
      case ')':
        stack_.push_tuple({});
        return true;
      case 't':
        stack_.push_tuple(stack_.pop_to_mark());
        return true;
      case 'a':
        fill(Kind::list, stack_.pop(1));
        return true;
      case 'e':
        fill(Kind::list, stack_.pop_to_mark());
        return true;
      case 's':
        fill(Kind::dictionary, stack_.pop(2));
        return true;
      case 'u':
        fill(Kind::dictionary, stack_.pop_to_mark());
        return true;
      default:
        return false;
    }
  }

  bool make(unsigned char code) {
    constexpr unsigned char new_object = 0x81;
    switch (code) {
      case 'c':
        push_global();
        return true;
      case 'R':
        call();
        return true;
      case new_object:
        push_object();
        return true;
      case 'b':
        static_cast<void>(stack_.pop());
        if (!stack_.ends_in(Kind::object)) refuse("a state for something else", "an object");
        return true;
      case 'Q':
        push_storage();
        return true;
      default:
        return false;
    }
  }

  void push_global() {
    const auto module = line();
    const auto name = module + "." + line();
    const bool is_plain = builds_list(name);
    const bool is_known = is_plain || (storages_ != nullptr && (builds_other(name) || item_size(name) || is_class(name)));
    if (!is_known) refuse("the name " + show(name), "those that PyTorch writes and the archive's own classes");
    stack_.push(Global{name});
  }

  void call() {
    const auto arguments = stack_.pop();
    const auto function = stack_.pop();
    const auto* const global = std::get_if<Global>(&function);
    const auto* const tuple = std::get_if<TupleRef>(&arguments);
    const bool is_known = global != nullptr && tuple != nullptr && (builds_list(global->name) || builds_other(global->name));
    if (!is_known) refuse("a call of something else", "those that PyTorch writes");
    if (global->name == rebuild_tensor) {
      check_tensor((*tuple)->items);
      stack_.push(Kind::tensor);
    } else if (builds_list(global->name) || global->name == restore_type) {
      if ((*tuple)->items.empty()) refuse_end();
      stack_.push((*tuple)->items.front());
    } else {
      stack_.push(global->name == ordered_dict ? Kind::dictionary : Kind::object);
    }
  }

  void push_object() {
    const auto arguments = stack_.pop();
    const auto made = stack_.pop();
    const auto* const global = std::get_if<Global>(&made);
    const auto* const tuple = std::get_if<TupleRef>(&arguments);
    if (global == nullptr || tuple == nullptr || !is_class(global->name) || !(*tuple)->items.empty())
      refuse("an object of something else", "one of the archive's own classes");
    stack_.push(Kind::object);
  }

  void push_storage() {
    const auto found = stack_.pop();
    const auto* const tuple = std::get_if<TupleRef>(&found);
    const auto has_form = [](const std::vector<Value>& items) {
      return items.size() == 5 && std::holds_alternative<std::string>(items[0]) && std::holds_alternative<Global>(items[1]) &&
             std::holds_alternative<std::string>(items[2]) && std::holds_alternative<std::string>(items[3]) &&
             std::holds_alternative<std::int64_t>(items[4]) && std::get<std::string>(items[0]) == "storage" &&
             is_device(std::get<std::string>(items[3]));
    };
    if (tuple == nullptr || !has_form((*tuple)->items)) refuse("a storage in another form", "that of PyTorch");
    const auto& items = (*tuple)->items;
    const auto& key = std::get<std::string>(items[2]);
    const auto elements = std::get<std::int64_t>(items[4]);
    const auto item = item_size(std::get<Global>(items[1]).name);
    const auto size = storages_ == nullptr ? StorageSizes::const_iterator() : storages_->find(key);
    const bool is_there = storages_ != nullptr && size != storages_->end();
    if (!is_there || !item || elements < 0 || static_cast<std::uint64_t>(elements) > size->second / *item)
      refuse("storage " + show(key) + " of " + std::to_string(elements) + " elements and " +
                 (is_there ? std::to_string(size->second) + " bytes" : "no such entry"),
             "all of them to be there");
    stack_.push(Storage{elements});
  }

  std::string_view data_;
  const StorageSizes* storages_;
  std::size_t at_ = 0;
  Stack stack_;
  std::map<std::uint64_t, Value> memo_;
};

}  // namespace

void check_pickle(std::string_view data, const StorageSizes* storages) { Machine(data, storages).run(); }

std::string show(std::string_view text) {
  std::string shown = "'";
  for (const char byte : text.substr(0, max_shown)) shown += byte >= ' ' && byte <= '~' ? byte : '?';
  return shown + "'";
}

}  // namespace ferry::torchscript
