#include "onnx_door.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ferry/engine.hpp"

namespace ferry::engines {
namespace {

constexpr std::uint64_t wire_varint = 0;
constexpr std::uint64_t wire_fixed64 = 1;
constexpr std::uint64_t wire_bytes = 2;
constexpr std::uint64_t wire_fixed32 = 5;
constexpr std::size_t max_depth = 48;  // messages inside messages: 6 for each branch inside a branch

// What a field of a message is: a kind of number (both single and packed), plain bytes, or another message.
enum class Kind : std::uint8_t {
  whole,
  floats,
  doubles,
  plain,
  model,
  opset,
  property,
  graph,
  function,
  node,
  attribute,
  tensor,
  sparse,
};

std::string_view name_of(Kind kind) {
  constexpr std::array<std::string_view, 13> names = {"whole", "floats",   "doubles", "bytes",     "model",  "opset", "property",
                                                      "graph", "function", "node",    "attribute", "tensor", "sparse"};
  return names.at(static_cast<std::size_t>(kind));
}

struct Known {
  Kind message;
  std::uint64_t number;
  Kind kind;
};

// onnx.proto3 of IR version 13; what is left out is refused: training info, external data, devices.
constexpr std::array known_fields = std::to_array<Known>({
    {Kind::model, 1, Kind::whole},        {Kind::model, 5, Kind::whole},       {Kind::model, 2, Kind::plain},
    {Kind::model, 3, Kind::plain},        {Kind::model, 4, Kind::plain},       {Kind::model, 6, Kind::plain},
    {Kind::model, 7, Kind::graph},        {Kind::model, 8, Kind::opset},       {Kind::model, 14, Kind::property},
    {Kind::model, 25, Kind::function},    {Kind::opset, 1, Kind::plain},       {Kind::opset, 2, Kind::whole},
    {Kind::property, 1, Kind::plain},     {Kind::property, 2, Kind::plain},    {Kind::graph, 1, Kind::node},
    {Kind::graph, 5, Kind::tensor},       {Kind::graph, 15, Kind::sparse},     {Kind::graph, 16, Kind::property},
    {Kind::graph, 2, Kind::plain},        {Kind::graph, 10, Kind::plain},      {Kind::graph, 11, Kind::plain},
    {Kind::graph, 12, Kind::plain},       {Kind::graph, 13, Kind::plain},      {Kind::graph, 14, Kind::plain},
    {Kind::function, 7, Kind::node},      {Kind::function, 9, Kind::opset},    {Kind::function, 11, Kind::attribute},
    {Kind::function, 14, Kind::property}, {Kind::function, 1, Kind::plain},    {Kind::function, 4, Kind::plain},
    {Kind::function, 5, Kind::plain},     {Kind::function, 6, Kind::plain},    {Kind::function, 8, Kind::plain},
    {Kind::function, 10, Kind::plain},    {Kind::function, 12, Kind::plain},   {Kind::function, 13, Kind::plain},
    {Kind::node, 5, Kind::attribute},     {Kind::node, 9, Kind::property},     {Kind::node, 1, Kind::plain},
    {Kind::node, 2, Kind::plain},         {Kind::node, 3, Kind::plain},        {Kind::node, 4, Kind::plain},
    {Kind::node, 6, Kind::plain},         {Kind::node, 7, Kind::plain},        {Kind::node, 8, Kind::plain},
    {Kind::attribute, 2, Kind::floats},   {Kind::attribute, 7, Kind::floats},  {Kind::attribute, 3, Kind::whole},
    {Kind::attribute, 8, Kind::whole},    {Kind::attribute, 20, Kind::whole},  {Kind::attribute, 5, Kind::tensor},
    {Kind::attribute, 10, Kind::tensor},  {Kind::attribute, 6, Kind::graph},   {Kind::attribute, 11, Kind::graph},
    {Kind::attribute, 22, Kind::sparse},  {Kind::attribute, 23, Kind::sparse}, {Kind::attribute, 1, Kind::plain},
    {Kind::attribute, 4, Kind::plain},    {Kind::attribute, 9, Kind::plain},   {Kind::attribute, 13, Kind::plain},
    {Kind::attribute, 14, Kind::plain},   {Kind::attribute, 15, Kind::plain},  {Kind::attribute, 21, Kind::plain},
    {Kind::tensor, 1, Kind::whole},       {Kind::tensor, 2, Kind::whole},      {Kind::tensor, 5, Kind::whole},
    {Kind::tensor, 7, Kind::whole},       {Kind::tensor, 11, Kind::whole},     {Kind::tensor, 14, Kind::whole},
    {Kind::tensor, 4, Kind::floats},      {Kind::tensor, 10, Kind::doubles},   {Kind::tensor, 16, Kind::property},
    {Kind::tensor, 6, Kind::plain},       {Kind::tensor, 8, Kind::plain},      {Kind::tensor, 9, Kind::plain},
    {Kind::tensor, 12, Kind::plain},      {Kind::sparse, 1, Kind::tensor},     {Kind::sparse, 2, Kind::tensor},
    {Kind::sparse, 3, Kind::whole},
});

bool fits(Kind kind, std::uint64_t wire) {
  if (wire == wire_bytes) return true;
  switch (kind) {
    case Kind::whole:
      return wire == wire_varint;
    case Kind::floats:
      return wire == wire_fixed32;
    case Kind::doubles:
      return wire == wire_fixed64;
    case Kind::plain:
    case Kind::model:
    case Kind::opset:
    case Kind::property:
    case Kind::graph:
    case Kind::function:
    case Kind::node:
    case Kind::attribute:
    case Kind::tensor:
    case Kind::sparse:
      return false;
  }
  return false;
}

struct Field {
  std::uint64_t number;
  std::uint64_t wire;
  std::uint64_t value;
  std::string_view content;
};

[[noreturn]] void stop(const std::string& text) { throw Refusal{FERRY_FORMAT, text}; }

std::uint64_t read_varint(std::string_view message, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 70 && at < message.size(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(message[at++]);
    if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
    if (byte < 0x80) return value;
  }
  stop("got bytes that are no ONNX model, expected one");
}

// The fields of one message in order.
std::vector<Field> read_fields(std::string_view message) {
  std::vector<Field> fields;
  for (std::size_t at = 0; at < message.size();) {
    const auto tag = read_varint(message, at);
    Field field{tag >> 3U, tag & 7U, 0, {}};
    if (field.wire == wire_varint) {
      field.value = read_varint(message, at);
    } else {
      const auto is_known = field.wire == wire_bytes || field.wire == wire_fixed64 || field.wire == wire_fixed32;
      const auto fixed = field.wire == wire_fixed64 ? 8U : 4U;
      const auto size = field.wire == wire_bytes ? read_varint(message, at) : fixed;
      constexpr std::uint64_t number_limit = 1U << 29U;
      if (!is_known || size > message.size() - at || field.number == 0 || field.number >= number_limit)
        stop("got bytes that are no ONNX model, expected one");
      field.content = message.substr(at, size);
      at += size;
    }
    fields.push_back(field);
  }
  return fields;
}

std::string shown(std::string_view text) {
  std::string copy(text.substr(0, 60));
  std::ranges::replace_if(copy, [](char c) { return c < 0x20 || c > 0x7E; }, '?');
  return "'" + copy + "'";
}

std::string text_of(const std::vector<Field>& fields, std::uint64_t number) {
  const auto found = std::ranges::find(fields, number, &Field::number);
  return found == fields.end() ? "''" : shown(found->content);
}

// A function must not take the name of an operator that ONNX Runtime has.
bool is_allowed(Kind kind, std::string_view domain) {
  if (domain.starts_with("pkg.")) return true;  // of functions that stand in the model, as the exporter names them
  return kind != Kind::function && (domain.empty() || domain == "ai.onnx" || domain == "ai.onnx.ml");
}

void check_domains(Kind kind, const std::vector<Field>& fields) {
  const std::uint64_t other = kind == Kind::opset ? 1 : 10;
  const std::uint64_t number = kind == Kind::node ? 7 : other;
  for (const auto& field : fields)
    if (field.number == number && !is_allowed(kind, field.content))
      stop(std::string(name_of(kind)) + ": got the domain " + shown(field.content) +
           ", expected ONNX's own, or pkg.* for functions of the model");
}

void judge(Kind kind, const std::vector<Field>& fields) {
  if (kind == Kind::tensor) {
    const auto is_outside = std::ranges::any_of(fields, [](const Field& field) {
      return field.number == 13 || (field.number == 14 && (field.value != 0 || !field.content.empty()));
    });
    if (is_outside) stop("tensor " + text_of(fields, 8) + ": got data in another file, expected it in the model");
  } else if (kind == Kind::model && std::ranges::find(fields, 20U, &Field::number) != fields.end()) {
    stop("got training info, expected a model for inference");
  } else if (kind == Kind::node || kind == Kind::opset || kind == Kind::function) {
    check_domains(kind, fields);
  }
}

void walk(Kind kind, std::string_view message, std::size_t depth) {
  if (depth > max_depth) stop("got messages that are nested too deep, expected at most " + std::to_string(max_depth) + " levels");
  const auto fields = read_fields(message);
  judge(kind, fields);
  for (const auto& field : fields) {
    const auto* known = std::ranges::find_if(
        known_fields, [&](const Known& candidate) { return candidate.message == kind && candidate.number == field.number; });
    if (known == known_fields.end() || !fits(known->kind, field.wire))
      stop("got field " + std::to_string(field.number) + " in a " + std::string(name_of(kind)) +
           ", expected those of ONNX that stay inside the model");
    if (known->kind > Kind::plain) walk(known->kind, field.content, depth + 1);
  }
}

}  // namespace

void check_onnx_model(std::string_view path, std::string_view bytes) {
  try {
    if (bytes.size() >= 8 && bytes.substr(4, 4) == "ORTM") stop("got ONNX Runtime's own format, expected ONNX");
    const auto model = read_fields(bytes);
    if (std::ranges::find(model, 7U, &Field::number) == model.end()) stop("got no graph, expected an ONNX model");
    walk(Kind::model, bytes, 0);
  } catch (const Refusal& refusal) {
    throw Refusal{refusal.code, std::string(path) + ": " + refusal.text + "; export the bundle again, or do not trust it"};
  }
}

}  // namespace ferry::engines
