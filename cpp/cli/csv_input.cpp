#include "csv_input.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "contract.hpp"
#include "csv_cell.hpp"
#include "csv_columns.hpp"
#include "csv_delimiter.hpp"
#include "csv_lines.hpp"
#include "limits.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

// The first line as a header: numpy.savetxt writes `# ` in front of one.
std::string header_text(const std::string& text) {
  if (!text.starts_with('#')) return text;
  const auto start = std::min(text.find_first_not_of('#'), text.size());
  return text.substr(std::min(text.find_first_not_of(' ', start), text.size()));
}

// `sep=;`, also in quotes: any one character may follow.
bool is_excel_mark(std::string_view line) {
  if (line.starts_with('"')) line.remove_prefix(1);
  if (line.size() > 4 && line.ends_with('"')) line.remove_suffix(1);
  const auto is = [line](std::size_t at, char lower) { return line[at] == lower || line[at] == lower - 'a' + 'A'; };
  if (line.size() < 4 || !is(0, 's') || !is(1, 'e') || !is(2, 'p') || line[3] != '=') return false;
  return std::ranges::count_if(line.substr(4), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }) <= 1;
}

// The rows of a file: the lines by which it is judged, then those that follow.
class CsvRows {
 public:
  // `elements`: of a sample.
  CsvRows(ByteStream stream, std::size_t judged, std::size_t elements)
      : lines_(std::move(stream)), most_cells_(elements + limits::max_csv_extra_cells) {
    std::size_t bytes = 0;
    CsvLine line;
    while (first_.size() < judged && bytes < limits::max_csv_sniffed_bytes && lines_.next(line)) {
      require_few_cells(line);
      bytes += line.text.size();
      first_.push_back(line);
    }
  }

  [[nodiscard]] const std::vector<CsvLine>& first() const noexcept { return first_; }
  [[nodiscard]] const CsvLines& lines() const noexcept { return lines_; }
  void skip_header() noexcept { next_ = 1; }

  // The next row, which lives until the next call; null at the end.
  const CsvLine* next() {
    if (next_ < first_.size()) return &first_[next_++];
    if (!lines_.next(line_)) return nullptr;
    require_few_cells(line_);
    return &line_;
  }

 private:
  // Refuses a line that takes minutes and memory to cut, and then is no sample.
  void require_few_cells(const CsvLine& line) const {
    if (line.text.size() >= most_cells_ && count_cells(line.text) > most_cells_)
      lines_.refuse(line.number,
                    "got more than " + std::to_string(most_cells_) + " cells, expected fewer; is this the right file?");
  }

  CsvLines lines_;
  std::size_t most_cells_;
  std::vector<CsvLine> first_;
  std::size_t next_ = 0;
  CsvLine line_;
};

class CsvReader final : public SampleReader {
 public:
  CsvReader(std::span<const TensorSpec> specs, ByteStream stream, const TableOptions& options, std::size_t judged)
      : elements_(specs),
        rows_(std::move(stream), judged, elements_.count()),
        may_be_header_(options.header == HeaderChoice::automatic),
        delimiter_(choose_delimiter(options)) {
    refuse_mark();
    columns_ = choose_columns(options);
    if (columns_.header != HeaderKind::none) rows_.skip_header();
  }

  std::vector<Tensor> read(std::int64_t count) override {
    std::vector<std::vector<std::byte>> elements(elements_.parts().size());
    ids_.clear();
    std::int64_t samples = 0;
    for (; samples < count; ++samples) {
      const auto* line = rows_.next();
      if (line == nullptr) break;
      append(*line, elements);
    }
    return tensors_of(elements, samples);
  }

  [[nodiscard]] std::optional<std::int64_t> total() const override { return std::nullopt; }
  [[nodiscard]] bool is_table() const noexcept override { return true; }
  [[nodiscard]] const std::vector<std::string>& ids() const noexcept override { return ids_; }

  [[nodiscard]] std::string how() const override {
    std::string text;
    const auto add = [&text](const std::string& what) { text += (text.empty() ? "" : "; ") + what; };
    const auto first = std::to_string(first_number());
    if (delimiter_ != ',' && columns_.cells > 1) add("cells between " + std::string(delimiter_name(delimiter_)));
    if (columns_.header == HeaderKind::names) add("line " + first + " names the columns");
    if (columns_.header == HeaderKind::places) add("line " + first + " is a header, columns taken in their order");
    if (const auto ignored = columns_.ignored(); ignored != 0)
      add(std::to_string(ignored) + (ignored == 1 ? " column ignored" : " columns ignored"));
    if (rows_.lines().last_is_open()) add("line " + std::to_string(last_) + " has no line end: is the file whole?");
    return text;
  }

 private:
  [[nodiscard]] std::size_t first_number() const { return rows_.first().empty() ? 0 : rows_.first().front().number; }

  void refuse_mark() const {
    if (rows_.first().empty() || !is_excel_mark(rows_.first().front().text)) return;
    const auto& [number, text, blank] = rows_.first().front();
    rows_.lines().refuse(
        number, "got " + shown(text) + " (it tells Excel the delimiter), expected a header or numbers; take the line out");
  }

  [[nodiscard]] char choose_delimiter(const TableOptions& options) const {
    if (!options.delimiter.empty()) return delimiter_of(options.delimiter);
    std::vector<std::string> texts;
    for (const auto& line : rows_.first()) texts.push_back(texts.empty() ? header_text(line.text) : line.text);
    return sniff(texts, [this](std::string_view name) { return elements_.place_of(name).has_value(); }, elements_.count());
  }

  [[nodiscard]] Columns choose_columns(const TableOptions& options) const {
    if (rows_.first().empty()) return plain_columns(elements_);
    const auto& first = rows_.first().front();
    std::vector<Cells> following;
    for (const auto& line : std::span(rows_.first()).subspan(1)) {
      auto& cells = following.emplace_back();
      try {
        split_cells(line.text, delimiter_, cells);
      } catch (const QuoteError&) {
        cells.clear();
      }
    }
    Cells names;
    split(first.number, header_text(first.text), names);
    try {
      return find_columns(names, following, elements_, options);
    } catch (const ColumnError& error) {
      rows_.lines().refuse(first.number, error.what());
    }
  }

  void split(std::size_t number, std::string_view text, Cells& cells) const {
    try {
      split_cells(text, delimiter_, cells);
    } catch (const QuoteError& error) {
      rows_.lines().refuse(number, error.what(), error.column());
    }
  }

  void append(const CsvLine& line, std::vector<std::vector<std::byte>>& elements) {
    split(line.number, line.text, cells_);
    require_fit(line);
    last_ = line.number;
    if (columns_.id) ids_.push_back(cells_[*columns_.id]);
    std::size_t place = 0;
    for (std::size_t i = 0; i < elements_.parts().size(); ++i) {
      const auto& part = elements_.parts()[i];
      const auto size = size_of(part.spec.dtype);
      auto offset = elements[i].size();
      elements[i].resize(offset + part.count * size);
      for (const auto end = place + part.count; place < end; ++place, offset += size) {
        const auto column = columns_.taken[place];
        const auto wanted = parse_cell(cells_[column], part.spec, elements[i].data() + offset);
        if (!wanted.empty()) refuse_cell(line, column, wanted);
      }
    }
  }

  void require_fit(const CsvLine& line) const {
    if (line.blank != 0 && columns_.cells == 1)
      rows_.lines().refuse(line.blank, "got a blank line between rows, expected a number; fill it in or leave it out");
    if (cells_.size() == columns_.cells) return;
    const auto is_whole = [](const auto& cell) { return cell.find_first_not_of("+-0123456789 ") == std::string::npos; };
    const bool doubled = delimiter_ == ',' && cells_.size() == 2 * columns_.cells && std::ranges::all_of(cells_, is_whole);
    rows_.lines().refuse(line.number,
                         "got " + std::to_string(cells_.size()) + " cells, expected " + expected_cells() +
                             (doubled ? "; write decimal points if these are decimal commas" : "; correct the file"));
  }

  [[nodiscard]] std::string expected_cells() const {
    std::string text = std::to_string(columns_.cells) + " for ";
    for (const auto& part : elements_.parts())
      text += (&part == &elements_.parts().front() ? "" : ", ") + part.spec.name + " " + describe(part.spec);
    const auto others = columns_.cells - columns_.taken.size();
    if (others != 0) text += " and " + std::to_string(others) + (others > 1 ? " others" : " other");
    return text;
  }

  [[noreturn]] void refuse_cell(const CsvLine& line, std::size_t column, std::string_view expected) const {
    auto problem = cell_problem(cells_[column], expected);
    if (line.number == first_number() && may_be_header_ && problem.ends_with("; correct the file"))
      problem += ", or add --header yes if this line names the columns";
    rows_.lines().refuse(line.number, problem, column + 1);
  }

  [[nodiscard]] std::vector<Tensor> tensors_of(const std::vector<std::vector<std::byte>>& elements, std::int64_t samples) const {
    std::vector<Tensor> tensors;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      Shape shape = elements_.parts()[i].sample;
      shape.insert(shape.begin(), samples);
      tensors.push_back(Tensor::copy(elements_.parts()[i].spec.dtype, std::move(shape), elements[i]));
    }
    return tensors;
  }

  Elements elements_;
  CsvRows rows_;
  bool may_be_header_;
  char delimiter_ = ',';
  Columns columns_;
  Cells cells_;
  std::vector<std::string> ids_;
  std::size_t last_ = 0;  // the number of the last line that was read
};

}  // namespace

std::unique_ptr<SampleReader> open_csv(std::span<const TensorSpec> specs, ByteStream stream, const TableOptions& options,
                                       std::size_t judged) {
  for (const auto& spec : specs)
    if (!fills_rows(spec))
      throw Error(ErrorCode::bad_input,
                  stream.name() + ": got CSV, expected .npy, WAV, PNG, JPEG, BMP, PGM or PPM: a row says no shape, and " +
                      spec.name + " is " + describe(spec));
  return std::make_unique<CsvReader>(specs, std::move(stream), options, judged);
}

}  // namespace ferry::cli
