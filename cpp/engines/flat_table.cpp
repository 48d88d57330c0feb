#include "flat_table.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "ferry/engine.hpp"

namespace ferry::engines {
namespace {

constexpr std::size_t max_tables = 1'000'000;  // that a file may lead to, however often it shares them

struct Number {
  std::string_view name;
  std::size_t bytes;
  bool is_signed;
};
constexpr std::array numbers = std::to_array<Number>({{"i8", 1, true},
                                                      {"u8", 1, false},
                                                      {"bool", 1, false},
                                                      {"i16", 2, true},
                                                      {"u16", 2, false},
                                                      {"i32", 4, true},
                                                      {"u32", 4, false},
                                                      {"i64", 8, true},
                                                      {"u64", 8, false},
                                                      {"f32", 4, false},
                                                      {"f64", 8, false}});

const Number* number_named(std::string_view name) {
  for (const auto& number : numbers)
    if (number.name == name) return &number;
  return nullptr;
}

std::vector<std::string_view> parts_of(std::string_view kinds) {
  std::vector<std::string_view> parts;
  for (std::size_t start = 0; start <= kinds.size();) {
    const auto stop = std::min(kinds.find('|', start), kinds.size());
    parts.push_back(kinds.substr(start, stop - start));
    start = stop + 1;
  }
  return parts;
}

class Reader {
 public:
  Reader(std::string_view data, const FlatSchema& schema) : data_(data), schema_(schema) {}

  Flat root(std::string_view kind) { return table(kind, unsigned_at(0, 4)); }

 private:
  using Place = std::optional<std::int64_t>;

  [[nodiscard]] std::int64_t number_at(std::int64_t at, std::size_t bytes, bool is_signed) const {
    if (at < 0 || at > static_cast<std::int64_t>(data_.size()) - static_cast<std::int64_t>(bytes))
      throw Refusal{FERRY_FORMAT, "got an offset to byte " + std::to_string(at) + ", expected one inside the program"};
    std::uint64_t value = 0;
    for (std::size_t i = bytes; i-- > 0;)
      value = value << 8U | static_cast<std::uint8_t>(data_[static_cast<std::size_t>(at) + i]);
    const auto spare = 64 - 8 * bytes;
    if (is_signed && spare > 0) return static_cast<std::int64_t>(value << spare) >> spare;
    return static_cast<std::int64_t>(value);
  }
  [[nodiscard]] std::int64_t unsigned_at(std::int64_t at, std::size_t bytes) const { return number_at(at, bytes, false); }

  Flat table(std::string_view kind, std::int64_t at) {
    if (++count_ > max_tables)
      throw Refusal{FERRY_FORMAT, "got more than " + std::to_string(max_tables) + " tables, expected fewer"};
    const auto vtable = at - number_at(at, 4, true);
    const auto size = unsigned_at(vtable, 2);
    Flat found;
    found.present = true;
    std::int64_t slot = 4;
    const auto next = [&]() -> Place {
      const auto entry = slot + 2 <= size ? unsigned_at(vtable + slot, 2) : 0;
      slot += 2;
      return entry == 0 ? Place{} : Place{at + entry};
    };
    for (const auto& [name, what] : schema_.fields(kind)) {
      if (what.find('|') == std::string::npos) {
        const auto place = next();
        require_presence(place, kind, name, what);
        found.fields.push_back({name, field(what, place)});
      } else {
        const auto tag = next();
        found.fields.push_back({name, any_of(what, tag, next())});
      }
    }
    return found;
  }

  static void require_presence(const Place& at, std::string_view kind, const std::string& name, const std::string& what) {
    if (!at && number_named(what) == nullptr && !what.ends_with('?'))
      throw Refusal{FERRY_FORMAT, "got a " + std::string(kind) + " without " + name + ", expected one as ExecuTorch exports it"};
  }

  Flat any_of(std::string_view kinds, const Place& tag, const Place& place) {
    const auto number = tag ? unsigned_at(*tag, 1) : 0;
    const auto names = parts_of(kinds);
    if (number < 1 || number > static_cast<std::int64_t>(names.size()) || !place)
      throw Refusal{FERRY_FORMAT, "got a value of kind " + std::to_string(number) + ", expected one of " + std::string(kinds)};
    Flat found;
    found.present = true;
    found.kind = names[static_cast<std::size_t>(number) - 1];
    found.items.push_back(table(found.kind, target(*place)));
    return found;
  }

  Flat field(std::string_view what, const Place& at) {
    Flat found;
    if (!at) return found;
    if (what.ends_with('?')) what.remove_suffix(1);
    found.present = true;
    if (const auto* number = number_named(what)) {
      found.number = static_cast<std::uint64_t>(number_at(*at, number->bytes, number->is_signed));
      return found;
    }
    const auto start = target(*at);
    if (what == "string") {
      found.bytes = span(start, 1);
    } else if (!what.starts_with('[')) {
      return table(what, start);
    } else {
      list(what.substr(1, what.size() - 2), start, found);
    }
    return found;
  }

  void list(std::string_view inner, std::int64_t start, Flat& found) {
    const auto* number = number_named(inner);
    const auto width = number == nullptr ? 4 : number->bytes;
    const auto all = span(start, width);
    if (inner == "u8") {
      found.bytes = all;
      return;
    }
    const auto count = static_cast<std::int64_t>(all.size() / width);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto at = start + 4 + i * static_cast<std::int64_t>(width);
      if (number == nullptr)
        found.items.push_back(table(inner, target(at)));
      else
        found.numbers.push_back(number_at(at, width, number->is_signed));
    }
  }

  [[nodiscard]] std::int64_t target(std::int64_t at) const { return at + unsigned_at(at, 4); }

  // The bytes of the vector at `at`, whose items have that size.
  [[nodiscard]] std::string_view span(std::int64_t at, std::size_t item) const {
    const auto count = static_cast<std::size_t>(unsigned_at(at, 4));
    const auto left = data_.size() - static_cast<std::size_t>(at) - 4;
    if (count * item > left)
      throw Refusal{FERRY_FORMAT, "got a list of " + std::to_string(count) + " items at byte " + std::to_string(at) +
                                      ", expected one inside the program"};
    return data_.substr(static_cast<std::size_t>(at) + 4, count * item);
  }

  std::string_view data_;
  const FlatSchema& schema_;
  std::size_t count_ = 0;
};

}  // namespace

const Flat& Flat::at(std::string_view name) const {
  for (const auto& [known, value] : fields)
    if (known == name) return value;
  throw std::logic_error("a field that the schema does not have");
}

FlatSchema::FlatSchema(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string table;
  std::string pending;  // a union that the next line goes on
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    if (!line.empty() && line.front() != ' ') {
      words >> table;
      tables_[table];
    }
    while (words >> word) {
      pending += word;
      if (pending.back() == '|') continue;
      const auto colon = pending.find(':');
      tables_[table].emplace_back(pending.substr(0, colon), pending.substr(colon + 1));
      pending.clear();
    }
  }
}

Flat read_flat(std::string_view data, const FlatSchema& schema, std::string_view kind) { return Reader(data, schema).root(kind); }

}  // namespace ferry::engines
