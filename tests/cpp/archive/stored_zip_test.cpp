#include "stored_zip.hpp"

#include <gtest/gtest.h>

#include <cstdint>

#include "zip_archive.hpp"

namespace {

using ferry::archive::ZipError;
using Files = std::vector<std::pair<std::string, std::string>>;

const Files two{{"a.npy", "first"}, {"b.npy", "the second"}};
const std::string honest = ferry::cli::zip_archive(two);
constexpr std::size_t local_size = 30;
constexpr std::size_t end_size = 22;

// The contents as text.
Files read(const std::string& archive) {
  Files files;
  for (const auto& [name, content] : ferry::archive::read_entries(std::as_bytes(std::span(archive))))
    files.emplace_back(name, std::string(reinterpret_cast<const char*>(content.data()), content.size()));
  return files;
}

std::string refusal(const std::string& archive) {
  try {
    static_cast<void>(read(archive));
  } catch (const ZipError& error) {
    return error.what();
  }
  return "";
}

// The archive with other bytes at `at`.
std::string changed(std::size_t at, const std::string& bytes) { return std::string(honest).replace(at, bytes.size(), bytes); }

// Where the directory's entry of that name begins.
std::size_t listed(const std::string& name) { return honest.rfind(name) - 46; }

TEST(StoredZip, GivesEachContentByItsName) {
  EXPECT_EQ(read(honest), two);
  EXPECT_EQ(read(ferry::cli::zip_archive({two[1], two[0]})), two);
}

TEST(StoredZip, IsToldByItsFirstBytes) {
  const auto is_zip = [](std::string_view head) { return ferry::archive::is_zip(std::as_bytes(std::span(head))); };
  EXPECT_TRUE(is_zip(honest));
  EXPECT_TRUE(is_zip(ferry::cli::zip_archive({})));
  EXPECT_FALSE(is_zip("PK\x03"));
  EXPECT_FALSE(is_zip("PK,1,2"));
}

TEST(StoredZip, MayHaveItsNumbersIn64Bits) {
  using ferry::cli::little_endian;
  const auto start = honest.size() - end_size - (2 * (46 + 5));
  const auto ends = "PK\x06\x06" + little_endian(44, 8) + little_endian(0, 12) + little_endian(2, 8) + little_endian(2, 8) +
                    little_endian(2 * (46 + 5), 8) + little_endian(start, 8) + "PK\x06\x07" + little_endian(0, 4) +
                    little_endian(honest.size() - end_size, 8) + little_endian(1, 4);
  auto archive = honest;
  archive.insert(honest.size() - end_size, ends);
  EXPECT_EQ(read(archive), two);
  archive[honest.size() - end_size + 48] ^= 1;  // the directory's start
  EXPECT_NE(refusal(archive).find("64-bit record"), std::string::npos);
}

TEST(StoredZip, ThatIsCutShortAnywhereIsRefused) {
  for (std::size_t size = 0; size < honest.size(); ++size) EXPECT_NE(refusal(honest.substr(0, size)), "") << size;
}

TEST(StoredZip, HasNoByteInFrontBetweenAndBehind) {
  EXPECT_NE(refusal("x" + honest), "");
  EXPECT_NE(refusal(honest + "x"), "");
  auto behind = honest;
  behind.insert(behind.size() - end_size, "x");  // of the directory
  EXPECT_NE(refusal(behind).find("where the end record begins"), std::string::npos);
  auto shifted = honest;
  shifted.insert(shifted.size() - end_size - (2 * (46 + 5)), "x");
  shifted[shifted.size() - 6] += 1;  // the directory's start
  EXPECT_NE(refusal(shifted).find("got 1 bytes in front of it"), std::string::npos);
}

TEST(StoredZip, EntryThatIsPackedOrEncryptedIsRefused) {
  EXPECT_NE(refusal(changed(listed("b.npy") + 10, "\x08")).find("entry 'b.npy': got a compressed entry (method 8)"),
            std::string::npos);
  EXPECT_NE(refusal(changed(listed("b.npy") + 8, "\x01")).find("encrypted"), std::string::npos);
}

TEST(StoredZip, LinkFolderOrDeviceIsRefusedWhereEntriesBecomeFiles) {
  const auto with_mode = [](std::uint32_t mode) {
    return changed(listed("a.npy") + 38, ferry::cli::little_endian(mode << 16U, 4));
  };
  const auto count = [](const std::string& archive, const ferry::archive::Rules& rules) {
    return ferry::archive::read_members(std::as_bytes(std::span(archive)), rules).size();
  };
  const ferry::archive::Rules files{.only_regular = true};
  for (const std::uint32_t mode : {0120777U, 0040755U, 0020666U}) {
    EXPECT_THROW(count(with_mode(mode), files), ZipError) << mode;
    EXPECT_EQ(count(with_mode(mode), {}), two.size());
  }
  EXPECT_EQ(count(with_mode(0100644U), files), two.size());
}

TEST(StoredZip, BytesWithAnotherChecksumAreRefused) {
  const auto at = honest.find("the second");
  for (std::size_t i = 0; i < two[1].second.size(); ++i)
    EXPECT_NE(refusal(changed(at + i, "#")).find("CRC-32"), std::string::npos) << i;
}

TEST(StoredZip, HeaderMustSayWhatTheDirectorySays) {
  EXPECT_NE(refusal(changed(local_size, "c.npy")).find("header"), std::string::npos);
  EXPECT_NE(refusal(changed(8, "\x08")).find("header"), std::string::npos);
  EXPECT_NE(refusal(changed(22, "\x01")).find("header"), std::string::npos);
  const auto six = ferry::cli::little_endian(6, 4);
  EXPECT_NE(refusal(changed(listed("a.npy") + 20, six + six)).find("header"), std::string::npos);
}

TEST(StoredZip, ClaimBeyondTheFileIsRefused) {
  const std::string large(4, '\xFE');
  EXPECT_NE(refusal(changed(listed("b.npy") + 42, large)).find("offset"), std::string::npos);
  EXPECT_NE(refusal(changed(honest.size() - 10, large)).find("directory"), std::string::npos);
  auto archive = changed(listed("a.npy") + 20, large + large);
  EXPECT_NE(refusal(archive.replace(18, 8, large + large)).find("got a size of 4278124286 bytes"), std::string::npos);
}

TEST(StoredZip, NameTwiceIsRefused) {
  EXPECT_NE(refusal(ferry::cli::zip_archive({two[0], two[0]})).find("twice"), std::string::npos);
}

TEST(StoredZip, HasOneEntryTo500) {
  EXPECT_NE(refusal(ferry::cli::zip_archive({})).find("got 0 entries"), std::string::npos);
  EXPECT_NE(refusal(ferry::cli::zip_archive(Files(501))).find("got 501 entries"), std::string::npos);
}

}  // namespace
