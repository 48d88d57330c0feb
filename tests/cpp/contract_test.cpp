#include "contract.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "runner.hpp"
#include "toy_bundle.hpp"

namespace {

using ferry::Contract;
using ferry::ContractChecker;
using ferry::DType;
using ferry::NamedTensors;
using ferry::Tensor;

// image uint8 [N,2,2] and weight float32 [N,K] with K from 1 to 4, and a flag that may be any bool.
Contract contract() {
  Contract contract;
  contract.inputs = {{"image", DType::uint8, {std::string("N"), std::int64_t{2}, std::int64_t{2}}, {}, {}, false},
                     {"weight", DType::float32, {std::string("N"), std::string("K")}, {}, {}, false},
                     {"flag", DType::boolean, {}, {}, {}, false}};
  contract.outputs = {{"sum", DType::float64, {std::string("N"), std::string("K")}, {}, {}, true}};
  contract.symbols = {{"K", {1, 4}}, {"N", {0, std::nullopt}}};
  return contract;
}

NamedTensors inputs(std::int64_t n = 2, std::int64_t k = 3) {
  return {{"image", Tensor(DType::uint8, {n, 2, 2})},
          {"weight", Tensor(DType::float32, {n, k})},
          {"flag", Tensor(DType::boolean, {})}};
}

Failure check_failure(const NamedTensors& tensors) {
  const Contract rules = contract();
  const ContractChecker checker(rules);
  return failure_of([&] { static_cast<void>(checker.check_inputs(ferry::views_of(tensors))); });
}

NamedTensors with_first(Tensor image) {
  NamedTensors all = inputs();
  return {{"image", std::move(image)}, {"weight", all["weight"]}, {"flag", all["flag"]}};
}

NamedTensors with_weight(Tensor weight) {
  NamedTensors all = inputs();
  return {{"image", all["image"]}, {"weight", std::move(weight)}, {"flag", all["flag"]}};
}

TEST(Contract, InputsThatKeepItBindTheSymbols) {
  const Contract rules = contract();
  const ContractChecker checker(rules);
  const NamedTensors tensors = inputs(5, 3);
  const ferry::SymbolValues symbols = checker.check_inputs(ferry::views_of(tensors));
  EXPECT_EQ(checker.batch(symbols), 5);
  EXPECT_EQ(checker.output_shape(0, symbols), (ferry::Shape{5, 3}));
}

TEST(Contract, ASpecIsDescribedInOneWord) { EXPECT_EQ(ferry::describe(contract().inputs[0]), "uint8[N,2,2]"); }

TEST(Contract, AnotherDtypeIsRefused) {
  const Failure failure = check_failure(with_first(Tensor(DType::float32, {2, 2, 2})));
  EXPECT_EQ(failure.code, 7);
  EXPECT_EQ(failure.text, "input image: dtype: got float32, expected uint8; convert the values before the call");
}

TEST(Contract, AnotherDtypeOfAsManyBytesIsRefused) {
  EXPECT_EQ(check_failure(with_first(Tensor(DType::int8, {2, 2, 2}))).text,
            "input image: dtype: got int8, expected uint8; convert the values before the call");
  EXPECT_EQ(check_failure(with_weight(Tensor(DType::int32, {2, 3}))).code, 7);
}

TEST(Contract, AnotherRankIsRefused) {
  EXPECT_EQ(check_failure(with_first(Tensor(DType::uint8, {2, 4}))).text,
            "input image: rank: got 2 ([2,4]), expected 3 (uint8[N,2,2]); reshape it");
}

TEST(Contract, AnotherDimIsRefused) {
  EXPECT_EQ(check_failure(with_first(Tensor(DType::uint8, {2, 2, 3}))).text,
            "input image: shape [2,2,3]: dim 2: got 3, expected 2; the contract is uint8[N,2,2]");
}

TEST(Contract, ASmallerDimIsRefused) {
  EXPECT_EQ(check_failure(with_first(Tensor(DType::uint8, {2, 2, 1}))).text,
            "input image: shape [2,2,1]: dim 2: got 1, expected 2; the contract is uint8[N,2,2]");
}

TEST(Contract, ASmallerBatchThanThatOfTheOtherInputsIsRefused) {
  EXPECT_EQ(check_failure(with_weight(Tensor(DType::float32, {1, 3}))).text,
            "input weight: shape [1,3]: dim 0: got 1, expected N = 2 as in the other tensors of this call");
}

TEST(Contract, ASymbolHasOneValueInACall) {
  EXPECT_EQ(check_failure(with_weight(Tensor(DType::float32, {3, 3}))).text,
            "input weight: shape [3,3]: dim 0: got 3, expected N = 2 as in the other tensors of this call");
}

TEST(Contract, ASymbolStaysInItsRange) {
  EXPECT_EQ(check_failure(with_weight(Tensor(DType::float32, {2, 5}))).text,
            "input weight: shape [2,5]: dim 1: got 5, expected K at least 1, at most 4; give it in parts");
  EXPECT_EQ(check_failure(with_weight(Tensor(DType::float32, {2, 0}))).code, 7);
}

TEST(Contract, NanAndInfinityAreNamedWithTheirPlace) {
  for (const auto& [value, name] : {std::pair{std::nanf(""), "nan"}, std::pair{std::numeric_limits<float>::infinity(), "inf"},
                                    std::pair{-std::numeric_limits<float>::infinity(), "-inf"}}) {
    NamedTensors tensors = with_weight(Tensor::from<float>({2, 3}, {0, 1, 2, 3, value, 5}));
    EXPECT_EQ(check_failure(tensors).text,
              "input weight: element [1,1]: got " + std::string(name) + ", expected a finite number; clean the data");
  }
}

TEST(Contract, NanIsFoundAtEveryPlaceOfEveryLength) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    for (std::int64_t size = 1; size < 70; ++size) {
      for (std::int64_t place = 0; place < size; ++place) {
        Tensor tensor(dtype, {size});
        const auto index = static_cast<std::size_t>(place);
        const auto finite = [&] {
          const NamedTensors named{{"x", tensor}};
          return ferry::all_finite(ferry::views_of(named)[0]);
        };
        if (dtype == DType::float32) tensor.as<float>()[index] = std::numeric_limits<float>::max();
        if (dtype == DType::float64) tensor.as<double>()[index] = -std::numeric_limits<double>::denorm_min();
        ASSERT_TRUE(finite());
        if (dtype == DType::float32) tensor.as<float>()[index] = -std::numeric_limits<float>::infinity();
        if (dtype == DType::float64) tensor.as<double>()[index] = std::nan("");
        ASSERT_FALSE(finite()) << size << " " << place;
      }
    }
  }
}

TEST(Contract, NanPassesWhereTheContractAllowsIt) {
  Contract rules = contract();
  rules.inputs[1].allow_nonfinite = true;
  const ContractChecker checker(rules);
  const NamedTensors tensors = with_weight(Tensor::from<float>({2, 1}, {std::nanf(""), 1}));
  EXPECT_EQ(failure_of([&] { static_cast<void>(checker.check_inputs(ferry::views_of(tensors))); }).code, 0);
}

TEST(Contract, ABoolIsZeroOrOne) {
  const NamedTensors all = inputs();
  Tensor flag(DType::boolean, {});
  flag.bytes()[0] = std::byte{2};
  const Failure failure = check_failure({{"image", all["image"]}, {"weight", all["weight"]}, {"flag", flag}});
  EXPECT_EQ(failure.text, "input flag: element []: got the byte 2, expected 0 or 1 for bool; clean the data");
}

TEST(Contract, AViewWhoseSizeWrapsAroundIsRefused) {
  Contract rules;
  rules.inputs = {{"x", DType::float32, {std::string("N"), std::int64_t{2}}, std::nullopt, std::nullopt, false}};
  rules.symbols = {{"N", {0, std::nullopt}}};
  const ContractChecker checker(rules);
  const std::array<std::int64_t, 2> shape{(std::int64_t{1} << 61) + 1, 2};  // 2^64 + 8 bytes
  const std::array<float, 2> data{};
  const ferry_tensor_view view{"x", FERRY_FLOAT32, 2, shape.data(), data.data(), sizeof data};
  const Failure failure = failure_of([&] { static_cast<void>(checker.check_inputs(std::span(&view, 1))); });
  EXPECT_EQ(failure.code, 7);
  EXPECT_EQ(failure.text, "input x: bytes: got 8, expected fewer than 2^63 for float32[2305843009213693953,2]");
}

// What only the C ABI can send.
class ForeignViews : public testing::Test {
 protected:
  Failure failure_with(const ferry_tensor_view& image) {
    std::vector<ferry_tensor_view> views = ferry::views_of(tensors_);
    views[0] = image;
    return failure_of([&] { static_cast<void>(checker_.check_inputs(views)); });
  }
  ferry_tensor_view valid() { return ferry::views_of(tensors_)[0]; }

  NamedTensors tensors_ = inputs();
  Contract rules_ = contract();
  ContractChecker checker_{rules_};
};

TEST_F(ForeignViews, WithAnotherByteCountAreRefused) {
  ferry_tensor_view view = valid();
  view.bytes = 7;
  EXPECT_EQ(failure_with(view).text, "input image: bytes: got 7, expected 8 for uint8[2,2,2]");
}

TEST_F(ForeignViews, WithoutDataAreRefused) {
  ferry_tensor_view view = valid();
  view.data = nullptr;
  EXPECT_EQ(failure_with(view).code, 7);
}

TEST_F(ForeignViews, WithMisalignedDataAreRefused) {
  std::vector<ferry_tensor_view> views = ferry::views_of(tensors_);
  views[1].data = static_cast<const std::byte*>(views[1].data) + 1;
  EXPECT_EQ(failure_of([&] { static_cast<void>(checker_.check_inputs(views)); }).code, 7);
}

TEST_F(ForeignViews, WithAnUnknownDtypeAreRefused) {
  ferry_tensor_view view = valid();
  view.dtype = 10;
  EXPECT_EQ(failure_with(view).code, 7);
  view.dtype = -1;
  EXPECT_EQ(failure_with(view).code, 7);
}

TEST_F(ForeignViews, WithABadRankAreRefused) {
  ferry_tensor_view view = valid();
  for (const std::int32_t rank : {-1, 9, 1000000000}) {
    view.rank = rank;
    EXPECT_EQ(failure_with(view).text,
              "input image: rank: got " + std::to_string(rank) + ", expected 0 to 8 dims in shape");  // no dim was read
  }
  view = valid();
  view.shape = nullptr;
  EXPECT_EQ(failure_with(view).code, 7);
}

TEST_F(ForeignViews, WithANegativeDimAreRefused) {
  const ferry::Shape shape{-1, 2, 2};
  ferry_tensor_view view = valid();
  view.shape = shape.data();
  EXPECT_EQ(failure_with(view).code, 7);
}

}  // namespace
