#include "npy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>

#include "limits.hpp"
#include "toy_bundle.hpp"

namespace {

using ferry::DType;
using ferry::File;
using ferry::Shape;
using ferry::Tensor;
namespace npy = ferry::npy;

const npy::Origin origin{"a.npy", ferry::ErrorCode::bad_input};

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string text_of(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// A file with that dict, padded with spaces as NumPy does.
std::string file_with(std::string dict, std::string_view data = {}, char version = 1) {
  dict.resize((dict.size() + 1 + 10 + 63) / 64 * 64 - 11, ' ');
  dict += '\n';
  std::string file =
      std::string(npy::magic) + version + '\0' + static_cast<char>(dict.size() & 0xFFU) + static_cast<char>(dict.size() >> 8U);
  if (version == 2) file += std::string(2, '\0');
  return file + dict + std::string(data);
}

std::string dict_with(std::string_view descr, std::string_view order, std::string_view shape) {
  return "{'descr': " + std::string(descr) + ", 'fortran_order': " + std::string(order) + ", 'shape': " + std::string(shape) +
         ", }";
}

Failure parse_failure(const std::string& file) {
  return failure_of([&] { static_cast<void>(npy::parse(bytes_of(file), origin)); });
}

npy::Source source_of(const std::string& file) {
  return [&file, at = std::size_t{0}](std::span<std::byte> buffer) mutable {
    const std::size_t count = std::min(buffer.size(), file.size() - at);
    std::copy_n(bytes_of(file).begin() + static_cast<std::ptrdiff_t>(at), count, buffer.begin());
    at += count;
    return count;
  };
}

// What numpy 2.4 writes for numpy.arange(6, dtype='<f4').reshape(2, 3).
std::string numpy_file() {
  std::string file("\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 69);
  file += std::string(58, ' ') + '\n';
  return file + std::string("\0\0\0\0\0\0\x80?\0\0\0@\0\0@@\0\0\x80@\0\0\xa0@", 24);
}

TEST(Npy, ReadsWhatNumpyWrites) {
  const Tensor tensor = npy::parse(bytes_of(numpy_file()), origin);
  EXPECT_EQ(tensor.dtype(), DType::float32);
  EXPECT_EQ(tensor.shape(), (Shape{2, 3}));
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(tensor.as<float>()[i], static_cast<float>(i));
}

TEST(Npy, WritesWhatNumpyWrites) {
  const Tensor tensor = Tensor::from<float>({2, 3}, {0, 1, 2, 3, 4, 5});
  EXPECT_EQ(text_of(npy::serialize(tensor)), numpy_file());
}

TEST(Npy, EveryDtypeAndRankReadsBack) {
  for (std::int32_t dtype = 0; dtype < 8; ++dtype) {
    for (std::size_t rank = 0; rank <= ferry::limits::max_rank; ++rank) {
      Tensor tensor(static_cast<DType>(dtype), Shape(rank, 2));
      for (std::size_t i = 0; i < tensor.bytes().size(); ++i) tensor.bytes()[i] = static_cast<std::byte>(i % 2);
      const std::vector<std::byte> file = npy::serialize(tensor);
      const Tensor back = npy::parse(file, origin);
      EXPECT_EQ(back.dtype(), tensor.dtype());
      EXPECT_EQ(back.shape(), tensor.shape());
      EXPECT_EQ(text_of(back.bytes()), text_of(tensor.bytes()));
    }
  }
}

TEST(Npy, Version2IsRead) {
  EXPECT_EQ(npy::parse(bytes_of(file_with(dict_with("'|u1'", "False", "(1,)"), "x", 2)), origin).size(), 1U);
}

TEST(Npy, KeysMayComeInAnyOrderAndQuotes) {
  const std::string file = file_with("{\"shape\":(2,),\"descr\":\"|u1\",\"fortran_order\":False}", "ab");
  EXPECT_EQ(npy::parse(bytes_of(file), origin).shape(), (Shape{2}));
}

TEST(Npy, ShortDataAndTrailingBytesAreRefused) {
  const std::string dict = dict_with("'<i2'", "False", "(2,)");
  EXPECT_EQ(parse_failure(file_with(dict, "abc")).text,
            "a.npy: data: got 3 bytes, expected 4 for shape [2]; the file is cut short");
  EXPECT_EQ(parse_failure(file_with(dict, "abcde")).text,
            "a.npy: data: got 5 bytes, expected 4 for shape [2]; there are trailing bytes");
}

TEST(Npy, EveryTruncationIsRefused) {
  const std::string file = numpy_file();
  for (std::size_t size = 0; size < file.size(); ++size) EXPECT_EQ(parse_failure(file.substr(0, size)).code, 7) << size;
}

TEST(Npy, TheOriginDecidesTheCode) {
  const npy::Origin bundle{"golden.npy", ferry::ErrorCode::format};
  EXPECT_EQ(failure_of([&] { static_cast<void>(npy::parse({}, bundle)); }).code, 3);
}

struct BadHeader {
  const char* dict;
  const char* reason;
};
void PrintTo(const BadHeader& bad, std::ostream* out) { *out << bad.dict; }
constexpr auto no_dict = "expected a dict of descr, fortran_order and shape (a tuple of whole numbers)";

class BadHeaders : public testing::TestWithParam<BadHeader> {};

TEST_P(BadHeaders, AreRefusedWithTheirReason) {
  const Failure failure = parse_failure(file_with(GetParam().dict, "12345678"));
  EXPECT_EQ(failure.code, 7);
  EXPECT_NE(failure.text.find(GetParam().reason), std::string::npos) << failure.text;
}

INSTANTIATE_TEST_SUITE_P(
    Npy, BadHeaders,
    testing::Values(
        BadHeader{"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "got objects (a pickle)"},
        BadHeader{"{'descr': '>f8', 'fortran_order': False, 'shape': (1,), }", "got dtype '>f8'"},
        BadHeader{"{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "got dtype '<c8'"},
        BadHeader{"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", no_dict},
        BadHeader{"{'descr': '<f4', 'fortran_order': True, 'shape': (1, 2), }", "got Fortran order"},
        BadHeader{"{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", "got Fortran order"},
        BadHeader{"{'descr': '<f4', 'fortran_order': True, 'shape': (), }", "got Fortran order"},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808, 0), }", "expected one below 2^63"},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 0), }", "expected a size that fits"},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904), }", "expected a size that fits"},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (02,), }", no_dict},
        BadHeader{"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", no_dict},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", no_dict},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (2.0,), }", no_dict},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (2), }", no_dict},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,2), }", "rank above 8"},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "expected one below 2^63"},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", "expected a size that fits"},
        BadHeader{"{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807,), }", "expected a size that fits"},
        BadHeader{"{'descr': '<f4', 'fortran_order': False}", no_dict},
        BadHeader{"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", no_dict},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}", no_dict},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} import os", no_dict},
        BadHeader{"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", no_dict}, BadHeader{"", no_dict}));

TEST(Npy, AHeaderBeyondTheCapIsRefusedUnread) {
  std::string file = numpy_file();
  file[8] = '\x11';
  file[9] = '\x27';  // 10,001
  EXPECT_NE(parse_failure(file).text.find("got 10001 bytes, expected at most 10000"), std::string::npos);
}

TEST(Npy, OtherVersionsAreRefused) {
  std::string file = numpy_file();
  file[6] = 3;
  EXPECT_NE(parse_failure(file).text.find("got version 3.0, expected 1.0 or 2.0"), std::string::npos);
  file[6] = 1;
  file[7] = 1;
  EXPECT_NE(parse_failure(file).text.find("got version 1.1, expected 1.0 or 2.0"), std::string::npos);
}

TEST(NpyReader, GivesRowsInPieces) {
  const std::string file = numpy_file();
  npy::Reader reader(source_of(file), origin);
  ASSERT_EQ(reader.rows(), 2);
  EXPECT_EQ(reader.read(1).as<float>()[2], 2.0F);
  EXPECT_EQ(reader.read(5).as<float>()[0], 3.0F);
  EXPECT_EQ(reader.rows_left(), 0);
  EXPECT_EQ(reader.read(1).shape(), (Shape{0, 3}));
}

TEST(NpyReader, BytesAfterTheLastRowAreRefused) {
  const std::string file = numpy_file() + "x";
  npy::Reader reader(source_of(file), origin);
  static_cast<void>(reader.read(1));
  EXPECT_NE(failure_of([&] { static_cast<void>(reader.read(1)); }).text.find("got bytes after the last row"), std::string::npos);
}

TEST(NpyReader, BytesAfterAnEmptyArrayAreRefused) {
  const std::string file = file_with(dict_with("'<f4'", "False", "(0, 3)"), "x");
  EXPECT_EQ(failure_of([&] { const npy::Reader reader(source_of(file), origin); }).code, 7);
}

TEST(NpyReader, AHugePromiseWithLittleDataFailsWithoutTheMemory) {
  const std::string file = file_with(dict_with("'<f8'", "False", "(1, 100000000000000)"), std::string(100, 'x'));
  npy::Reader reader(source_of(file), origin);
  const Failure failure = failure_of([&] { static_cast<void>(reader.read(1)); });
  EXPECT_EQ(failure.text,
            "a.npy: data: got 100 bytes, expected 800000000000000 for shape [1,100000000000000]; the file is cut short");
}

TEST(NpyReader, AnArrayWithoutRowsIsRefused) {
  const std::string file = file_with(dict_with("'|u1'", "False", "()"), "x");
  npy::Reader reader(source_of(file), origin);
  EXPECT_EQ(reader.rows(), 0);
  EXPECT_NE(failure_of([&] { static_cast<void>(reader.read(1)); }).text.find("shape: got []"), std::string::npos);
}

TEST(NpyWriter, TheRowCountIsWrittenAtTheEnd) {
  const TemporaryFolder folder;
  File file = File::create(folder.path() / "a.npy");
  npy::Writer writer(file, DType::int32, {2});
  for (std::int32_t i = 0; i < 5; ++i) writer.write(Tensor::from<std::int32_t>({1, 2}, {i, -i}));
  writer.finish();
  const Tensor back = npy::parse(bytes_of(read_file(folder.path() / "a.npy")), origin);
  EXPECT_EQ(back.shape(), (Shape{5, 2}));
  EXPECT_EQ(back.as<std::int32_t>()[9], -4);
}

TEST(NpyWriter, NoRowsAtAllAreAValidFile) {
  const TemporaryFolder folder;
  File file = File::create(folder.path() / "a.npy");
  npy::Writer writer(file, DType::int32, {2});
  writer.finish();
  EXPECT_EQ(npy::parse(bytes_of(read_file(folder.path() / "a.npy")), origin).shape(), (Shape{0, 2}));
}

TEST(NpyWriter, AKnownRowCountNeedsNoSecondWrite) {
  const TemporaryFolder folder;
  File file = File::create(folder.path() / "a.npy");
  npy::Writer writer(file, DType::uint8, {}, 2);
  writer.write(Tensor::from<std::uint8_t>({2}, {1, 2}));
  writer.finish();
  EXPECT_EQ(npy::parse(bytes_of(read_file(folder.path() / "a.npy")), origin).shape(), (Shape{2}));
}

// NumPy 1.26 and 2 write these sizes: room for 21 digits of the count, and 64 bytes more where the header is aligned already.
TEST(NpyHeader, IsAsLongAsNumPyMakesIt) {
  for (const std::int64_t count : {0LL, 9LL, 1'000'000'000'000'000LL})
    EXPECT_EQ(npy::header_bytes({DType::float32, {count, 10'000'000'000, 100'000'000'000, 100'000'000'000}}).size(), 192U)
        << count;
  EXPECT_EQ(npy::header_bytes({DType::float32, {7}}).size(), 128U);
}

TEST(NpyWriter, ABrokenPromiseIsAnError) {
  const TemporaryFolder folder;
  File file = File::create(folder.path() / "a.npy");
  npy::Writer writer(file, DType::uint8, {}, 3);
  writer.write(Tensor::from<std::uint8_t>({2}, {1, 2}));
  EXPECT_EQ(failure_of([&] { writer.finish(); }).code, 9);
  EXPECT_EQ(failure_of([&] { writer.write(Tensor(DType::int8, {1})); }).code, 9);
}

}  // namespace
