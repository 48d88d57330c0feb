#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdint>
#include <thread>

#include "text.hpp"
#include "toy_bundle.hpp"

namespace {

using ferry::DType;
using ferry::NamedTensors;
using ferry::Session;
using ferry::SessionOptions;
using ferry::Tensor;

Session open_session(const ToyBundle& toy) { return Session(toy.open(), {.engine = "toy"}); }

Failure open_failure(const ToyBundle& toy, const SessionOptions& options) {
  return failure_of([&] { const Session session(toy.open(), options); });
}

TEST(Session, RunsAndNamesWhatItRunsOn) {
  const ToyBundle toy;
  const Session session = open_session(toy);
  EXPECT_EQ(session.engine(), "toy");
  EXPECT_EQ(session.device(), "cpu");
  EXPECT_EQ(session.runtime(), "Toy 1.0");
  EXPECT_EQ(session.numerics(), "toy numerics");
  const NamedTensors outputs = session.run({{"x", Tensor::from<float>({2, 3}, {1, 2, 3, 6, 5, 4})}});
  ASSERT_EQ(outputs.size(), 2U);
  EXPECT_EQ(outputs.begin()->first, "scaled");
  EXPECT_EQ(outputs["scaled"].as<float>()[3], 12);
  EXPECT_EQ(outputs["label"].as<std::int64_t>()[0], 2);
  EXPECT_EQ(outputs["label"].as<std::int64_t>()[1], 0);
}

TEST(Session, OutlivesTheBundleAndItsFolder) {
  auto toy = std::make_unique<ToyBundle>();
  Session session = open_session(*toy);
  toy.reset();
  const Session moved = std::move(session);
  EXPECT_EQ(moved.run({{"x", toy_input(2)}})["label"].size(), 2U);
}

// How many calls the engine of a bundle "count calls" has seen, this one included.
float calls_of(const Session& session) { return session.run({{"x", toy_input(1)}})["scaled"].as<float>()[0]; }

TEST(Session, IsWarmWhenItIsOpen) {
  const ToyBundle toy("count calls");
  EXPECT_GE(calls_of(open_session(toy)), 4);
}

TEST(Session, AnEmptyBatchGivesEmptyOutputsWithoutTheEngine) {
  const ToyBundle toy("count calls");
  const Session session = open_session(toy);
  const float before = calls_of(session);
  const NamedTensors outputs = session.run({{"x", Tensor(DType::float32, {0, 3})}});
  EXPECT_EQ(outputs["scaled"].shape(), (ferry::Shape{0, 3}));
  EXPECT_EQ(outputs["scaled"].dtype(), DType::float32);
  EXPECT_EQ(outputs["label"].shape(), (ferry::Shape{0}));
  EXPECT_EQ(calls_of(session), before + 1);
}

TEST(Session, RefusesNamesThatAreNotTheContracts) {
  const ToyBundle toy;
  const Session session = open_session(toy);
  const Tensor x = toy_input(1);
  EXPECT_EQ(failure_of([&] { static_cast<void>(session.run({{"y", x}})); }).text,
            "inputs: got [y], expected [x]; give each input by its name once");
  for (const NamedTensors& inputs : {NamedTensors{}, NamedTensors{{"x", x}, {"y", x}}, NamedTensors{{"x", x}, {"x", x}}}) {
    EXPECT_EQ(failure_of([&] { static_cast<void>(session.run(inputs)); }).code, 7);
  }
}

TEST(Session, RefusesBadInputBeforeTheEngineSeesIt) {
  const ToyBundle toy("count calls");
  const Session session = open_session(toy);
  const float before = calls_of(session);
  Tensor bad = toy_input(1);
  bad.as<float>()[2] = std::nanf("");
  EXPECT_EQ(failure_of([&] { static_cast<void>(session.run({{"x", bad}})); }).code, 7);
  EXPECT_EQ(failure_of([&] { static_cast<void>(session.run({{"x", toy_input(1001)}})); }).code, 7);
  EXPECT_EQ(calls_of(session), before + 1);
}

TEST(Session, AnOutputThatTheContractDoesNotAllowIsAMismatchWithItsPlace) {
  const ToyBundle toy;  // doubles: 3e38 becomes infinite
  const Session session = open_session(toy);
  const Tensor x = Tensor::from<float>({2, 3}, {1, 2, 3, 4, -3e38F, 3e38F});
  const Failure failure = failure_of([&] { static_cast<void>(session.run({{"x", x}})); });
  EXPECT_EQ(failure.code, 1);
  EXPECT_EQ(failure.text,
            "output scaled: element [1,1]: got -inf, expected a finite number; the model does not keep its contract for this "
            "input");
}

TEST(Session, AnOutputMayBeInfiniteWhereTheContractAllowsIt) {
  ToyBundle toy;
  toy.manifest["contract"]["outputs"][0]["allow_nonfinite"] = true;
  toy.write_manifest();
  const NamedTensors outputs = open_session(toy).run({{"x", Tensor::from<float>({1, 3}, {1, 2, 3e38F})}});
  EXPECT_TRUE(std::isinf(outputs["scaled"].as<float>()[2]));
}

TEST(Session, OneThatWasMovedFromHasNoEngine) {
  const ToyBundle toy;
  Session session = open_session(toy);
  const Session moved = std::move(session);
  EXPECT_EQ(moved.engine(), "toy");
  EXPECT_EQ(session.engine(), "");  // NOLINT(bugprone-use-after-move): that it is defined is the test
  EXPECT_EQ(session.device() + session.runtime() + session.numerics(), "");
  EXPECT_EQ(failure_of([&] { static_cast<void>(session.run({{"x", toy_input(1)}})); }).code, 2);
  EXPECT_EQ(failure_of([&] { static_cast<void>(session.run_direct({{"x", toy_input(1)}}, 1)); }).code, 2);
}

TEST(Session, AnEmptyBundleHasNoEngine) {
  const Failure empty = failure_of([] { const Session session(ferry::Bundle(), {.engine = "toy"}); });
  EXPECT_EQ(empty.code, 5);
  EXPECT_EQ(empty.text, "bundle: got an empty one, expected one that was opened; call Bundle::open");
}

TEST(Session, EightThreadsGetTheirOwnAnswers) {
  const ToyBundle toy;
  const Session session = open_session(toy);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 200; ++i) {
        const auto value = static_cast<float>(1000 * thread + i);
        const NamedTensors outputs = session.run({{"x", Tensor::from<float>({1, 3}, {value, 0, 0})}});
        if (outputs["scaled"].as<float>()[0] != 2 * value) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Session, TimesTheDirectLoop) {
  const ToyBundle toy;
  EXPECT_EQ(open_session(toy).run_direct({{"x", toy_input(1)}}, 5).size(), 5U);
}

TEST(Session, ReportsAFailedDirectLoop) {
  const ToyBundle toy("no direct loop");
  const Session session = open_session(toy);
  EXPECT_EQ(failure_of([&] { static_cast<void>(session.run_direct({{"x", toy_input(1)}}, 5)); }).code, 9);
  EXPECT_EQ(failure_of([&] { static_cast<void>(session.run_direct({}, 5)); }).code, 7);
}

TEST(Session, BadOptionsAreAUsageError) {
  const ToyBundle toy;
  for (const char* device : {"", "gpu", "CPU", "cuda", "cuda:", "cuda:x", "cuda:-1", "cuda:00000", "cpu:0", "cuda:1 "}) {
    const Failure failure = open_failure(toy, {.engine = "toy", .device = device});
    EXPECT_EQ(failure.code, 2) << device;
    EXPECT_EQ(failure.text, "--device: got " + ferry::text::quoted(device) + ", expected cpu or cuda:N");
  }
  EXPECT_EQ(open_failure(toy, {.engine = "toy", .threads = 0}).text, "--threads: got 0, expected at least 1");
}

TEST(Session, ADeviceThatIsNotThereIsUnavailable) {
  const Failure failure = open_failure(ToyBundle(), {.engine = "toy", .device = "cuda:0"});
  EXPECT_EQ(failure.code, 5);
  EXPECT_EQ(failure.text, "engine toy: device: got cuda, expected cpu");
}

TEST(Session, AnEngineThatTheBundleHasNoArtifactForIsUnavailable) {
  const ToyBundle toy;
  const Failure failure = open_failure(toy, {.engine = "torchscript"});
  EXPECT_EQ(failure.code, 5);
  EXPECT_EQ(failure.text,
            toy.folder().native() + ": this bundle has no artifact for engine 'torchscript'; it has toy; export that format too");
}

TEST(Session, NativeCodeFromTheBundleNeedsPermission) {
  ToyBundle toy;
  toy.manifest["artifacts"][0]["engine"] = "native";
  for (nlohmann::json& row : toy.manifest["tolerances"]) row["engine"] = "native";
  toy.write_manifest();
  const Failure refused = open_failure(toy, {.engine = "native"});
  EXPECT_EQ(refused.code, 5);
  EXPECT_NE(refused.text.find("--allow-native"), std::string::npos) << refused.text;
  EXPECT_EQ(open_failure(toy, {.engine = "native", .allow_native = true}).text, "engine native: the engine was asked");
}

TEST(Session, AnArtifactChangedSinceTheBundleWasOpenedIsRefused) {
  const ToyBundle toy;
  const ferry::Bundle bundle = toy.open();
  write_file(toy.folder() / "model.toy", "scale 3");
  EXPECT_EQ(failure_of([&] { const Session session(bundle, {.engine = "toy"}); }).code, 4);
}

TEST(Session, AnEnginesRefusalIsOneLineWithItsCode) {
  const Failure failure = open_failure(ToyBundle("refuse to open"), {.engine = "toy"});
  EXPECT_EQ(failure.code, 3);
  EXPECT_EQ(failure.text, "engine toy: model: got nonsense,\\x0aexpected sense");
}

TEST(Session, AnUnknownCodeWithoutTextIsInternal) {
  const Failure failure = open_failure(ToyBundle("refuse silently"), {.engine = "toy"});
  EXPECT_EQ(failure.code, 9);
  EXPECT_EQ(failure.text, "engine toy: got code 77 without a reason, expected success");
}

TEST(Session, GoldenInputsThatBreakTheContractAreAFormatError) {
  ToyBundle toy;
  toy.manifest["golden"]["cases"][1]["inputs"]["x"] =
      toy.add_tensor("golden/batch-1.input.x.npy", Tensor(DType::float64, {1, 3}));
  toy.write_manifest();
  const Failure failure = open_failure(toy, {.engine = "toy"});
  EXPECT_EQ(failure.code, 3);
  EXPECT_NE(failure.text.find("golden case batch-1: input x: dtype: got float64, expected float32"), std::string::npos)
      << failure.text;
}

struct BrokenEngine {
  const char* mode;
  int code;
  const char* reason;
};
void PrintTo(const BrokenEngine& broken, std::ostream* out) { *out << broken.mode; }
class BrokenEngines : public testing::TestWithParam<BrokenEngine> {};
INSTANTIATE_TEST_SUITE_P(Session, BrokenEngines,
                         testing::Values(BrokenEngine{"fail", 6, "engine toy: memory: got none"},
                                         BrokenEngine{"refuse the input", 1, "golden case batch-4: engine toy: input x: dim 0"},
                                         BrokenEngine{"no outputs", 9, "outputs: got none from the engine"},
                                         BrokenEngine{"one output", 1, "outputs: got 1, expected 2"},
                                         BrokenEngine{"twice", 1, "outputs: got 2 more, expected 2 once"},
                                         BrokenEngine{"other name", 1, "outputs: got none named scaled"},
                                         BrokenEngine{"other dtype", 1, "output label: dtype: got float64, expected int64"},
                                         BrokenEngine{"no dtype", 1, "output label: dtype: got the number 99"},
                                         BrokenEngine{"other shape", 1, "output scaled: shape [4,4]: dim 1: got 4, expected 3"},
                                         BrokenEngine{"other rank", 1, "output scaled: rank: got 1"},
                                         BrokenEngine{"rank 99", 1, "output scaled: rank: got 99"},
                                         BrokenEngine{"fewer bytes", 1, "output scaled: bytes: got 44, expected 48"},
                                         BrokenEngine{"null data", 1, "output scaled: data: got a null"},
                                         BrokenEngine{"ignore the sink", 0, ""}, BrokenEngine{"reversed", 0, ""},
                                         BrokenEngine{"no names", 0, ""}));

TEST_P(BrokenEngines, DoNotReachTheCaller) {
  const Failure failure = open_failure(ToyBundle(GetParam().mode), {.engine = "toy"});
  EXPECT_EQ(failure.code, GetParam().code);
  EXPECT_NE(failure.text.find(GetParam().reason), std::string::npos) << failure.text;
}

// The memory of a call of the toy with `rows` rows.
struct Memory {
  explicit Memory(std::int64_t rows)
      : x(toy_input(rows)),
        scaled(static_cast<std::size_t>(rows) * 3),
        label(static_cast<std::size_t>(rows)),
        matrix{rows, 3},
        vector{rows},
        inputs{{"x", x.dtype(), x.shape(), x.bytes()}},
        outputs{ferry::TensorBuffer::of("label", vector, std::span(label)),
                ferry::TensorBuffer::of("scaled", matrix, std::span(scaled))} {}

  Tensor x;
  std::vector<float> scaled;
  std::vector<std::int64_t> label;
  ferry::Shape matrix;
  ferry::Shape vector;
  std::vector<ferry::TensorView> inputs;
  std::vector<ferry::TensorBuffer> outputs;
};

TEST(Session, RunsIntoTheMemoryOfTheCaller) {
  const ToyBundle toy;
  const Session session = open_session(toy);
  for (const std::int64_t rows : {1, 4}) {
    for (const bool in_contract_order : {false, true}) {
      Memory memory(rows);
      if (in_contract_order) std::ranges::reverse(memory.outputs);
      session.run_into(memory.inputs, memory.outputs);
      const NamedTensors expected = session.run({{"x", toy_input(rows)}});
      EXPECT_TRUE(std::ranges::equal(memory.scaled, expected["scaled"].as<float>()));
      EXPECT_TRUE(std::ranges::equal(memory.label, expected["label"].as<std::int64_t>()));
    }
  }
}

// What running into that memory is refused with, in the contract's order, which has a fast way, and in the other.
Failure refusal_of(const Memory& memory) {
  const ToyBundle toy;
  const Session session = open_session(toy);
  std::vector<ferry::TensorBuffer> in_order(memory.outputs.rbegin(), memory.outputs.rend());
  const Failure failure = failure_of([&] { session.run_into(memory.inputs, in_order); });
  EXPECT_EQ(failure_of([&] { session.run_into(memory.inputs, memory.outputs); }).code, failure.code);
  return failure;
}

TEST(Session, RefusesMemoryThatDoesNotFit) {
  const auto expect = [](const Memory& memory, const std::string& text) {
    const Failure failure = refusal_of(memory);
    EXPECT_EQ(failure.code, 7);
    EXPECT_EQ(failure.text, text);
  };
  Memory memory(2);
  memory.outputs[0].bytes = memory.outputs[0].bytes.first(8);
  expect(memory, "output label: bytes: got 8, expected 16 for int64[2]");
  memory = Memory(2);
  memory.outputs[1].dtype = ferry::DType::float64;
  expect(memory, "output scaled: dtype: got float64, expected float32; give memory for that dtype");
  memory = Memory(2);
  const ferry::Shape other{3, 3};
  memory.outputs[1].shape = other;
  expect(memory, "output scaled: shape [3,3]: dim 0: got 3, expected N = 2 as in the other tensors of this call");
  for (const std::int64_t rows : {-1, -2}) {
    memory = Memory(1);
    const ferry::Shape negative{rows, 3};
    memory.inputs[0].shape = negative;
    memory.outputs[1].shape = negative;
    const std::string number = std::to_string(rows);
    expect(memory,
           "input x: shape [" + number + ",3]: dim 0: got " + number + ", expected N at least 0, at most 1000; give more");
  }
  memory = Memory(2);
  memory.outputs[1].name = "other";
  expect(memory, "outputs: got [other, label], expected [scaled, label]; give each output by its name once");
  memory = Memory(2);
  std::vector<std::byte> odd(25);
  memory.outputs[1].bytes = std::span(odd).subspan(1);
  expect(memory, "output scaled: data: got a null or misaligned pointer, expected one aligned to 4 bytes");
  memory = Memory(2);
  memory.outputs.pop_back();
  expect(memory, "outputs: got [label], expected [scaled, label]; give each output by its name once");
}

TEST(Session, RefusesMemoryThatOverlaps) {
  Memory memory(2);
  memory.outputs[1].bytes = memory.x.bytes();
  EXPECT_EQ(refusal_of(memory).text,
            "output scaled: data: got memory that overlaps another tensor's, expected memory of its own");
  Memory both(2);
  std::vector<float> shared(12);
  both.outputs[1].bytes = std::as_writable_bytes(std::span(shared).first(6));
  both.outputs[0].bytes = std::as_writable_bytes(std::span(shared).subspan(4, 4));
  EXPECT_EQ(refusal_of(both).text, "output label: data: got memory that overlaps another tensor's, expected memory of its own");
  both.outputs[0].bytes = std::as_writable_bytes(std::span(shared).subspan(6, 4));
  EXPECT_EQ(refusal_of(both).code, 0);
}

TEST(Session, NamedOutputsAreBroughtIntoContractOrder) {
  const ToyBundle toy("reversed");
  EXPECT_EQ(open_session(toy).run({{"x", toy_input(2)}}).begin()->first, "scaled");
}

}  // namespace
