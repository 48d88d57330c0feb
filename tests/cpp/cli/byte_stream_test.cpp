#include "byte_stream.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "toy_bundle.hpp"

namespace {

using ferry::File;
using ferry::cli::ByteStream;

class ByteStreams : public ::testing::Test {
 protected:
  [[nodiscard]] ByteStream open(std::string_view content) const {
    write_file(folder_.path() / "file", content);
    return ByteStream::open(folder_.path() / "file");
  }

  static std::string read(ByteStream& stream, std::size_t count) {
    std::string text(count, '\0');
    text.resize(stream.read(std::as_writable_bytes(std::span(text))));
    return text;
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(ByteStreams, LookAheadWithoutTaking) {
  auto stream = open("abcdef");
  EXPECT_EQ(stream.peek(3).size(), 3U);
  EXPECT_EQ(stream.peek(100).size(), 6U);
  EXPECT_EQ(read(stream, 4), "abcd");
  EXPECT_EQ(stream.peek(100).size(), 2U);
  EXPECT_EQ(read(stream, 4), "ef");
  EXPECT_EQ(read(stream, 4), "");
}

TEST_F(ByteStreams, MayBeBytesInMemory) {
  ByteStream stream("part", {std::byte{'a'}, std::byte{'b'}, std::byte{'c'}});
  EXPECT_EQ(stream.name(), "part");
  EXPECT_EQ(stream.peek(100).size(), 3U);
  EXPECT_EQ(read(stream, 1), "a");
  EXPECT_EQ(stream.bytes_left(), 2U);
  EXPECT_EQ(stream.read_all(2).size(), 2U);
  EXPECT_EQ(read(stream, 1), "");
}

TEST_F(ByteStreams, GiveLinesOfEveryKind) {
  auto stream = open("one\ntwo\r\n\nlast");
  std::string line;
  for (const auto* expected : {"one", "two", "", "last"}) {
    ASSERT_TRUE(stream.read_line(line, 100));
    EXPECT_EQ(line, expected);
  }
  EXPECT_FALSE(stream.read_line(line, 100));
}

TEST_F(ByteStreams, GiveLinesLongerThanOneRead) {
  const std::string longest(200'000, 'x');
  auto stream = open("short\n" + longest + "\n" + longest);
  std::string line;
  ASSERT_TRUE(stream.read_line(line, longest.size()));
  ASSERT_TRUE(stream.read_line(line, longest.size()));
  EXPECT_EQ(line, longest);
  ASSERT_TRUE(stream.read_line(line, longest.size()));
  EXPECT_EQ(line, longest);
}

TEST_F(ByteStreams, RefuseALineBeyondTheLimit) {
  auto stream = open(std::string(101, 'x'));
  std::string line;
  EXPECT_EQ(failure_of([&] { static_cast<void>(stream.read_line(line, 100)); }).code, 7);
}

TEST_F(ByteStreams, ReadAllUpToTheLimit) {
  auto stream = open("abc");
  EXPECT_EQ(stream.peek(1).size(), 1U);
  EXPECT_EQ(stream.read_all(3).size(), 3U);
  auto longer = open("abcd");
  EXPECT_EQ(failure_of([&] { static_cast<void>(longer.read_all(3)); }).code, 7);
}

TEST_F(ByteStreams, ReadAllOfAPipeUpToTheLimit) {
  for (const std::size_t limit : {4U, 3U}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    ASSERT_EQ(::write(ends[1], "abcd", 4), 4);
    ::close(ends[1]);
    ByteStream stream(File(ends[0], "pipe"));
    EXPECT_EQ(failure_of([&] { static_cast<void>(stream.read_all(limit)); }).code, limit == 4 ? 0 : 7) << limit;
  }
}

TEST_F(ByteStreams, KnowWhatIsLeftOfAFileButNotOfAPipe) {
  auto stream = open("abcdef");
  EXPECT_EQ(stream.bytes_left(), 6U);
  EXPECT_EQ(stream.peek(2).size(), 2U);
  EXPECT_EQ(stream.bytes_left(), 6U);
  EXPECT_EQ(read(stream, 2), "ab");
  EXPECT_EQ(stream.bytes_left(), 4U);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ::close(ends[1]);
  EXPECT_EQ(ByteStream(File(ends[0], "pipe")).bytes_left(), std::nullopt);
}

TEST_F(ByteStreams, WaitForAPipeThatComesInPieces) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  std::thread writer([end = ends[1]] {
    for (const auto* piece : {"on", "e\ntw", "o"}) {
      ASSERT_GT(::write(end, piece, std::string_view(piece).size()), 0);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ::close(end);
  });
  ByteStream stream(File(ends[0], "pipe"));
  std::string line;
  ASSERT_TRUE(stream.read_line(line, 100));
  EXPECT_EQ(line, "one");
  EXPECT_EQ(stream.peek(3).size(), 3U);
  writer.join();
}

TEST(ByteStream, MissingFileIsCode6) {
  EXPECT_EQ(failure_of([] { static_cast<void>(ByteStream::open("/nonexistent/file")); }).code, 6);
}

}  // namespace
