// A bundle as one file and as bytes in memory: the answers are those of its folder.
#include "packed.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <ferry/ferry.hpp>
#include <memory>
#include <span>

#include "archive/zip_archive.hpp"
#include "manifest.hpp"
#include "toy_bundle.hpp"

namespace {

namespace fs = std::filesystem;
using Files = std::vector<std::pair<std::string, std::string>>;

ferry::Bundle from_memory(const std::string& archive) {
  return ferry::Bundle::from_memory(std::as_bytes(std::span(archive)), "phone");
}

Failure memory_failure(const std::string& archive) {
  return failure_of([&] { static_cast<void>(from_memory(archive)); });
}

void expect_same(const ferry::Bundle& bundle, const ferry::Bundle& folder) {
  EXPECT_EQ(bundle.manifest_json(), folder.manifest_json());
  EXPECT_EQ(bundle.ignored(), folder.ignored());
  for (const ferry::FileEntry* file : ferry::listed_files(folder.manifest())) EXPECT_EQ(bundle.read(*file), folder.read(*file));
}

TEST(Packed, OneFileAndBytesInMemoryReadAsTheFolder) {
  const ToyBundle toy;
  const TemporaryFolder other;
  const fs::path file = other.path() / "toy.ferry";
  write_file(toy.folder() / "README.md", "of somebody");
  write_file(file, toy.packed());
  expect_same(ferry::Bundle::open(file), toy.open());
  expect_same(from_memory(toy.packed()), toy.open());
  EXPECT_EQ(ferry::Bundle::open(file).folder(), file);
  EXPECT_EQ(from_memory(toy.packed()).folder(), "phone");
  EXPECT_EQ(from_memory(toy.packed()).ignored(), std::vector<std::string>{"README.md"});
}

TEST(Packed, TheBytesInMemoryAreCopied) {
  const ToyBundle toy;
  std::string archive = toy.packed();
  const ferry::Bundle bundle = from_memory(archive);
  archive.assign(archive.size(), 'x');
  expect_same(bundle, toy.open());
}

TEST(Packed, ASessionOfBytesInMemoryPasses) {
  const ToyBundle toy;
  const ferry::Session session(from_memory(toy.packed()), {.engine = "toy"});
  const ferry::NamedTensors outputs = session.run({{"x", toy_input(3)}});
  EXPECT_EQ(outputs["scaled"].as<float>()[2], 0.0F);
  EXPECT_EQ(outputs["label"].as<std::int64_t>()[1], 1);
}

TEST(Packed, TheNameStandsForTheBytesInMessages) {
  const ToyBundle toy;
  std::string archive = toy.packed();
  archive[archive.find("scale 2")] ^= 1;
  const Failure failure = memory_failure(archive);
  EXPECT_EQ(failure.code, 4);
  EXPECT_TRUE(failure.text.starts_with("phone/model.toy: sha256: got ")) << failure.text;
}

TEST(Packed, EveryCutIsRefusedAsNoArchive) {
  const ToyBundle toy;
  const std::string whole = toy.packed();
  for (std::size_t size = 0; size < whole.size(); ++size) ASSERT_EQ(memory_failure(whole.substr(0, size)).code, 3) << size;
}

TEST(Packed, AnArchiveWithoutAManifestIsNoBundle) {
  EXPECT_EQ(memory_failure(ferry::cli::zip_archive({{"model.toy", "scale 2"}})).code, 3);
  EXPECT_EQ(memory_failure(ferry::cli::zip_archive({})).code, 3);
}

TEST(Packed, EntriesAreHeldToTheManifestAsFilesAre) {
  const ToyBundle toy;
  write_file(toy.folder() / "extra", "x");
  EXPECT_EQ(memory_failure(toy.packed()).text, "phone/extra: got a file that the manifest does not list; remove it");
  fs::remove(toy.folder() / "extra");
  fs::remove(toy.folder() / "model.toy");
  EXPECT_EQ(memory_failure(toy.packed()).text,
            "phone/model.toy: got no such file, expected it as listed in the manifest; copy the bundle whole");
}

TEST(Packed, AListedEntryWithTheNameOfASidecarIsCheckedAsAnyFile) {
  ToyBundle toy;
  fs::rename(toy.folder() / "model.toy", toy.folder() / "LICENSE");
  toy.manifest["artifacts"][0]["files"][0]["path"] = "LICENSE";
  toy.write_manifest();
  EXPECT_EQ(from_memory(toy.packed()).ignored(), std::vector<std::string>{});
  fs::remove(toy.folder() / "LICENSE");
  EXPECT_EQ(memory_failure(toy.packed()).code, 4);
}

TEST(Packed, AFileThatIsNoArchiveIsAnIoError) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "toy.ferry";
  for (const std::string text : {"", "PK", "{}", "PK,1,2"}) {
    write_file(file, text);
    EXPECT_EQ(failure_of([&] { static_cast<void>(ferry::Bundle::open(file)); }).code, 6) << text;
  }
}

TEST(Packed, AFileThatIsCutWhileItIsOpenIsRefusedAndNoCrash) {
  const ToyBundle toy;
  const TemporaryFolder other;
  write_file(other.path() / "toy.ferry", toy.packed());
  const ferry::Bundle bundle = ferry::Bundle::open(other.path() / "toy.ferry");
  fs::resize_file(other.path() / "toy.ferry", 40);
  EXPECT_EQ(failure_of([&] { static_cast<void>(bundle.read(bundle.find_artifact("toy")->files.front())); }).code, 4);
}

TEST(Packed, AFileThatTakesThePathLaterIsNotSeen) {
  const ToyBundle toy;
  const TemporaryFolder other;
  const fs::path file = other.path() / "toy.ferry";
  write_file(file, toy.packed());
  const ferry::Bundle bundle = ferry::Bundle::open(file);
  write_file(other.path() / "new", ToyBundle("scale 3").packed());
  fs::rename(other.path() / "new", file);
  expect_same(bundle, toy.open());
}

}  // namespace
