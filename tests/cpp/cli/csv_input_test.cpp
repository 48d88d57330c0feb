#include "csv_input.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "toy_bundle.hpp"

namespace {

using ferry::DType;
using ferry::Shape;
using ferry::Tensor;
using ferry::TensorSpec;
using ferry::cli::ByteStream;
using ferry::cli::SampleReader;

const TensorSpec pair_spec{.name = "x", .dtype = DType::float32, .shape = {"N", 2}, .range = {}, .unit = {}};

class CsvInput : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<SampleReader> open(std::string_view content, const TensorSpec& spec = pair_spec,
                                                   const ferry::cli::TableOptions& options = {}) const {
    write_file(folder_.path() / "in.csv", content);
    return ferry::cli::open_csv(std::span(&spec, 1), ByteStream::open(folder_.path() / "in.csv"), options);
  }

  [[nodiscard]] static Tensor read(SampleReader& reader, std::int64_t count) { return reader.read(count).front(); }

  [[nodiscard]] std::vector<float> values(std::string_view content, const ferry::cli::TableOptions& options = {}) const {
    const auto tensor = read(*open(content, pair_spec, options), 1000);
    const auto elements = tensor.as<float>();
    return {elements.begin(), elements.end()};
  }

  [[nodiscard]] std::string error(std::string_view content) const {
    const auto failure = failure_of([&] { static_cast<void>(read(*open(content), 1000)); });
    EXPECT_EQ(failure.code, 7) << content;
    const auto colon = failure.text.find(": ");
    return failure.text.substr(std::min(failure.text.size(), colon + 2));
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(CsvInput, ReadsRowsWithAndWithoutAHeader) {
  const std::vector<float> expected = {1, 2, 3, 4.5F};
  EXPECT_EQ(values("1,2\n3,4.5\n"), expected);
  EXPECT_EQ(values("a,b\n1,2\n3,4.5"), expected);
  EXPECT_EQ(values("\xEF\xBB\xBF\"a\",\"b\"\r\n\r\n 1 , 2\r\n   \r\n\"3\",4.5\r\n"), expected);
  EXPECT_EQ(values("\n\na,b\n1,2\n3,4.5"), expected);
}

TEST_F(CsvInput, TakesALineWithOneNumberForData) {
  EXPECT_EQ(error("a,2\n1,2\n"),
            "line 1, column 1: got 'a', expected a number; correct the file, or add --header yes if this line names the columns");
  EXPECT_EQ(error("nan,b\n"),
            "line 1, column 1: got 'nan' (a missing value), expected a finite float32; fill it in or leave the row out");
}

TEST_F(CsvInput, NamesLineAndColumnOfABadCell) {
  EXPECT_EQ(error("a,b\n\n1,2\n3,x\n"), "line 4, column 2: got 'x', expected a number; correct the file");
  EXPECT_EQ(error("1,2\n3,\n"),
            "line 2, column 2: got nothing (a missing value), expected a number; fill it in or leave the row out");
}

TEST_F(CsvInput, NamesTheLineOfAWrongNumberOfCells) {
  EXPECT_EQ(error("1,2\n3\n"), "line 2: got 1 cells, expected 2 for x float32[N,2]; correct the file");
  EXPECT_EQ(error("1,2,\n"), "line 1: got 3 cells, expected 2 for x float32[N,2]; correct the file");
}

TEST_F(CsvInput, SecondHeaderIsBadData) {
  EXPECT_EQ(error("a,b\nc,d\n"), "line 2, column 1: got 'c', expected a number; correct the file");
}

TEST_F(CsvInput, RefusesWhatIsNoText) {
  using namespace std::string_literals;
  EXPECT_EQ(error("GIF89a\0\1"s),
            "line 1: got bytes that are no text, expected .npy, CSV in UTF-8, WAV, PNG, JPEG, BMP, PGM or PPM; correct the file");
  EXPECT_EQ(error("a,b\n1,2\n\xFF,1\n"),
            "line 3: got bytes that are no text, expected .npy, CSV in UTF-8, WAV, PNG, JPEG, BMP, PGM or PPM; correct the file");
}

TEST_F(CsvInput, GivesSomeSamplesAtATime) {
  const auto reader = open("1,2\n3,4\n5,6\n");
  EXPECT_EQ(reader->total(), std::nullopt);
  EXPECT_EQ(read(*reader, 2).shape(), (Shape{2, 2}));
  const auto rest = read(*reader, 2);
  EXPECT_EQ(rest.shape(), (Shape{1, 2}));
  EXPECT_EQ(rest.as<float>()[1], 6);
  EXPECT_EQ(read(*reader, 2).shape(), (Shape{0, 2}));
}

TEST_F(CsvInput, IsEmptyWithoutRows) {
  EXPECT_EQ(read(*open(""), 5).shape(), (Shape{0, 2}));
  EXPECT_EQ(read(*open("a,b\n"), 5).shape(), (Shape{0, 2}));
}

TEST_F(CsvInput, FillsSamplesInCOrder) {
  const TensorSpec grid{.name = "x", .dtype = DType::uint8, .shape = {"N", 2, 3}, .range = {}, .unit = {}};
  const auto tensor = read(*open("1,2,3,4,5,6\n", grid), 5);
  EXPECT_EQ(tensor.shape(), (Shape{1, 2, 3}));
  EXPECT_EQ(tensor.as<std::uint8_t>()[4], 5);
}

TEST_F(CsvInput, CutsLinesAtTheirDelimiter) {
  const std::vector<float> expected = {1, 2, 3, 4.5F};
  EXPECT_EQ(values("1;2\n3;4.5\n"), expected);
  EXPECT_EQ(values("1\t2\n3\t4.5\n"), expected);
  EXPECT_EQ(values("  1 2\n3 \t 4.5 \n"), expected);
  EXPECT_EQ(values("# a b\n1 2\n3 4.5\n"), expected);
}

TEST_F(CsvInput, FindsColumnsByName) {
  const std::vector<float> expected = {1, 2, 3, 4.5F};
  EXPECT_EQ(values("x[1];x[0]\n2;1\n4.5;3\n"), expected);
  const ferry::cli::TableOptions ignore{.delimiter = {}, .ignore_columns = true, .id = {}};
  EXPECT_EQ(values("x[1],n,x[0]\n2,?,1\n4.5,?,3\n", ignore), expected);
  EXPECT_EQ(values(",0,1\n7,1,2\n8,3,4.5\n", ignore), expected);
}

TEST_F(CsvInput, CarriesTheIdentityOfEachSample) {
  const ferry::cli::TableOptions options{.delimiter = {}, .id = "n"};
  const auto reader = open("x[1],n,x[0]\n2,\"a, b\",1\n4.5,\"\"\"\",3\n", pair_spec, options);
  EXPECT_EQ(read(*reader, 5).shape(), (Shape{2, 2}));
  EXPECT_EQ(reader->ids(), (std::vector<std::string>{"a, b", "\""}));
  EXPECT_EQ(reader->how(), "line 1 names the columns");
}

TEST_F(CsvInput, TakesCountingColumnsForAHeaderOnlyWhereTheRowsShowIt) {
  const std::vector<float> expected = {3, 4.5F};
  EXPECT_EQ(values("0,1\n3.0,4.5\n"), expected);
  EXPECT_EQ(error("0,1\n3,4.5\n").substr(0, 56), "line 1: got 0,1, which is a sample or a header that coun");
  EXPECT_EQ(error("0,1\n3.5,4.5\n").substr(0, 15), "line 1: got 0,1");
}

TEST_F(CsvInput, TakesOneCellForAScalarSample) {
  const TensorSpec scalar{.name = "x", .dtype = DType::int64, .shape = {"N"}, .range = {}, .unit = {}};
  EXPECT_EQ(read(*open("7\n8\n", scalar), 5).as<std::int64_t>()[1], 8);
}

TEST_F(CsvInput, RefusesShapesThatARowDoesNotSay) {
  const TensorSpec free{.name = "x", .dtype = DType::float32, .shape = {"N", "T"}, .range = {}, .unit = {}};
  const TensorSpec fixed{.name = "x", .dtype = DType::float32, .shape = {2}, .range = {}, .unit = {}};
  EXPECT_EQ(failure_of([&] { static_cast<void>(open("1,2\n", free)); }).code, 7);
  EXPECT_EQ(failure_of([&] { static_cast<void>(open("1,2\n", fixed)); }).code, 7);
}

}  // namespace
