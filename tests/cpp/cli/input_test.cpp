#include "input.hpp"

#include <gtest/gtest.h>

#include <cstdint>

#include "npy.hpp"
#include "toy_bundle.hpp"
#include "zip_archive.hpp"

namespace {

using ferry::Contract;
using ferry::DType;
using ferry::Shape;
using ferry::Tensor;
using ferry::TensorSpec;
using ferry::cli::InputReader;

const TensorSpec x_spec{.name = "x", .dtype = DType::float32, .shape = {"N", 2}, .range = {}, .unit = {}};
const TensorSpec w_spec{.name = "w", .dtype = DType::float32, .shape = {2}, .range = {}, .unit = {}};
const TensorSpec y_spec{.name = "y", .dtype = DType::int64, .shape = {"N"}, .range = {}, .unit = {}};
const TensorSpec image_spec{.name = "image", .dtype = DType::uint8, .shape = {"N", 2, 3}, .range = {}, .unit = {}};

Contract contract_of(std::vector<TensorSpec> inputs) {
  return {.inputs = std::move(inputs), .outputs = {}, .symbols = {}, .classes = {}, .state = {}};
}

class Inputs : public ::testing::Test {
 protected:
  [[nodiscard]] std::string add(const std::string& name, std::string_view content) const {
    write_file(folder_.path() / name, content);
    return folder_.path() / name;
  }

  [[nodiscard]] std::string add(const std::string& name, const Tensor& tensor) const { return add(name, npy(tensor)); }

  [[nodiscard]] static std::string npy(const Tensor& tensor) {
    const auto bytes = ferry::npy::serialize(tensor);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  static Failure failure(const Contract& contract, const std::vector<std::string>& arguments) {
    return failure_of([&] { static_cast<void>(InputReader(contract, arguments).read(10)); });
  }

 private:
  TemporaryFolder folder_;
};

const Tensor three_pairs = Tensor::from<float>({3, 2}, {1, 2, 3, 4, 5, 6});

TEST_F(Inputs, AreReadInStep) {
  const auto contract = contract_of({x_spec, y_spec});
  InputReader reader(contract, {"y=" + add("y.csv", "7\n8\n9\n"), "x=" + add("x.npy", three_pairs)});
  EXPECT_EQ(reader.total(), 3);
  const auto first = reader.read(2);
  EXPECT_EQ(first["x"].shape(), (Shape{2, 2}));
  EXPECT_EQ(first["y"].as<std::int64_t>()[1], 8);
  EXPECT_FALSE(reader.at_end());
  const auto rest = reader.read(2);
  EXPECT_EQ(rest["x"].as<float>()[1], 6);
  EXPECT_TRUE(reader.at_end());
}

TEST_F(Inputs, OfDifferentLengthsAreRefusedAtOnceWhereTheFilesSayThem) {
  const auto y = add("y.npy", Tensor::from<std::int64_t>({2}, {7, 8}));
  const std::vector<std::string> arguments{"x=" + add("x.npy", three_pairs), "y=" + y};
  EXPECT_EQ(failure_of([&] { InputReader(contract_of({x_spec, y_spec}), arguments); }).code, 7);
}

TEST_F(Inputs, OfDifferentLengthsAreRefused) {
  const auto contract = contract_of({x_spec, y_spec});
  EXPECT_EQ(failure(contract, {"x=" + add("x.npy", three_pairs), "y=" + add("y.csv", "7\n8\n")}).code, 7);
}

TEST_F(Inputs, WithoutABatchAreGivenWholeEachTime) {
  const auto contract = contract_of({x_spec, w_spec});
  InputReader reader(contract, {"x=" + add("x.npy", three_pairs), "w=" + add("w.npy", Tensor::from<float>({2}, {7, 8}))});
  static_cast<void>(reader.read(1));
  EXPECT_EQ(reader.read(1)["w"].as<float>()[1], 8);
}

TEST_F(Inputs, NeedANameWhereThereAreSeveral) {
  const auto contract = contract_of({x_spec, y_spec});
  const auto x = add("x.npy", three_pairs);
  EXPECT_EQ(failure(contract, {x}).code, 2);
  EXPECT_EQ(failure(contract, {"x=" + x}).text, "--input: got no file for y, expected one for each of x, y");
  EXPECT_EQ(failure(contract, {"x=-", "y=-"}).code, 2);
}

TEST_F(Inputs, FileMayHaveAnEqualsSignInItsName) {
  InputReader reader(contract_of({x_spec}), {add("a=b.npy", three_pairs)});
  EXPECT_EQ(reader.read(10)["x"].shape(), (Shape{3, 2}));
}

TEST_F(Inputs, NpyOfAnotherDtypeOrShapeIsRefusedBeforeItsDataIsRead) {
  const auto contract = contract_of({x_spec});
  EXPECT_NE(
      failure(contract, {add("a.npy", Tensor(DType::float64, {3, 2}))}).text.find("got float64[3,2], expected float32[N,2]"),
      std::string::npos);
  EXPECT_EQ(failure(contract, {add("b.npy", Tensor(DType::float32, {3, 3}))}).code, 7);
  EXPECT_EQ(failure(contract, {add("c.npy", Tensor(DType::float32, {2}))}).code, 7);
  EXPECT_EQ(failure(contract, {add("d.npy", Tensor(DType::float32, {3, 1}))}).code, 7);
  EXPECT_NE(failure(contract, {add("e.npy", Tensor(DType::int32, {3, 2}))}).text.find("got int32[3,2]"), std::string::npos);
}

TEST_F(Inputs, NpyThatIsCutShortOrHasTrailingBytesIsRefusedAtOnce) {
  const auto contract = contract_of({x_spec});
  const auto bytes = ferry::npy::serialize(three_pairs);
  const std::string file(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto open = [&](const std::string& path) { return failure_of([&] { InputReader(contract, {path}); }).code; };
  EXPECT_EQ(open(add("ok.npy", file)), 0);
  EXPECT_EQ(open(add("short.npy", file.substr(0, file.size() - 1))), 7);
  EXPECT_EQ(open(add("trailing.npy", file + "x")), 7);
}

TEST_F(Inputs, NpzHoldsEveryInput) {
  const auto y = npy(Tensor::from<std::int64_t>({3}, {7, 8, 9}));
  const auto w = npy(Tensor::from<float>({2}, {1, 2}));
  InputReader reader(contract_of({x_spec, y_spec, w_spec}),
                     {add("in.csv", ferry::cli::zip_archive({{"y.npy", y}, {"w.npy", w}, {"x.npy", npy(three_pairs)}}))});
  EXPECT_EQ(reader.total(), 3);
  EXPECT_EQ(reader.read(2)["x"].as<float>()[3], 4);
  const auto rest = reader.read(2);
  EXPECT_EQ(rest["y"].as<std::int64_t>()[0], 9);
  EXPECT_EQ(rest["w"].as<float>()[1], 2);
  EXPECT_TRUE(reader.at_end());
}

TEST_F(Inputs, NpzHasExactlyTheNamesOfTheContract) {
  const auto contract = contract_of({x_spec, y_spec});
  const auto x = npy(three_pairs);
  const auto path = add("in.npz", ferry::cli::zip_archive({{"x.npy", x}}));
  EXPECT_EQ(failure(contract, {path}).text, path + ": got no entry y.npy, expected x.npy, y.npy; write it with numpy.savez");
  EXPECT_EQ(failure(contract_of({y_spec}), {path}).code, 7);
  EXPECT_EQ(failure(contract_of({y_spec}), {path}).text,
            path + ": entry 'x.npy': got a name that is no input, expected y.npy; write it with numpy.savez");
}

TEST_F(Inputs, NpzHoldsArraysOfTheContract) {
  const auto path = add("in.npz", ferry::cli::zip_archive({{"x.npy", npy(Tensor(DType::float64, {3, 2}))}}));
  EXPECT_EQ(failure(contract_of({x_spec}), {path}).code, 7);
  EXPECT_NE(failure(contract_of({x_spec}), {path}).text.find(path + ": x.npy: x: got float64"), std::string::npos);
}

TEST_F(Inputs, NpzIsGivenAlone) {
  const auto path = add("in.npz", ferry::cli::zip_archive({{"x.npy", npy(three_pairs)}}));
  EXPECT_EQ(failure(contract_of({x_spec}), {path}).code, 0);
  EXPECT_EQ(failure(contract_of({x_spec}), {"x=" + path}).code, 2);
  EXPECT_EQ(failure(contract_of({x_spec}), {path, path}).code, 2);
  EXPECT_EQ(failure(contract_of({image_spec}), {add("a.pgm", "P5 3 2 255\nabcdef"), path}).code, 2);
}

TEST_F(Inputs, SeveralFilesMustBeImages) {
  const auto contract = contract_of({image_spec});
  const auto image = add("a.pgm", "P5 3 2 255\nabcdef");
  InputReader reader(contract, {image, image, image});
  EXPECT_EQ(reader.total(), 3);
  EXPECT_EQ(reader.read(2)["image"].shape(), (Shape{2, 2, 3}));
  EXPECT_EQ(reader.read(2)["image"].as<std::uint8_t>()[5], 'f');
  EXPECT_EQ(failure(contract, {add("a.csv", "1,2,3,4,5,6\n"), image}).code, 2);
  EXPECT_EQ(failure(contract, {image, add("a.csv", "1,2,3,4,5,6\n")}).code, 7);
}

TEST_F(Inputs, ImageForAnotherContractIsRefused) {
  EXPECT_EQ(failure(contract_of({x_spec}), {add("a.pgm", "P5 3 2 255\nabcdef")}).code, 7);
}

TEST_F(Inputs, MissingFileIsCode6) { EXPECT_EQ(failure(contract_of({x_spec}), {"/nonexistent"}).code, 6); }

}  // namespace
