#include "row_output.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "contract.hpp"
#include "elements.hpp"
#include "input.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

using Dims = std::span<const std::int64_t>;

// The samples of one output: dims of a sample, and how many there are. Without a batch the whole tensor is the one sample.
struct Samples {
  Samples(const Tensor& tensor, bool batched) : dims(tensor.shape()) {
    if (!batched) return;
    count = static_cast<std::size_t>(dims.front());
    dims = dims.subspan(1);
  }

  Dims dims;
  std::size_t count = 1;
};

template <std::integral T>
void append_integer(std::string& out, T value) {
  std::array<char, 24> digits{};
  const auto* end = std::to_chars(digits.data(), digits.data() + digits.size(), static_cast<std::int64_t>(value)).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

template <typename T>
void append_json(std::string& out, T value) {
  if constexpr (std::is_same_v<T, bool>)
    out += value ? "true" : "false";
  else if constexpr (std::is_floating_point_v<T>)
    text::append_json_number(out, value);
  else if constexpr (is_half<T>)
    text::append_json_number(out, static_cast<float>(value));  // as float32, which has its value
  else
    append_integer(out, value);
}

// As in JSON, without the quotes that nan and inf have there.
template <typename T>
void append_csv(std::string& out, T value) {
  const auto start = out.size();
  append_json(out, value);
  if (out[start] == '"') out.erase(out.size() - 1).erase(start, 1);
}

// Nested lists of `element(i)` with i from `first`; returns the i after the last.
template <typename Element>
std::size_t append_nested(std::string& out, Dims dims, std::size_t first, const Element& element) {
  if (dims.empty()) return element(first), first + 1;
  out += '[';
  for (std::int64_t i = 0; i < dims.front(); ++i) {
    if (i != 0) out += ", ";
    first = append_nested(out, dims.subspan(1), first, element);
  }
  out += ']';
  return first;
}

// The class name of each value of the output that the contract names, where that output is written.
class ClassNames {
 public:
  ClassNames(const Contract& contract, const std::vector<std::string>& outputs) {
    if (contract.classes && std::ranges::find(outputs, contract.classes->output) != outputs.end()) classes_ = &*contract.classes;
  }

  [[nodiscard]] bool exist() const noexcept { return classes_ != nullptr; }
  [[nodiscard]] const std::string& output() const noexcept { return classes_->output; }

  [[nodiscard]] const std::string& of(std::int64_t value) const {
    const std::string problem = unnamed_class(*classes_, value);
    if (problem.empty()) return classes_->names[static_cast<std::size_t>(value)];
    throw Error(ErrorCode::mismatch, classes_->output + ": " + problem + "; the artifact breaks the contract, export again");
  }

 private:
  const Classes* classes_ = nullptr;
};

// One line a sample; what a line holds is said by the two classes below.
class RowWriter : public SampleWriter {
 public:
  RowWriter(OutputFile file, const Contract& contract, std::vector<std::string> names, Beside beside)
      : names_(std::move(names)),
        beside_(std::move(beside)),
        classes_(contract, names_),
        file_(std::move(file)),
        batched_(std::ranges::any_of(contract.inputs, is_batched)) {}

  void write(const NamedTensors& outputs, std::span<const std::string> ids) override {
    std::string lines;
    if (std::exchange(first_, false)) append_header(lines, outputs);
    const auto count = Samples(outputs[names_.front()], batched_).count;
    for (std::size_t sample = 0; sample < count; ++sample)
      append_row(lines, outputs, sample, id().empty() ? nullptr : &ids[sample]);
    file_.write(lines);
    count_ += static_cast<std::int64_t>(count);
  }

  void finish() override { file_.commit(); }
  [[nodiscard]] std::int64_t count() const noexcept override { return count_; }

 protected:
  virtual void append_header(std::string& out, const NamedTensors& outputs) const = 0;
  // `id` is null where there are no identities.
  virtual void append_row(std::string& out, const NamedTensors& outputs, std::size_t sample, const std::string* id) const = 0;

  [[nodiscard]] Samples samples_of(const Tensor& tensor) const { return {tensor, batched_}; }
  [[nodiscard]] const ClassNames& classes() const noexcept { return classes_; }

  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  [[nodiscard]] const std::string& id() const noexcept { return beside_.id; }
  [[nodiscard]] const std::optional<TopClasses>& top() const noexcept { return beside_.top; }

 private:
  std::vector<std::string> names_;  // of the outputs that are written
  Beside beside_;
  ClassNames classes_;
  OutputFile file_;
  bool batched_;
  bool first_ = true;
  std::int64_t count_ = 0;
};

class JsonLines final : public RowWriter {
 public:
  using RowWriter::RowWriter;

 protected:
  void append_header(std::string& /*out*/, const NamedTensors& /*outputs*/) const override {}

  void append_row(std::string& out, const NamedTensors& outputs, std::size_t sample, const std::string* identity) const override {
    out += '{';
    if (identity != nullptr) {
      append_key(out, id());
      text::append_json_string(out, *identity);
    }
    for (const auto& name : names()) {
      append_key(out, name);
      append_sample(out, outputs[name], sample);
    }
    if (classes().exist()) {
      append_key(out, "class");
      append_classes(out, outputs[classes().output()], sample);
    }
    if (top()) append_top(out, top()->of(outputs, sample));
    out += "}\n";
  }

  static void append_top(std::string& out, const std::vector<TopClasses::Entry>& entries) {
    append_key(out, "top");
    for (const auto& entry : entries) {
      out += &entry == &entries.front() ? "[{\"class\": " : ", {\"class\": ";
      text::append_json_string(out, entry.name);
      out += ", \"score\": " + entry.score + "}";
    }
    out += ']';
  }

  static void append_key(std::string& out, std::string_view name) {
    if (out.back() != '{') out += ", ";
    text::append_json_string(out, name);
    out += ": ";
  }

  void append_sample(std::string& out, const Tensor& tensor, std::size_t sample) const {
    const auto dims = samples_of(tensor).dims;
    visit_elements(tensor, [&](auto elements) {
      append_nested(out, dims, sample * element_count(dims), [&](std::size_t i) { append_json(out, elements[i]); });
    });
  }

  void append_classes(std::string& out, const Tensor& tensor, std::size_t sample) const {
    const auto dims = samples_of(tensor).dims;
    const auto values = tensor.as<std::int64_t>();
    append_nested(out, dims, sample * element_count(dims),
                  [&](std::size_t i) { text::append_json_string(out, classes().of(values[i])); });
  }
};

class CsvLines final : public RowWriter {
 public:
  using RowWriter::RowWriter;

 protected:
  void append_header(std::string& out, const NamedTensors& outputs) const override {
    if (!id().empty()) append_text(out, id()), out += ',';
    for (const auto& name : names()) append_columns(out, name, samples_of(outputs[name]).dims);
    if (classes().exist()) append_columns(out, "class", samples_of(outputs[classes().output()]).dims);
    for (std::size_t i = 0; top() && i < top()->count(); ++i)
      for (const auto* part : {".class,", ".score,"}) out += "top[" + std::to_string(i) + "]" + part;
    end_row(out);
  }

  void append_row(std::string& out, const NamedTensors& outputs, std::size_t sample, const std::string* identity) const override {
    if (identity != nullptr) append_text(out, *identity), out += ',';
    for (const auto& name : names()) {
      const auto& tensor = outputs[name];
      const auto count = element_count(samples_of(tensor).dims);
      visit_elements(tensor, [&](auto elements) {
        for (const auto value : elements.subspan(sample * count, count)) append_csv(out, value), out += ',';
      });
    }
    if (classes().exist()) append_classes(out, outputs[classes().output()], sample);
    if (top()) append_top(out, top()->of(outputs, sample));
    end_row(out);
  }

  static void append_top(std::string& out, const std::vector<TopClasses::Entry>& entries) {
    for (const auto& entry : entries) {
      append_text(out, entry.name);
      const bool is_word = entry.score.front() == '"';
      out += "," + (is_word ? entry.score.substr(1, entry.score.size() - 2) : entry.score) + ",";
    }
  }

  // Every cell is followed by a comma until the row ends.
  static void end_row(std::string& out) {
    if (!out.empty() && out.back() == ',') out.pop_back();
    out += '\n';
  }

  // `column` alone for one element, else `column[i][j]` for each.
  static void append_columns(std::string& out, const std::string& column, Dims dims) {
    append_indexed(out, column, element_count(dims) == 1 ? Dims() : dims);
  }

  static void append_indexed(std::string& out, const std::string& column, Dims dims) {
    if (dims.empty())
      out += column + ',';
    else
      for (std::int64_t i = 0; i < dims.front(); ++i)
        append_indexed(out, column + '[' + std::to_string(i) + ']', dims.subspan(1));
  }

  void append_classes(std::string& out, const Tensor& tensor, std::size_t sample) const {
    const auto count = element_count(samples_of(tensor).dims);
    for (const auto value : tensor.as<std::int64_t>().subspan(sample * count, count)) {
      append_text(out, classes().of(value));
      out += ',';
    }
  }

  // Quoted where RFC 4180 asks for it.
  static void append_text(std::string& out, const std::string& name) {
    const std::string text = text::printable(name, name.max_size());
    if (text.find_first_of(",\"") == std::string::npos) {
      out += text;
      return;
    }
    out += '"';
    for (const char c : text) out.append(c == '"' ? 2 : 1, c);
    out += '"';
  }
};

}  // namespace

std::unique_ptr<SampleWriter> open_json_lines(OutputFile file, const Contract& contract, std::vector<std::string> names,
                                              Beside beside) {
  return std::make_unique<JsonLines>(std::move(file), contract, std::move(names), std::move(beside));
}

std::unique_ptr<SampleWriter> open_csv_rows(OutputFile file, const Contract& contract, std::vector<std::string> names,
                                            Beside beside) {
  return std::make_unique<CsvLines>(std::move(file), contract, std::move(names), std::move(beside));
}

}  // namespace ferry::cli
