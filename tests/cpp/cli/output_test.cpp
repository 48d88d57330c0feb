#include "output.hpp"

#include <gtest/gtest.h>

#include "toy_bundle.hpp"

namespace {

using ferry::Contract;
using ferry::DType;
using ferry::NamedTensors;
using ferry::Tensor;
using ferry::TensorSpec;
using ferry::cli::OutputFormat;
using ferry::cli::OutputRequest;

TensorSpec spec(std::string name, std::vector<ferry::Dim> shape) {
  return {.name = std::move(name), .dtype = DType::float32, .shape = std::move(shape), .range = {}, .unit = {}};
}

const Contract contract{
    .inputs = {spec("x", {"N"})}, .outputs = {spec("a", {"N"}), spec("b", {"N"})}, .symbols = {}, .classes = {}, .state = {}};
const NamedTensors outputs = {{"a", Tensor::from<float>({1}, {1})}, {"b", Tensor::from<float>({1}, {2})}};

OutputRequest request(std::string path, std::string format = {}, std::string select = {}) {
  return {.path = std::move(path),
          .format = std::move(format),
          .select = std::move(select),
          .total = {},
          .id = {},
          .top = {},
          .files = {}};
}

Failure check(const OutputRequest& wanted, const Contract& of = contract) {
  return failure_of([&] { ferry::cli::check_output_request(wanted, of); });
}

TEST(OutputFormats, FollowTheEndingUnlessTold) {
  EXPECT_EQ(choose_format(request("a.jsonl")), OutputFormat::jsonl);
  EXPECT_EQ(choose_format(request("a.b.csv")), OutputFormat::csv);
  EXPECT_EQ(choose_format(request("a.npy")), OutputFormat::npy);
  EXPECT_EQ(choose_format(request("a.npy", "csv")), OutputFormat::csv);
  EXPECT_EQ(choose_format(request("-")), OutputFormat::jsonl);
  EXPECT_EQ(choose_format(request("/dev/full")), OutputFormat::jsonl);
  EXPECT_EQ(failure_of([] { static_cast<void>(choose_format(request("a.txt"))); }).code, 2);
  EXPECT_EQ(failure_of([] { static_cast<void>(choose_format(request("a"))); }).code, 2);
}

TEST(OutputRequests, AreRefusedWhereTheContractCannotMeetThem) {
  EXPECT_EQ(check(request("-")).code, 0);
  EXPECT_EQ(check(request("-", "npy", "a")).code, 0);
  EXPECT_EQ(check(request("-", "npy")).code, 2);
  EXPECT_EQ(check(request("/dev/full", "npy")).code, 2);
  EXPECT_EQ(check(request("-", "jsonl", "c")).text, "--select: got 'c', expected one of a, b");
}

TEST(OutputRequests, OutputWithoutABatchCannotBeCutIntoSamples) {
  const Contract mixed{
      .inputs = {spec("x", {"N"})}, .outputs = {spec("a", {"N"}), spec("mean", {})}, .symbols = {}, .classes = {}, .state = {}};
  EXPECT_EQ(check(request("-"), mixed).code, 2);
  EXPECT_EQ(check(request("-", "", "a"), mixed).code, 0);
}

TEST(Outputs, SeveralNpyFilesHaveTheOutputsNames) {
  const TemporaryFolder folder;
  const auto writer = open_output(request(folder.path() / "out.npy"), contract);
  writer->write(outputs, {});
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "out.a.npy"));
  writer->finish();
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "out.a.npy"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "out.b.npy"));
}

TEST(Outputs, SelectedNpyFileHasTheNameItself) {
  const TemporaryFolder folder;
  const auto writer = open_output(request(folder.path() / "out.npy", "", "b"), contract);
  writer->write(outputs, {});
  writer->finish();
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "out.npy"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
