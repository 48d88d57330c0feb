#include <gtest/gtest.h>

#include <cstdint>
#include <ferry/stream.hpp>
#include <utility>

#include "carried_calls.hpp"
#include "toy_bundle.hpp"

namespace {

// The toy's output `scaled` could be its input `x`, and then there is none left; sequences that run are in tests/parity.
Failure refusal(const std::map<std::string, std::string>& state, std::int64_t samples = 1) {
  const ToyBundle toy;
  const auto bundle = toy.open();
  const ferry::Session session(bundle, {.engine = "toy"});
  return failure_of([&] { const ferry::Stream stream(bundle, session, state, samples); });
}

TEST(Stream, RefusesWhatCannotBeCarried) {
  EXPECT_EQ(refusal({}).text,
            "stream: got no state here or in the contract, expected at least one input and its output; export with --state "
            "INPUT=OUTPUT");
  EXPECT_EQ(refusal({{"y", "scaled"}}).code, 2);
  EXPECT_EQ(refusal({{"x", "other"}}).code, 2);
  EXPECT_EQ(refusal({{"x", "label"}}).text.find("--carry: got x float32[N,3] and label int64[N]"), 0U);
  EXPECT_EQ(refusal({{"x", "scaled"}}).code, 2) << "no input is left";
  EXPECT_EQ(refusal({{"x", "scaled"}}, 0).text.find("stream: got 0 samples"), 0U);
}

TEST(Stream, NamesTheCallersInputOfAnotherBatch) {
  const ferry::Shape state{2, 3};
  ferry::Contract contract;
  const auto spec = [](const char* name) {
    return ferry::TensorSpec{name, ferry::DType::float32, {std::string("N"), std::int64_t{3}}, {}, {}, false};
  };
  contract.inputs = {spec("h"), spec("x")};
  contract.outputs = {spec("next")};
  contract.symbols = {{"N", {1, std::nullopt}}};
  ferry::CarriedCalls calls(contract, {{"h", "next"}}, 2);
  const auto next = [](const ferry::NamedTensors& all) { return ferry::NamedTensors{{"next", all["x"]}}; };
  const auto failure_with = [&](const ferry::Shape& shape) {
    return failure_of([&] { static_cast<void>(calls.next({{"x", ferry::Tensor(ferry::DType::float32, shape)}}, next)); });
  };
  EXPECT_EQ(failure_with({1, 3}).code, 7);
  EXPECT_EQ(failure_with({1, 3}).text, "input x: shape [1,3]: dim 0: got 1, expected N = 2, for which the stream was opened");
  EXPECT_EQ(calls.next({{"x", ferry::Tensor(ferry::DType::float32, state)}}, next)["next"].shape(), state);
}

}  // namespace
