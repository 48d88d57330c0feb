#include "shared_models.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

struct ferry_engine_model {
  int number;
};

namespace {

std::atomic<int> opened{0};
std::atomic<int> open_now{0};

std::int32_t open(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* /*error*/) {
  if (request->threads == 99) return FERRY_FORMAT;
  ++open_now;
  *model = new ferry_engine_model{++opened};
  return FERRY_OK;
}

void close(ferry_engine_model* model) {
  --open_now;
  delete model;
}

ferry_engine engine_of(std::uint32_t flags) {
  ferry_engine engine{};
  engine.abi_version = FERRY_ENGINE_ABI_VERSION;
  engine.flags = flags;
  engine.name = "counted";
  engine.open = open;
  engine.close = close;
  return engine;
}

// What one model is asked for; a test changes one thing.
struct Asked {
  std::array<ferry_artifact_file, 1> files{{{"model.x", "data", 4, "0123"}}};
  std::array<std::int64_t, 2> shape{-1, 3};
  std::array<ferry_tensor_spec, 1> specs{{{"x", FERRY_FLOAT32, 2, shape.data()}}};
  std::array<ferry_requirement, 1> requirements{{{"key", "value"}}};
  std::array<const char*, 1> operators{"aten::add"};
  const char* device = "cpu";
  std::int32_t threads = 1;
  std::int32_t models = 1;
  std::int32_t lasting = 0;

  [[nodiscard]] ferry_open_request request() const {
    return {"x", files.data(), 1,       requirements.data(), 1, specs.data(), 1,      specs.data(),
            1,   device,       threads, operators.data(),    1, models,       lasting};
  }
};

const ferry_engine shares = engine_of(FERRY_ENGINE_SHARES_MODELS);

std::shared_ptr<ferry_engine_model> open_one(const Asked& asked, const ferry_engine& engine = shares,
                                             const std::shared_ptr<const void>& files = nullptr) {
  std::shared_ptr<ferry_engine_model> model;
  ferry_engine_error error{};
  const auto request = asked.request();
  EXPECT_EQ(ferry::open_shared(engine, request, [&] { return files; }, model, error), FERRY_OK);
  return model;
}

TEST(SharedModels, TheSameIsOpenedOnceAndClosedWithTheLastThatHasIt) {
  const Asked asked;
  auto one = open_one(asked);
  auto other = open_one(asked);
  EXPECT_EQ(one, other);
  EXPECT_EQ(open_now, 1);
  one.reset();
  EXPECT_EQ(open_now, 1);
  other.reset();
  EXPECT_EQ(open_now, 0);
  const int before = opened;
  EXPECT_EQ(open_one(asked)->number, before + 1);
}

TEST(SharedModels, WhateverDiffersIsAnotherModel) {
  const auto one = open_one(Asked());
  const auto differs = [&](const auto& change) {
    Asked asked;
    change(asked);
    return open_one(asked) != one;
  };
  EXPECT_FALSE(differs([](Asked& /*asked*/) {}));
  EXPECT_TRUE(differs([](Asked& asked) { asked.files[0].sha256 = "0124"; }));
  EXPECT_TRUE(differs([](Asked& asked) { asked.files[0].path = "model.y"; }));
  EXPECT_TRUE(differs([](Asked& asked) { asked.device = "cuda:0"; }));
  EXPECT_TRUE(differs([](Asked& asked) { asked.threads = 2; }));
  EXPECT_TRUE(differs([](Asked& asked) { asked.models = 2; }));
  EXPECT_TRUE(differs([](Asked& asked) { asked.lasting = 1; }));  // another's promise that nobody changes the files
  EXPECT_TRUE(differs([](Asked& asked) { asked.shape[1] = 4; }));
  EXPECT_TRUE(differs([](Asked& asked) { asked.specs[0].dtype = FERRY_FLOAT64; }));
  EXPECT_TRUE(differs([](Asked& asked) { asked.specs[0].name = "y"; }));
  EXPECT_TRUE(differs([](Asked& asked) { asked.requirements[0].value = "other"; }));
  EXPECT_TRUE(differs([](Asked& asked) { asked.operators[0] = "aten::as_strided"; }));
}

TEST(SharedModels, ItsFilesLiveUntilItIsClosed) {
  static const ferry_engine alone = engine_of(0);
  for (const auto* engine : {&shares, &alone}) {
    const std::shared_ptr<int> files(new int, [](const int* gone) {
      EXPECT_EQ(open_now, 0);
      delete gone;
    });
    auto model = open_one(Asked(), *engine, files);
    EXPECT_EQ(files.use_count(), 2);
    model.reset();
    EXPECT_EQ(files.use_count(), 1);
  }
}

TEST(SharedModels, AnEngineThatDoesNotShareHasAModelForEachSession) {
  static const ferry_engine alone = engine_of(0);
  EXPECT_NE(open_one(Asked(), alone), open_one(Asked(), alone));
}

TEST(SharedModels, FilesAreLoadedForTheFirstOnly) {
  const auto request_of = Asked();
  const auto request = request_of.request();
  int loads = 0;
  const auto open = [&] {
    std::shared_ptr<ferry_engine_model> model;
    ferry_engine_error error{};
    EXPECT_EQ(ferry::open_shared(shares, request, [&] { return ++loads, nullptr; }, model, error), FERRY_OK);
    return model;
  };
  const auto first = open();
  const auto second = open();
  EXPECT_EQ(loads, 1);
}

TEST(SharedModels, WhatDoesNotOpenIsTriedAgain) {
  Asked asked;
  asked.threads = 99;
  const auto request = asked.request();
  std::shared_ptr<ferry_engine_model> model;
  ferry_engine_error error{};
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ferry::open_shared(shares, request, [] { return nullptr; }, model, error), FERRY_FORMAT);
  EXPECT_EQ(model, nullptr);
}

TEST(SharedModels, ThreadsThatOpenAtOnceOpenOne) {
  const int before = opened;
  std::vector<std::shared_ptr<ferry_engine_model>> models(8);
  std::vector<std::thread> threads;
  for (auto& model : models) threads.emplace_back([&model] { model = open_one(Asked()); });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(opened, before + 1);
}

}  // namespace
