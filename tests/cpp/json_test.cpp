#include "json.hpp"

#include <gtest/gtest.h>

#include "toy_bundle.hpp"

namespace {

using ferry::json::Node;

Failure parse_failure(std::string_view text) {
  return failure_of([text] { static_cast<void>(ferry::json::parse(text, "m.json")); });
}

struct BadJson {
  std::string text;
  const char* reason;
};
void PrintTo(const BadJson& bad, std::ostream* out) { *out << bad.text.substr(0, 60); }
class BadJsons : public testing::TestWithParam<BadJson> {};

TEST_P(BadJsons, AreRefusedWithTheirReason) {
  const Failure failure = parse_failure(GetParam().text);
  EXPECT_EQ(failure.code, 3);
  EXPECT_TRUE(failure.text.starts_with("m.json: ")) << failure.text;
  EXPECT_NE(failure.text.find(GetParam().reason), std::string::npos) << failure.text;
  EXPECT_EQ(failure.text.find('\n'), std::string::npos) << failure.text;
}

INSTANTIATE_TEST_SUITE_P(
    Json, BadJsons,
    testing::Values(BadJson{"", "got invalid JSON"}, BadJson{"{", "got invalid JSON"}, BadJson{"{} {}", "got invalid JSON"},
                    BadJson{"{\"a\": NaN}", "got invalid JSON"}, BadJson{"{\"a\": -Infinity}", "got invalid JSON"},
                    BadJson{"{\"a\": 1e999}", "got invalid JSON"}, BadJson{"{\"a\": 01}", "got invalid JSON"},
                    BadJson{"{\"a\": 1,}", "got invalid JSON"}, BadJson{"{'a': 1}", "got invalid JSON"},
                    BadJson{"/* c */ {}", "got invalid JSON"}, BadJson{"\xEF\xBB\xBF{}", "got a byte order mark"},
                    BadJson{"{\"a\": \"\xC3\"}", "not UTF-8"}, BadJson{"{\"a\": \"\\ud800\"}", "got invalid JSON"},
                    BadJson{"{\"a\": \"\\udc00x\"}", "got invalid JSON"}, BadJson{std::string("{}\0{", 4), "got invalid JSON"},
                    BadJson{"{\"a\": 1, \"a\": 2}", "got the key a twice"},
                    BadJson{"{\"a\": [{}, {\"b\": 1, \"c\": [], \"b\": 2}]}", "got the key b twice"},
                    BadJson{"[[1, 2], [{\"x\": {\"y\": 0, \"y\": 0}}]]", "got the key y twice"},
                    BadJson{std::string(33, '[') + std::string(33, ']'), "nesting: got more than 32 levels"},
                    BadJson{std::string(1000000, '['), "nesting: got more than 32 levels"}));

TEST(Json, ThirtyTwoLevelsAreRead) { EXPECT_EQ(parse_failure(std::string(32, '[') + std::string(32, ']')).code, 0); }

TEST(Json, TheSameKeyInTwoObjectsIsFine) { EXPECT_EQ(parse_failure(R"({"a": {"k": 1}, "b": [{"k": 1}, {"k": 2}]})").code, 0); }

TEST(Node, NamesItsPlace) {
  const ferry::json::Document parsed = ferry::json::parse(R"({"a": {"b": [0, {"c": "text"}]}})", "m.json");
  const nlohmann::json& document = parsed.value();
  const Node node = Node(document, "m.json")["a"]["b"].items()[1]["c"];
  EXPECT_EQ(failure_of([&] { static_cast<void>(node.integer()); }).text,
            "m.json: a.b[1].c: got \"text\", expected an integer from 0 to 9007199254740992; export the bundle again");
}

Failure integer_failure(const char* text) {
  const ferry::json::Document parsed = ferry::json::parse(text, "m.json");
  const nlohmann::json& document = parsed.value();
  return failure_of([&] { static_cast<void>(Node(document, "m.json").integer()); });
}

TEST(Node, IntegersHaveNoFractionAndNoExponent) {
  EXPECT_EQ(integer_failure("9007199254740992").code, 0);
  EXPECT_EQ(integer_failure("0").code, 0);
  for (const char* text :
       {"1.0", "1e3", "-1", "9007199254740993", "18446744073709551615", "99999999999999999999", "true", "null", "\"1\""}) {
    EXPECT_EQ(integer_failure(text).code, 3) << text;
  }
}

TEST(Node, KeysMustBeExactlyThose) {
  const ferry::json::Document parsed = ferry::json::parse(R"({"a": 1, "x\ny": 2})", "m.json");
  const nlohmann::json& document = parsed.value();
  const Node node(document, "m.json");
  EXPECT_EQ(failure_of([&] { node.require_keys({"a", "b"}); }).text,
            "m.json: b: got no such key, expected it; export the bundle again");
  EXPECT_EQ(failure_of([&] { node.require_keys({"a"}); }).text,
            "m.json: x\\x0ay: got an unknown key, expected only those of FORMAT.md; export the bundle again");
}

}  // namespace
