#include "npy_output.hpp"

#include <gtest/gtest.h>

#include <cstdint>

#include "npy.hpp"
#include "toy_bundle.hpp"

namespace {

using ferry::NamedTensors;
using ferry::Shape;
using ferry::Tensor;
using ferry::cli::NpyTarget;
using ferry::cli::OutputFile;

Tensor read_npy(const std::filesystem::path& path) {
  const auto file = read_file(path);
  return ferry::npy::parse(std::as_bytes(std::span(file)), {path, ferry::ErrorCode::bad_input});
}

NamedTensors batch_of(float first, float second) { return {{"y", Tensor::from<float>({2, 1}, {first, second})}}; }

class NpyOutput : public ::testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return folder_.path() / "y.npy"; }
  void write(OutputFile file, const std::vector<NamedTensors>& batches, std::optional<std::int64_t> total,
             bool batched = true) const {
    std::vector<NpyTarget> targets;
    targets.push_back({"y", std::move(file)});
    const auto writer = ferry::cli::open_npy_files(std::move(targets), total, batched);
    for (const auto& batch : batches) writer->write(batch, {});
    writer->finish();
  }

  TemporaryFolder folder_;
};

TEST_F(NpyOutput, HoldsTheRowsOfEveryBatch) {
  for (const auto total : {std::optional<std::int64_t>(4), std::optional<std::int64_t>()}) {
    write(OutputFile::open(path()), {batch_of(1, 2), batch_of(3, 4)}, total);
    const auto tensor = read_npy(path());
    EXPECT_EQ(tensor.shape(), (Shape{4, 1}));
    EXPECT_EQ(tensor.as<float>()[3], 4);
  }
}

TEST_F(NpyOutput, OfNoRowsHasItsShape) {
  write(OutputFile::open(path()), {{{"y", Tensor(ferry::DType::int8, {0, 3})}}}, std::nullopt);
  EXPECT_EQ(read_npy(path()).shape(), (Shape{0, 3}));
}

TEST_F(NpyOutput, WithoutABatchIsTheTensorItself) {
  write(OutputFile::open(path()), {{{"y", Tensor::from<double>({}, {2.5})}}}, std::nullopt, false);
  EXPECT_EQ(read_npy(path()).as<double>()[0], 2.5);
}

// A pipe cannot be written again at its beginning, where the row count stands.
TEST_F(NpyOutput, GoesThroughAPipeWhetherTheRowCountIsKnownOrNot) {
  for (const auto total : {std::optional<std::int64_t>(4), std::optional<std::int64_t>()}) {
    const auto fifo = folder_.path() / "fifo";
    const auto copy = folder_.path() / "copy.npy";
    const auto command = "mkfifo '" + fifo.string() + "' && cat '" + fifo.string() + "' > '" + copy.string() + "' & sleep 0.1";
    ASSERT_EQ(std::system(command.c_str()), 0);
    while (!std::filesystem::exists(fifo)) continue;
    write(OutputFile::open(fifo), {batch_of(1, 2), batch_of(3, 4)}, total);
    for (int i = 0; i < 500 && std::filesystem::file_size(copy) < 144; ++i) ::usleep(10'000);
    EXPECT_EQ(read_npy(copy).shape(), (Shape{4, 1}));
    std::filesystem::remove(fifo);
  }
}

}  // namespace
