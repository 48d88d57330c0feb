#include "row_output.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "toy_bundle.hpp"

namespace {

using ferry::Classes;
using ferry::Contract;
using ferry::DType;
using ferry::NamedTensors;
using ferry::Tensor;
using ferry::TensorSpec;
using ferry::cli::OutputFile;

TensorSpec spec(std::string name, DType dtype, std::vector<ferry::Dim> shape) {
  return {.name = std::move(name), .dtype = dtype, .shape = std::move(shape), .range = {}, .unit = {}};
}

const Contract contract{.inputs = {spec("x", DType::float32, {"N", 2})},
                        .outputs = {spec("score", DType::float32, {"N", 2}), spec("label", DType::int64, {"N"})},
                        .symbols = {},
                        .classes = Classes{"label", {"a \"quoted\", name", "b"}},
                        .state = {}};
const NamedTensors outputs = {{"score", Tensor::from<float>({2, 2}, {0.1F, 1, std::numeric_limits<float>::infinity(), -0.0F})},
                              {"label", Tensor::from<std::int64_t>({2}, {1, 0})}};

class RowOutput : public ::testing::Test {
 protected:
  [[nodiscard]] std::string json(const Contract& wanted, const std::vector<NamedTensors>& batches,
                                 std::vector<std::string> names) const {
    return written(ferry::cli::open_json_lines(OutputFile::open(path()), wanted, std::move(names)), batches);
  }
  [[nodiscard]] std::string csv(const Contract& wanted, const std::vector<NamedTensors>& batches,
                                std::vector<std::string> names) const {
    return written(ferry::cli::open_csv_rows(OutputFile::open(path()), wanted, std::move(names)), batches);
  }

 private:
  [[nodiscard]] std::string path() const { return folder_.path() / "out"; }
  [[nodiscard]] std::string written(std::unique_ptr<ferry::cli::SampleWriter> writer,
                                    const std::vector<NamedTensors>& batches) const {
    for (const auto& batch : batches) writer->write(batch, {});
    writer->finish();
    return read_file(path());
  }

  TemporaryFolder folder_;
};

TEST_F(RowOutput, JsonLineHoldsTheOutputsAndTheClass) {
  EXPECT_EQ(json(contract, {outputs}, {"score", "label"}),
            "{\"score\": [0.1, 1.0], \"label\": 1, \"class\": \"b\"}\n"
            "{\"score\": [\"inf\", -0.0], \"label\": 0, \"class\": \"a \\\"quoted\\\", name\"}\n");
}

TEST_F(RowOutput, CsvHasOneHeaderAndQuotesWhatNeedsIt) {
  const std::string row = "0.1,1.0,1,b\ninf,-0.0,0,\"a \"\"quoted\"\", name\"\n";
  EXPECT_EQ(csv(contract, {outputs, outputs}, {"score", "label"}), "score[0],score[1],label,class\n" + row + row);
}

TEST_F(RowOutput, ClassIsWrittenOnlyBesideItsOutput) {
  EXPECT_EQ(json(contract, {outputs}, {"score"}), "{\"score\": [0.1, 1.0]}\n{\"score\": [\"inf\", -0.0]}\n");
  EXPECT_EQ(csv(contract, {outputs}, {"label"}), "label,class\n1,b\n0,\"a \"\"quoted\"\", name\"\n");
}

TEST_F(RowOutput, NoSamplesGiveNoLinesButAHeader) {
  const NamedTensors none = {{"score", Tensor(DType::float32, {0, 2})}, {"label", Tensor(DType::int64, {0})}};
  EXPECT_EQ(json(contract, {none}, {"score", "label"}), "");
  EXPECT_EQ(csv(contract, {none}, {"score", "label"}), "score[0],score[1],label,class\n");
}

TEST_F(RowOutput, MoreDimsAreNestedListsAndDoubleIndices) {
  const Contract grids{
      .inputs = contract.inputs, .outputs = {spec("grid", DType::uint8, {"N", 2, 2})}, .symbols = {}, .classes = {}, .state = {}};
  const NamedTensors grid = {{"grid", Tensor::from<std::uint8_t>({1, 2, 2}, {1, 2, 3, 255})}};
  EXPECT_EQ(json(grids, {grid}, {"grid"}), "{\"grid\": [[1, 2], [3, 255]]}\n");
  EXPECT_EQ(csv(grids, {grid}, {"grid"}), "grid[0][0],grid[0][1],grid[1][0],grid[1][1]\n1,2,3,255\n");
}

TEST_F(RowOutput, ColumnOfOneElementNeedsNoIndex) {
  const Contract ones{
      .inputs = contract.inputs, .outputs = {spec("y", DType::boolean, {"N", 1})}, .symbols = {}, .classes = {}, .state = {}};
  const NamedTensors one = {{"y", Tensor::from<bool>({2, 1}, {true, false})}};
  EXPECT_EQ(csv(ones, {one}, {"y"}), "y\ntrue\nfalse\n");
  EXPECT_EQ(json(ones, {one}, {"y"}), "{\"y\": [true]}\n{\"y\": [false]}\n");
}

TEST_F(RowOutput, ContractWithoutABatchIsOneSample) {
  const Contract fixed{.inputs = {spec("x", DType::float32, {2})},
                       .outputs = {spec("y", DType::float64, {2})},
                       .symbols = {},
                       .classes = {},
                       .state = {}};
  EXPECT_EQ(json(fixed, {{{"y", Tensor::from<double>({2}, {0.1, 1e300})}}}, {"y"}), "{\"y\": [0.1, 1e+300]}\n");
}

TEST_F(RowOutput, ClassBeyondTheNamesIsAnError) {
  const NamedTensors wrong = {{"score", Tensor(DType::float32, {1, 2})}, {"label", Tensor::from<std::int64_t>({1}, {2})}};
  const auto failure = failure_of([&] { static_cast<void>(json(contract, {wrong}, {"score", "label"})); });
  EXPECT_EQ(failure.code, 1);
  EXPECT_EQ(failure.text, "label: got class 2, expected 0 to 1; the artifact breaks the contract, export again");
}

}  // namespace
