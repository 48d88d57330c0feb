#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "toy_bundle.hpp"

namespace {

using ferry::DType;
using ferry::NamedTensors;
using ferry::Shape;
using ferry::Tensor;

TEST(Tensor, EveryDtypeHasItsNameAndSize) {
  const std::vector<std::pair<std::string_view, std::size_t>> expected = {
      {"bool", 1}, {"uint8", 1}, {"int8", 1}, {"int16", 2}, {"int32", 4}, {"int64", 8}, {"float32", 4}, {"float64", 8}};
  for (std::int32_t i = 0; i < 8; ++i) {
    EXPECT_EQ(ferry::to_string(static_cast<DType>(i)), expected[static_cast<std::size_t>(i)].first);
    EXPECT_EQ(ferry::size_of(static_cast<DType>(i)), expected[static_cast<std::size_t>(i)].second);
  }
}

TEST(Tensor, ANewTensorIsZeros) {
  const Tensor tensor(DType::float64, {2, 3});
  ASSERT_EQ(tensor.size(), 6U);
  for (const double value : tensor.as<double>()) EXPECT_EQ(value, 0.0);
}

TEST(Tensor, ARankOfZeroHoldsOneElement) { EXPECT_EQ(Tensor(DType::int16, {}).size(), 1U); }

TEST(Tensor, ValuesAreCopied) {
  std::vector<std::int32_t> values{1, 2, 3, 4};
  const Tensor tensor = Tensor::from<std::int32_t>({2, 2}, values);
  values[3] = 99;
  EXPECT_EQ(tensor.as<std::int32_t>()[3], 4);
  EXPECT_EQ(tensor.shape(), (Shape{2, 2}));
}

TEST(Tensor, TooFewValuesForTheShapeAreRefused) {
  const Failure failure = failure_of([] { static_cast<void>(Tensor::from<float>({2, 2}, {1.0F, 2.0F, 3.0F})); });
  EXPECT_EQ(failure.code, 7);
  EXPECT_EQ(failure.text, "tensor: got 12 bytes, expected 16 for float32[2,2]");
}

TEST(Tensor, ReadingAsAnotherDtypeIsRefused) {
  const Tensor tensor(DType::float32, {1});
  const Failure failure = failure_of([&] { static_cast<void>(tensor.as<double>()); });
  EXPECT_EQ(failure.code, 7);
  EXPECT_EQ(failure.text, "tensor: dtype: got float64, expected float32; use as<> with the tensor's dtype");
}

TEST(Tensor, ANegativeDimIsRefused) {
  EXPECT_EQ(failure_of([] { static_cast<void>(Tensor(DType::uint8, {2, -1})); }).text,
            "shape: got a dim of -1, expected 0 or more");
}

TEST(Tensor, AShapeWhoseProductOverflowsIsRefused) {
  constexpr std::int64_t huge = std::int64_t{1} << 40U;
  EXPECT_EQ(failure_of([] { static_cast<void>(Tensor(DType::uint8, {huge, huge})); }).code, 7);
  EXPECT_EQ(failure_of([] { static_cast<void>(Tensor(DType::float64, {std::numeric_limits<std::int64_t>::max()})); }).code, 7);
}

// AddressSanitizer ends the program where so much is asked for.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(Tensor, MoreThanThereIsMemoryForIsAnErrorToo) {
  const Failure failure = failure_of([] { static_cast<void>(Tensor(DType::float32, {std::int64_t{1} << 50U})); });
  EXPECT_EQ(failure.code, 6);
  EXPECT_EQ(failure.text, "memory: got none, expected enough for this call; use smaller batches");
}
#endif

TEST(Tensor, AShapeWithAZeroIsEmptyHoweverLargeTheOthers) {
  constexpr std::int64_t huge = std::int64_t{1} << 40U;
  EXPECT_EQ(Tensor(DType::uint8, {huge, 0, huge}).size(), 0U);
}

TEST(NamedTensors, AreFoundByName) {
  const NamedTensors tensors{{"a", Tensor(DType::uint8, {1})}, {"b", Tensor(DType::uint8, {2})}};
  EXPECT_EQ(tensors["b"].size(), 2U);
  EXPECT_EQ(tensors.find("c"), nullptr);
}

TEST(NamedTensors, AnUnknownNameListsTheNamesThereAre) {
  const NamedTensors tensors{{"a", {}}, {"b", {}}};
  const Failure failure = failure_of([&] { static_cast<void>(tensors["c"]); });
  EXPECT_EQ(failure.code, 7);
  EXPECT_EQ(failure.text, "tensors: got the name c, expected one of: a, b");
}

TEST(Tensor, ANumberThatIsNoDtypeHasNoSizeAndMakesNoTensor) {
  for (const int number : {-1, 10, 99}) {
    const auto dtype = static_cast<ferry::DType>(number);
    EXPECT_EQ(ferry::size_of(dtype), 0U);
    EXPECT_EQ(ferry::to_string(dtype), "unknown dtype");
    EXPECT_EQ(failure_of([&] { const ferry::Tensor tensor(dtype, {1}); }).code, 7);
    EXPECT_EQ(failure_of([&] { static_cast<void>(ferry::Tensor::copy(dtype, {1}, {})); }).code, 7);
  }
}

TEST(Tensor, ASizeThatWrapsAroundIsRefused) {
  const ferry::Shape wraps{(std::int64_t{1} << 61) + 1, 2};  // 2^64 + 8 bytes of float32
  const std::vector<std::byte> eight(8);
  EXPECT_EQ(failure_of([&] { static_cast<void>(ferry::Tensor::copy(ferry::DType::float32, wraps, eight)); }).code, 7);
  EXPECT_EQ(failure_of([&] { const ferry::Tensor tensor(ferry::DType::float32, wraps); }).code, 7);
}

}  // namespace
