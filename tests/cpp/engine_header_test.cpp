// ferry/engine.hpp: what plugin authors get. Codes, lines and sizes are compared with those that ferry/engine.h and <cstdint>
// give.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <ferry/engine.hpp>
#include <ferry/half.hpp>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace ferry::engines;

TEST(Guarded, GivesTheCodeOfTheBody) {
  ferry_engine_error error{};
  EXPECT_EQ(guarded(&error, "a runtime", [] { return FERRY_MISMATCH; }), FERRY_MISMATCH);
  EXPECT_EQ(guarded(&error, "a runtime", [] {}), FERRY_OK);
}

TEST(Guarded, TurnsARefusalIntoItsCodeAndLine) {
  ferry_engine_error error{};
  const auto refuse_it = [] { throw Refusal{FERRY_BAD_INPUT, "x: got 1, expected 2"}; };
  EXPECT_EQ(guarded(&error, "a runtime", refuse_it), FERRY_BAD_INPUT);
  EXPECT_STREQ(error.text, "x: got 1, expected 2");
}

TEST(Guarded, SaysThatMemoryIsShort) {
  ferry_engine_error error{};
  EXPECT_EQ(guarded(&error, "a runtime", [] { throw std::bad_alloc(); }), FERRY_IO);
  EXPECT_STREQ(error.text, "got too little memory for a runtime, expected more");
}

TEST(Guarded, LetsNoOtherExceptionOut) {
  ferry_engine_error error{};
  EXPECT_EQ(guarded(&error, "a runtime", [] { throw std::out_of_range("beyond"); }), FERRY_INTERNAL);
  EXPECT_STREQ(error.text, "a runtime failed: beyond");
  EXPECT_EQ(guarded(&error, "a runtime", [] { throw 3; }), FERRY_INTERNAL);
  EXPECT_NE(std::string(error.text).find("unknown type"), std::string::npos);
}

TEST(Refuse, CutsALineThatIsTooLongAndEndsIt) {
  ferry_engine_error error{};
  std::memset(error.text, 'y', sizeof error.text);
  EXPECT_EQ(refuse(&error, FERRY_FORMAT, std::string(5000, 'x')), FERRY_FORMAT);
  EXPECT_EQ(std::string(error.text), std::string(sizeof error.text - 1, 'x'));
}

TEST(RequireCpu, RefusesAnyOtherDevice) {
  ferry_open_request request{};
  request.device = "cpu";
  EXPECT_NO_THROW(require_cpu(request, "it"));
  request.device = "cuda:0";
  try {
    require_cpu(request, "it");
    FAIL() << "cuda:0 was taken";
  } catch (const Refusal& refusal) {
    EXPECT_EQ(refusal.code, FERRY_UNAVAILABLE);
    EXPECT_EQ(refusal.text, "--device: got cuda:0, expected cpu: it runs there only");
  }
}

TEST(RequireCount, SaysHowManyTheModelHas) {
  EXPECT_NO_THROW(require_count(2, 2, "input", FERRY_FORMAT));
  try {
    require_count(3, 2, "output", FERRY_MISMATCH, "program");
    FAIL() << "three outputs were taken for two";
  } catch (const Refusal& refusal) {
    EXPECT_EQ(refusal.code, FERRY_MISMATCH);
    EXPECT_EQ(refusal.text, "got a program of 3 outputs, expected 2 as in the contract; export it again");
  }
}

TEST(ElementSize, IsThatOfTheCType) {
  EXPECT_EQ(element_size(FERRY_BOOL), sizeof(bool));
  EXPECT_EQ(element_size(FERRY_UINT8), sizeof(std::uint8_t));
  EXPECT_EQ(element_size(FERRY_INT8), sizeof(std::int8_t));
  EXPECT_EQ(element_size(FERRY_INT16), sizeof(std::int16_t));
  EXPECT_EQ(element_size(FERRY_INT32), sizeof(std::int32_t));
  EXPECT_EQ(element_size(FERRY_INT64), sizeof(std::int64_t));
  EXPECT_EQ(element_size(FERRY_FLOAT32), sizeof(float));
  EXPECT_EQ(element_size(FERRY_FLOAT64), sizeof(double));
  EXPECT_EQ(element_size(FERRY_FLOAT16), sizeof(ferry::Float16));
  EXPECT_EQ(element_size(FERRY_BFLOAT16), sizeof(ferry::BFloat16));
  EXPECT_ANY_THROW(static_cast<void>(element_size(FERRY_BFLOAT16 + 1)));
  EXPECT_ANY_THROW(static_cast<void>(element_size(-1)));
}

TEST(Dtypes, GoBothWaysAndKnowNoOther) {
  constexpr Dtypes<char> dtypes('b', 'u', 'c', 's', 'i', 'l', 'f', 'd', 'e', 'g');
  EXPECT_EQ(dtypes.to_runtime(FERRY_FLOAT32), 'f');
  EXPECT_EQ(dtypes.from_runtime('d'), FERRY_FLOAT64);
  EXPECT_EQ(dtypes.to_runtime(FERRY_BFLOAT16), 'g');
  EXPECT_EQ(dtypes.from_runtime('h'), -1);
}

TEST(Borrowed, IsTheCallersMemoryAndNeverNull) {
  const std::array<float, 2> values = {1, 2};
  EXPECT_EQ(borrowed({.name = "x", .dtype = FERRY_FLOAT32, .rank = 0, .shape = nullptr, .data = values.data(), .bytes = 8}),
            static_cast<const void*>(values.data()));
  EXPECT_NE(borrowed({.name = "x", .dtype = FERRY_FLOAT32, .rank = 0, .shape = nullptr, .data = nullptr, .bytes = 0}), nullptr);
}

std::int32_t keep(void* context, const ferry_tensor_view* outputs, std::size_t count) {
  auto& kept = *static_cast<std::vector<std::string>*>(context);
  for (std::size_t i = 0; i < count; ++i)
    kept.push_back(std::string(outputs[i].name == nullptr ? "-" : outputs[i].name) + dims_text(dims_of(outputs[i])) +
                   std::to_string(outputs[i].bytes));
  return FERRY_OK;
}

TEST(Views, GiveShapesAndBytesOfEveryOutput) {
  const std::array<double, 6> values{};
  Views views(1);  // fewer than there will be: the shapes must stay where they are
  views.add("matrix", FERRY_FLOAT64, {2, 3}, values.data());
  views.add(nullptr, FERRY_INT16, {0, 7}, nullptr);
  views.add("scalar", FERRY_BOOL, {}, values.data());
  std::vector<std::string> kept;
  EXPECT_EQ(views.send(keep, &kept), FERRY_OK);
  EXPECT_EQ(kept, (std::vector<std::string>{"matrix[2,3]48", "-[0,7]0", "scalar[]1"}));
}

TEST(Views, RefuseADtypeThatNoContractCanHold) {
  Views views(1);
  EXPECT_THROW(views.add("half", -1, {1}, nullptr), Refusal);
}

TEST(TimeCalls, WritesOneTimeForEachCall) {
  std::array<std::int64_t, 4> nanoseconds = {-1, -1, -1, -1};
  int calls = 0;
  time_calls(3, nanoseconds.data(), [&] { ++calls; });
  EXPECT_EQ(calls, 3);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_GE(nanoseconds[i], 0);
  EXPECT_EQ(nanoseconds[3], -1);
}

TEST(DimsText, ShowsFreeDims) { EXPECT_EQ(dims_text(std::vector<std::int64_t>{-1, 3}), "[?,3]"); }

}  // namespace
