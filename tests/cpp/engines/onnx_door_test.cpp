#include "onnx_door.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "ferry/engine.hpp"

namespace {

using ferry::engines::check_onnx_model;
using ferry::engines::Refusal;

std::string varint(std::size_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7U) bytes += static_cast<char>((value & 0x7FU) | 0x80U);
  return bytes + static_cast<char>(value);
}

// One field of a protobuf message with a length.
std::string part(unsigned number, const std::string& content) {
  return varint(number << 3U | 2U) + varint(content.size()) + content;
}

std::string model(const std::string& graph) { return std::string("\x08\x0A", 2) + part(7, graph); }
std::string node(const std::string& attribute) { return part(1, part(4, "Relu") + part(5, attribute)); }

std::string refusal_of(std::string_view bytes) {
  try {
    check_onnx_model("model.onnx", bytes);
  } catch (const Refusal& refusal) {
    EXPECT_EQ(refusal.code, FERRY_FORMAT);
    return refusal.text;
  }
  return "";
}

void expect_refused(std::string_view bytes, std::string_view why) {
  EXPECT_NE(refusal_of(bytes).find(why), std::string::npos) << refusal_of(bytes);
}

const std::string outside = part(8, "w") + std::string("\x70\x01", 2);  // data_location: EXTERNAL
const std::string named = part(8, "w") + part(13, part(1, "location") + part(2, "/etc/passwd"));

TEST(OnnxDoor, TakesAnOrdinaryModel) {
  EXPECT_EQ(refusal_of(model(node(part(1, "alpha")) + part(5, part(8, "w") + part(9, "data")))), "");
  EXPECT_EQ(refusal_of(model(part(1, part(7, "ai.onnx.ml")))), "");
}

TEST(OnnxDoor, RefusesDataOutsideTheModelWhereverATensorStands) {
  for (const auto& tensor : {outside, named}) {
    expect_refused(model(part(5, tensor)), "tensor 'w': got data in another file");
    expect_refused(model(part(15, part(1, tensor))), "another file");
    expect_refused(model(part(15, part(2, tensor))), "another file");
    expect_refused(model(node(part(5, tensor))), "another file");
    expect_refused(model(node(part(10, tensor))), "another file");
    expect_refused(model(node(part(22, part(1, tensor)))), "another file");
    expect_refused(model(node(part(6, part(5, tensor)))), "another file");
    expect_refused(model(node(part(11, node(part(6, part(5, tensor)))))), "another file");
    expect_refused(model("") + part(25, part(10, "pkg.x") + part(7, part(5, part(5, tensor)))), "another file");
    expect_refused(model("") + part(25, part(10, "pkg.x") + part(11, part(5, tensor))), "another file");
  }
}

TEST(OnnxDoor, RefusesForeignOperators) {
  expect_refused(model(part(1, part(7, "com.microsoft"))), "domain 'com.microsoft'");
  expect_refused(model("") + part(8, part(1, "evil")), "domain 'evil'");
  expect_refused(model("") + part(25, part(10, "ai.onnx")), "domain 'ai.onnx'");
  EXPECT_EQ(refusal_of(model(part(1, part(7, "pkg.mine")))), "");
}

TEST(OnnxDoor, RefusesWhatIsNoOnnx) {
  expect_refused("", "no graph");
  expect_refused(std::string_view("\x12\x06xxORTM", 8), "own format");
  expect_refused(model("") + part(20, ""), "training info");
  expect_refused(model("") + part(26, ""), "field 26 in a model");
  expect_refused(std::string_view("\x3A\x7F\x00", 3), "no ONNX model");
  expect_refused(std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 11), "no ONNX model");
  expect_refused(std::string_view("\x3B\x00", 2), "no ONNX model");                 // a group
  expect_refused(model(part(1, std::string("\x28\x01", 2))), "field 5 in a node");  // another wire type, which parsers skip
}

TEST(OnnxDoor, RefusesAFieldThatIsLongerThanItsMessage) {
  const auto name = [](std::size_t told) { return varint(8U << 3U | 2U) + varint(told) + "w"; };
  EXPECT_EQ(refusal_of(model(part(5, name(1)))), "");
  expect_refused(model(part(5, name(2))), "no ONNX model");
  expect_refused(model(part(5, name(std::string::npos))), "no ONNX model");
}

TEST(OnnxDoor, RefusesEndlessNesting) {
  std::string graph;
  for (int level = 0; level < 9; ++level) graph = part(1, part(5, part(6, graph)));
  EXPECT_EQ(refusal_of(model(graph)), "");
  for (int level = 0; level < 9; ++level) graph = part(1, part(5, part(6, graph)));
  expect_refused(model(graph), "nested too deep");
}

}  // namespace
