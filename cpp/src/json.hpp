// Strict JSON (FORMAT.md section 2), and values that know their place, so that every message names the key as a.b[0].c.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limits.hpp"

namespace ferry::json {

// A parsed value. It takes no memory while it is destroyed: nlohmann's own destructor does, and ends the process where there
// is none.
class Document {
 public:
  Document() = default;
  Document(Document&&) noexcept = default;
  Document& operator=(Document&&) = delete;
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;
  ~Document();

  [[nodiscard]] const nlohmann::json& value() const noexcept { return value_; }
  [[nodiscard]] nlohmann::json& value() noexcept { return value_; }

 private:
  nlohmann::json value_;
};

// What a text has that is not this JSON: "got ..., expected ...".
class Problem : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// UTF-8 without byte order mark, one value, no duplicate key, no number beyond float64, at most 32 levels deep. Throws Problem.
[[nodiscard]] Document parse_strictly(std::string_view text);

// The same of a text of a bundle; `where` stands in messages. Throws Error(format).
[[nodiscard]] Document parse(std::string_view text, const std::string& where);

// What a string must match: a rule's name for messages, and the rule.
struct Pattern {
  std::string_view expected;
  bool (*matches)(std::string_view);
};

// A borrowed value and its place in the document. Throws Error(format) wherever the value is not what is asked for.
class Node {
 public:
  Node(const nlohmann::json& value, std::string where, std::string key = {})
      : value_(&value), where_(std::make_shared<const std::string>(std::move(where))), key_(std::move(key)) {}

  // An object with exactly these keys, and perhaps some of `optional`.
  void require_keys(std::initializer_list<std::string_view> keys, std::initializer_list<std::string_view> optional = {}) const;
  [[nodiscard]] bool has(std::string_view key) const { return value_->contains(key); }
  [[nodiscard]] Node operator[](std::string_view key) const;
  [[nodiscard]] std::vector<Node> items(std::size_t min_size = 0) const;  // of an array
  [[nodiscard]] std::vector<std::pair<std::string, Node>> members(
      const Pattern* keys = nullptr) const;  // of an object, sorted by key

  [[nodiscard]] bool is_null() const noexcept { return value_->is_null(); }
  [[nodiscard]] bool is_string() const noexcept { return value_->is_string(); }
  [[nodiscard]] const std::string& string() const;
  [[nodiscard]] const std::string& string(const Pattern& pattern) const;
  [[nodiscard]] const std::string& one_of(std::initializer_list<std::string_view> words) const {
    return one_of(std::span(words.begin(), words.size()));
  }
  [[nodiscard]] const std::string& one_of(std::span<const std::string_view> words) const;
  [[nodiscard]] std::int64_t integer(std::int64_t min = 0, std::int64_t max = limits::max_integer) const;
  [[nodiscard]] double number() const;
  [[nodiscard]] bool boolean() const;

  // "<where>: <key>: got <got>, expected <expected>". Throws Error(format).
  [[noreturn]] void fail(const std::string& got, const std::string& expected) const;
  [[noreturn]] void fail(const std::string& expected) const;  // `got` is this value

 private:
  Node(const nlohmann::json& value, std::shared_ptr<const std::string> where, std::string key)
      : value_(&value), where_(std::move(where)), key_(std::move(key)) {}
  [[nodiscard]] Node child(const nlohmann::json& value, const std::string& key) const;
  void require_object() const;

  const nlohmann::json* value_;
  std::shared_ptr<const std::string> where_;
  std::string key_;
};

}  // namespace ferry::json
