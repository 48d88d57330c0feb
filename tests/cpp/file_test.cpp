#include "file.hpp"

#include <gtest/gtest.h>

#include <array>

#include "toy_bundle.hpp"

namespace {

using ferry::File;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(File, WritesAndReadsBack) {
  const TemporaryFolder folder;
  File file = File::create(folder.path() / "a");
  file.write(bytes_of("hello"));
  file.write_at(1, bytes_of("E"));
  file.close();
  File opened = File::open(folder.path() / "a");
  std::array<std::byte, 10> buffer{};
  EXPECT_EQ(opened.size(), 5U);
  EXPECT_TRUE(opened.is_regular());
  EXPECT_EQ(opened.read(buffer), 5U);
  EXPECT_EQ(read_file(folder.path() / "a"), "hEllo");
}

TEST(File, AMissingFileIsNamed) {
  const Failure failure = failure_of([] { static_cast<void>(File::open("/nowhere/a")); });
  EXPECT_EQ(failure.code, 6);
  EXPECT_EQ(failure.text,
            "/nowhere/a: got No such file or directory, expected a readable file; check the path and its permissions");
}

TEST(File, AFolderThatIsNotThereIsAnIoError) {
  EXPECT_EQ(failure_of([] { static_cast<void>(File::create("/nowhere/a")); }).code, 6);
}

TEST(File, AFullDiskIsAnIoError) {
  File full = File::create("/dev/full");
  const Failure failure = failure_of([&] { full.write(bytes_of("x")); });
  EXPECT_EQ(failure.code, 6);
  EXPECT_NE(failure.text.find("No space left on device"), std::string::npos);
}

TEST(File, AFolderCannotBeRead) {
  File folder = File::open("/");
  std::array<std::byte, 1> buffer{};
  EXPECT_EQ(failure_of([&] { static_cast<void>(folder.read(buffer)); }).code, 6);
}

}  // namespace
