#include "csv_columns.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <numeric>
#include <set>
#include <utility>

#include "csv_cell.hpp"

namespace ferry::cli {

namespace {

constexpr std::size_t most_names = 3;  // in a message

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
