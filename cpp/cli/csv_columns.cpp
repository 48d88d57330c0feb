#include "csv_columns.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "csv_cell.hpp"
#include "input.hpp"
#include "shape.hpp"

namespace ferry::cli {

namespace {

constexpr std::size_t most_names = 3;  // in a message

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

bool is_value(std::string_view cell) noexcept { return is_number(cell) || is_missing(cell); }

// The character that a cell in UTF-8 begins with; 0 where that has four bytes or the cell is empty.
char32_t first_character(std::string_view cell) noexcept {
  const auto byte = [cell](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(cell[i])); };
  if (cell.empty() || byte(0) >= 0xF0) return 0;
  if (byte(0) < 0x80) return byte(0);
  if (byte(0) < 0xE0) return (byte(0) & 0x1FU) << 6U | (byte(1) & 0x3FU);
  return (byte(0) & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU);
}

// Letters of Latin, Greek, Cyrillic, Hebrew, Arabic, Japanese, Chinese and Korean. Signs of currencies and digits of other
// scripts begin values.
bool is_letter(char32_t character) noexcept {
  constexpr std::array<std::pair<char32_t, char32_t>, 15> letters = {{{'A', 'Z'},
                                                                      {'_', '_'},
                                                                      {'a', 'z'},
                                                                      {0x00C0, 0x00D6},
                                                                      {0x00D8, 0x00F6},
                                                                      {0x00F8, 0x024F},
                                                                      {0x0386, 0x0386},
                                                                      {0x0388, 0x0481},
                                                                      {0x048A, 0x052F},
                                                                      {0x05D0, 0x05EA},
                                                                      {0x0620, 0x064A},
                                                                      {0x3041, 0x3096},
                                                                      {0x30A1, 0x30FA},
                                                                      {0x4E00, 0x9FFF},
                                                                      {0xAC00, 0xD7A3}}};
  return std::ranges::any_of(letters,
                             [character](const auto& range) { return character >= range.first && character <= range.second; });
}

// Does it begin as a word that may name a column?
bool is_word(std::string_view cell) noexcept { return is_letter(first_character(cell)) && !is_value(cell) && !is_answer(cell); }

// How a program writes the number of a column.
bool is_count(std::string_view cell) noexcept {
  return !cell.empty() && cell.size() <= 9 && cell.find_first_not_of("0123456789") == std::string_view::npos &&
         (cell.size() == 1 || cell.front() != '0');
}

std::string and_more(std::size_t count) {
  return count > most_names ? " and " + std::to_string(count - most_names) + " more" : std::string();
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most_names); ++i) text += (i == 0 ? "" : ", ") + names[i];
  return text + and_more(names.size());
}

std::string shown_column(const std::string& name) {
  return name.empty() ? "'' (the row numbers of pandas; index=False leaves them out)" : shown(name);
}

// The last number of a name, and the text around it; nothing where there is none of at most nine digits.
struct Numbered {
  std::string_view before;
  std::string_view after;
  std::int64_t number = 0;
};

std::optional<Numbered> numbered(std::string_view name) {
  constexpr std::size_t most_digits = 9;
  constexpr std::string_view digits = "0123456789";
  const auto last = name.find_last_of(digits);
  if (last == std::string_view::npos) return std::nullopt;
  const auto other = name.find_last_not_of(digits, last);
  const auto first = other == std::string_view::npos ? 0 : other + 1;
  if (last + 1 - first > most_digits) return std::nullopt;
  Numbered found{name.substr(0, first), name.substr(last + 1)};
  std::from_chars(name.data() + first, name.data() + last + 1, found.number);
  return found;
}

// Do names differ by a number only, and are not in its order, as x1,x0? Their place is not what they say.
bool are_out_of_order(const std::vector<std::string>& names) {
  std::optional<Numbered> before;
  bool ascending = true;
  for (const auto& name : names) {
    const auto found = numbered(name);
    if (!found || (before && (before->before != found->before || before->after != found->after))) return false;
    ascending = ascending && (!before || before->number < found->number);
    before = found;
  }
  return !ascending;
}

// What a first line says that was judged to be a header.
class HeaderReader {
 public:
  HeaderReader(const Cells& names, const Elements& elements, const TableOptions& options)
      : names_(names), elements_(elements), options_(options) {}

  [[nodiscard]] Columns by_name() const {
    std::vector<std::optional<std::size_t>> taken(elements_.count());
    std::vector<std::size_t> extra;
    for (std::size_t column = 0; column < names_.size(); ++column) {
      const auto place = elements_.place_of(names_[column]);
      if (!place || names_[column] == options_.id)
        extra.push_back(column);
      else if (std::exchange(taken[*place], column))
        throw ColumnError("got the column " + shown(names_[column]) + " twice, expected it once; take one out");
    }
    require_all(taken);
    std::vector<std::size_t> order(taken.size());
    std::ranges::transform(taken, order.begin(), [](const auto& column) { return *column; });
    return with_id(extra, std::move(order), HeaderKind::names);
  }

  [[nodiscard]] Columns by_place(const std::vector<std::size_t>& others) const {
    if (others.size() != elements_.count())
      throw ColumnError("got " + std::to_string(others.size()) + " columns that the contract does not name, expected " +
                        elements_.described() + "; name them so in the first line");
    if (elements_.parts().size() > 1)
      throw ColumnError("got none of the columns " + elements_.described() +
                        ", expected all of them; name them so in the first line");
    require_ascending(others);
    const std::set<std::size_t> known(others.begin(), others.end());
    std::vector<std::size_t> extra;
    for (std::size_t column = 0; column < names_.size(); ++column)
      if (!known.contains(column)) extra.push_back(column);
    return with_id(extra, others, HeaderKind::places);
  }

 private:
  void require_ascending(const std::vector<std::size_t>& others) const {
    std::vector<std::string> names(others.size());
    std::ranges::transform(others, names.begin(), [&](std::size_t column) { return names_[column]; });
    if (!are_out_of_order(names)) return;
    std::ranges::transform(names, names.begin(), [](const std::string& name) { return shown(name); });
    throw ColumnError("got the columns " + listed(names) + " in another order than their numbers, expected " +
                      elements_.described() + "; name them so in the first line");
  }

  void require_all(const std::vector<std::optional<std::size_t>>& taken) const {
    std::vector<std::string> missing;
    for (std::size_t place = 0; place < taken.size(); ++place)
      if (!taken[place]) missing.push_back(elements_.name_of(place));
    if (!missing.empty())
      throw ColumnError("got no column " + listed(missing) + ", expected " + elements_.described() + "; add what is missing");
  }

  // Tells the identity from the columns that nobody asked for.
  [[nodiscard]] Columns with_id(const std::vector<std::size_t>& extra, std::vector<std::size_t> taken, HeaderKind header) const {
    std::optional<std::size_t> id;
    std::vector<std::string> unknown;
    for (const auto column : extra) {
      if (options_.id.empty() || names_[column] != options_.id)
        unknown.push_back(shown_column(names_[column]));
      else if (std::exchange(id, column))
        throw ColumnError("got the column " + shown(names_[column]) + " twice, expected it once; take one out");
    }
    if (!options_.id.empty() && !id)
      throw ColumnError("got no column " + shown(options_.id) + ", expected the one of --id; name it in the first line");
    if (!unknown.empty() && !options_.ignore_columns)
      throw ColumnError("got the extra column" + std::string(unknown.size() > 1 ? "s " : " ") + listed(unknown) + ", expected " +
                        elements_.described() + "; take out what is extra, or add --ignore-columns");
    return {names_.size(), std::move(taken), id, header};
  }

  const Cells& names_;
  const Elements& elements_;
  const TableOptions& options_;
};

// What the rows show of how their writer writes numbers.
struct Points {
  bool all = false;    // each cell has a point
  bool whole = false;  // and one of them is a whole number, as in 5.0
};

Points points_of(std::span<const Cells> following, const std::vector<std::size_t>& columns) {
  Points points{.all = !following.empty()};
  for (const auto& row : following) {
    for (const auto column : columns) {
      if (column >= row.size() || !has_point(row[column])) return {};
      points.whole = points.whole || is_pointed_whole(row[column]);
    }
  }
  return points;
}

std::string listed_numbers(const std::vector<std::string>& names) {
  if (names.size() > 4) return names[0] + "," + names[1] + "," + names[2] + ",...," + names.back();
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

// Do whole numbers that are all different count the columns? Else they are a sample. Throws ColumnError.
bool numbers_columns(const std::vector<std::string>& names, const Points& points, bool has_index) {
  std::vector<std::string> counted(names.size());
  for (std::size_t i = 0; i < counted.size(); ++i) counted[i] = std::to_string(i);
  // Who writes 5.0 does not write 0,1,2 for a sample.
  if (has_index || (points.whole && names == counted)) return true;
  const bool counts = std::set(names.begin(), names.end()) == std::set(counted.begin(), counted.end());
  if (counts || (points.all && names.size() > 1))
    throw ColumnError(
        "got " + listed_numbers(names) +
        ", which is a sample or a header that counts the columns, expected to be told; add --header yes or --header no");
  return false;
}

// Is a line a header that no option calls one, and that names nothing of the contract? `columns` are those that may be elements.
bool is_header(const Cells& names, const std::vector<std::size_t>& columns, std::span<const Cells> following,
               const Elements& elements, bool has_index) {
  if (columns.size() != elements.count() || elements.parts().size() > 1) return false;
  std::vector<std::string> others(columns.size());
  std::ranges::transform(columns, others.begin(), [&](std::size_t column) { return names[column]; });
  if (std::set(others.begin(), others.end()).size() != others.size()) return false;
  if (std::ranges::all_of(others, is_count)) return numbers_columns(others, points_of(following, columns), has_index);
  return std::ranges::all_of(others, is_word) && (has_index || others.size() > 1);  // one word alone may be a broken sample
}

std::string way_out(const Elements& elements) {
  return std::string("name the columns in the first line") +
         (elements.parts().size() > 1 ? ", or add --header no where the columns have the contract's order" : "");
}

// The columns from `first` on that are no identity.
std::vector<std::size_t> other_columns(const Cells& names, const TableOptions& options, std::size_t first) {
  std::vector<std::size_t> others;
  for (std::size_t i = first; i < names.size(); ++i)
    if (options.id.empty() || names[i] != options.id) others.push_back(i);
  return others;
}

// A table without names has no identity, and only one input. Throws ColumnError.
void require_no_names(const Elements& elements, const TableOptions& options) {
  if (!options.id.empty())
    throw ColumnError("got no column " + shown(options.id) + ", expected the one of --id; " + way_out(elements));
  if (elements.parts().size() > 1)
    throw ColumnError("got no names of columns, expected " + elements.described() + "; " + way_out(elements));
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

Columns plain_columns(const Elements& elements) {
  Columns columns{.cells = elements.count(), .taken = std::vector<std::size_t>(elements.count()), .id = {}};
  std::iota(columns.taken.begin(), columns.taken.end(), std::size_t{0});
  return columns;
}

Columns find_columns(const Cells& names, std::span<const Cells> following, const Elements& elements,
                     const TableOptions& options) {
  if (options.header == HeaderChoice::no) return plain_columns(elements);
  const bool has_id = !options.id.empty() && std::ranges::find(names, options.id) != names.end();
  const bool sure = options.header == HeaderChoice::yes || has_id;
  const HeaderReader reader(names, elements, options);
  if (std::ranges::any_of(names, [&](const auto& name) { return elements.place_of(name) && (sure || !is_value(name)); }))
    return reader.by_name();
  const bool has_index = names.size() > 1 && (names.front().empty() || names.front() == "Unnamed: 0");
  const auto others = other_columns(names, options, has_index ? 1 : 0);
  if (sure || is_header(names, others, following, elements, has_index)) return reader.by_place(others);
  require_no_names(elements, options);
  return plain_columns(elements);
}

}  // namespace ferry::cli
