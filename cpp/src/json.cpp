#include "json.hpp"

#include <algorithm>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <set>

#include "text.hpp"

namespace ferry::json {

namespace {

[[noreturn]] void refuse(const std::string& where, const std::string& problem) {
  throw Error(ErrorCode::format, where + ": " + problem + "; export the bundle again");
}

std::string member_key(const std::string& parent, std::string_view name) {
  return (parent.empty() ? "" : parent + ".") + text::printable(name);
}
std::string item_key(const std::string& parent, std::size_t index) { return parent + "[" + std::to_string(index) + "]"; }

// Empties a value from its leaves: an empty one is destroyed without memory. It is at most 32 levels deep.
void dismantle(nlohmann::json& value) noexcept {
  if (auto* const items = value.get_ptr<nlohmann::json::array_t*>()) {
    for (auto& item : *items) dismantle(item);
    items->clear();
  }
  if (auto* const members = value.get_ptr<nlohmann::json::object_t*>()) {
    for (auto& [key, member] : *members) dismantle(member);
    members->clear();
  }
}

// Builds the value, and refuses what nlohmann::json lets pass: duplicate keys and deep nesting. Throws Problem.
class Builder final : public nlohmann::json::json_sax_t {
 public:
  explicit Builder(nlohmann::json& root) : root_(&root) {}

  bool null() override { return scalar(nullptr); }
  bool boolean(bool value) override { return scalar(value); }
  bool number_integer(std::int64_t value) override { return scalar(value); }
  bool number_unsigned(std::uint64_t value) override { return scalar(value); }
  bool number_float(double value, const std::string& /*text*/) override { return scalar(value); }
  bool string(std::string& value) override { return scalar(std::move(value)); }
  bool binary(nlohmann::json::binary_t& /*value*/) override { return false; }  // JSON text has none
  bool start_object(std::size_t /*elements*/) override { return push(nlohmann::json::object()); }
  bool start_array(std::size_t /*elements*/) override { return push(nlohmann::json::array()); }
  bool end_object() override { return pop(); }
  bool end_array() override { return pop(); }
  bool key(std::string& name) override {
    Level& level = levels_.back();
    level.key = name;
    if (!level.keys.insert(name).second) throw Problem("got the key " + text::printable(name) + " twice, expected it once");
    return true;
  }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/, const nlohmann::json::exception& /*error*/) override {
    throw Problem("got invalid JSON, expected one JSON object");  // where, two parsers would say in two ways
  }

 private:
  struct Level {
    nlohmann::json* container = nullptr;
    std::string key;  // of the member that comes next
    std::set<std::string> keys;
  };

  // Puts a value where it belongs.
  nlohmann::json& place(nlohmann::json value) {
    if (levels_.empty()) return *root_ = std::move(value);
    const Level& level = levels_.back();
    if (level.container->is_array()) return level.container->emplace_back(std::move(value));
    return (*level.container)[level.key] = std::move(value);
  }
  bool push(nlohmann::json empty) {
    if (levels_.size() == limits::max_json_depth) {
      throw Problem("nesting: got more than " + std::to_string(limits::max_json_depth) + " levels, expected at most " +
                    std::to_string(limits::max_json_depth));
    }
    levels_.push_back({&place(std::move(empty)), {}, {}});
    return true;
  }
  bool pop() {
    levels_.pop_back();
    return true;
  }
  bool scalar(nlohmann::json value) {
    place(std::move(value));
    return true;
  }

  nlohmann::json* root_;
  std::vector<Level> levels_;
};

}  // namespace

Document::~Document() { dismantle(value_); }

Document parse_strictly(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) throw Problem("got a byte order mark, expected JSON in UTF-8 without one");
  if (!text::is_utf8(text)) throw Problem("got bytes that are not UTF-8, expected JSON in UTF-8");
  // nlohmann::json takes a NUL for the end and would not see what follows.
  if (text.find('\0') != std::string_view::npos) throw Problem("got invalid JSON, expected one JSON object");
  Document document;
  Builder builder(document.value());
  nlohmann::json::sax_parse(text, &builder);
  return document;
}

Document parse(std::string_view text, const std::string& where) {
  try {
    return parse_strictly(text);
  } catch (const Problem& problem) {
    refuse(where, problem.what());
  }
}

void Node::fail(const std::string& got, const std::string& expected) const {
  refuse(*where_, (key_.empty() ? "" : key_ + ": ") + "got " + got + ", expected " + expected);
}

void Node::fail(const std::string& expected) const {
  if (value_->is_structured()) fail(value_->is_object() ? "an object" : "an array", expected);
  std::string got;
  if (value_->is_number_float())
    text::append_json_number(got, value_->get<double>());
  else
    got = text::printable(text::first_characters(value_->dump(), 80));
  fail(got, expected);
}

Node Node::child(const nlohmann::json& value, const std::string& key) const { return {value, where_, key}; }

void Node::require_object() const {
  if (!value_->is_object()) fail("an object");
}

void Node::require_keys(std::initializer_list<std::string_view> keys, std::initializer_list<std::string_view> optional) const {
  require_object();
  for (const std::string_view key : keys) {
    if (!value_->contains(key)) refuse(*where_, member_key(key_, key) + ": got no such key, expected it");
  }
  for (const auto& [key, value] : value_->items()) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end() &&
        std::find(optional.begin(), optional.end(), key) == optional.end()) {
      child(value, member_key(key_, key)).fail("an unknown key", "only those of FORMAT.md");
    }
  }
}

Node Node::operator[](std::string_view key) const { return child(value_->at(std::string(key)), member_key(key_, key)); }

std::vector<Node> Node::items(std::size_t min_size) const {
  if (!value_->is_array()) fail("an array");
  if (value_->size() < min_size) fail(std::to_string(value_->size()) + " items", "at least " + std::to_string(min_size));
  std::vector<Node> nodes;
  nodes.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) nodes.push_back(child((*value_)[i], item_key(key_, i)));
  return nodes;
}

std::vector<std::pair<std::string, Node>> Node::members(const Pattern* keys) const {
  require_object();
  std::vector<std::pair<std::string, Node>> nodes;
  for (const auto& [key, value] : value_->items()) {
    Node node = child(value, member_key(key_, key));
    if (keys != nullptr && !keys->matches(key)) node.fail("this key", std::string(keys->expected));
    nodes.emplace_back(key, std::move(node));
  }
  return nodes;
}

const std::string& Node::string() const {
  if (!value_->is_string()) fail("a string");
  return value_->get_ref<const std::string&>();
}

const std::string& Node::string(const Pattern& pattern) const {
  if (!pattern.matches(string())) fail(std::string(pattern.expected));
  return string();
}

const std::string& Node::one_of(std::span<const std::string_view> words) const {
  std::string expected = "one of";
  for (const std::string_view word : words) {
    if (value_->is_string() && value_->get_ref<const std::string&>() == word) return value_->get_ref<const std::string&>();
    expected += (expected.size() > 6 ? ", " : " ") + std::string(word);
  }
  fail(expected);
}

std::int64_t Node::integer(std::int64_t min, std::int64_t max) const {
  const std::string expected = "an integer from " + std::to_string(min) + " to " + std::to_string(max);
  if (!value_->is_number_integer()) fail(expected);
  const bool huge = value_->is_number_unsigned() && value_->get<std::uint64_t>() > static_cast<std::uint64_t>(max);
  const std::int64_t value = huge ? max : value_->get<std::int64_t>();
  if (huge || value < min || value > max) fail(expected);
  return value;
}

double Node::number() const {
  if (!value_->is_number()) fail("a number");
  return value_->get<double>();
}

bool Node::boolean() const {
  if (!value_->is_boolean()) fail("true or false");
  return value_->get<bool>();
}

}  // namespace ferry::json
