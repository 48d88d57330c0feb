#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <ferry/ferry.hpp>
#include <thread>

#include "limits.hpp"
#include "manifest.hpp"
#include "toy_bundle.hpp"

namespace {

namespace fs = std::filesystem;

Failure open_failure(const fs::path& folder) {
  return failure_of([&] { static_cast<void>(ferry::Bundle::open(folder)); });
}

TEST(Bundle, AValidOneOpens) {
  const ToyBundle toy;
  const ferry::Bundle bundle = toy.open();
  EXPECT_EQ(bundle.folder(), toy.folder());
  EXPECT_EQ(bundle.manifest_json(), read_file(toy.folder() / "manifest.json"));
  ASSERT_NE(bundle.find_artifact("toy"), nullptr);
  EXPECT_EQ(bundle.find_artifact("torchscript"), nullptr);
  EXPECT_EQ(bundle.read_tensors(bundle.manifest().golden.cases[1].inputs)["x"].shape(), (ferry::Shape{1, 3}));
}

TEST(Bundle, ANativeFileMayBeMissingAndSaysSo) {
  ToyBundle toy;
  fs::create_directories(toy.folder() / "native/x");
  toy.manifest["artifacts"][0]["files"].push_back(toy.add_file("native/x/model.so", "machine code"));
  toy.write_manifest();
  const auto last_file = [](const ferry::Bundle& bundle) { return bundle.find_artifact("toy")->files.back(); };
  const ferry::Bundle whole = toy.open();
  EXPECT_TRUE(whole.has(last_file(whole)));
  fs::remove_all(toy.folder() / "native");
  const ferry::Bundle light = toy.open();
  EXPECT_FALSE(light.has(last_file(light)));
  EXPECT_TRUE(light.has(light.find_artifact("toy")->files.front()));
}

TEST(Bundle, ALinkToTheFolderItselfIsFollowed) {
  const ToyBundle toy;
  const TemporaryFolder other;
  fs::create_directory_symlink(toy.folder(), other.path() / "link");
  EXPECT_EQ(open_failure(other.path() / "link").code, 0);
}

TEST(Bundle, AMissingFolderOrAFileIsAnIoError) {
  const TemporaryFolder folder;
  write_file(folder.path() / "file", "");
  EXPECT_EQ(open_failure(folder.path() / "nothing").code, 6);
  EXPECT_EQ(open_failure(folder.path() / "file").code, 6);
  EXPECT_EQ(open_failure("").code, 6);
}

TEST(Bundle, AnEmptyFolderHasNoManifest) {
  const TemporaryFolder folder;
  const Failure failure = open_failure(folder.path());
  EXPECT_EQ(failure.code, 3);
  EXPECT_EQ(failure.text, (folder.path() / "manifest.json").native() +
                              ": got no such file, expected the bundle's manifest; export the bundle again");
}

TEST(Bundle, AManifestOfOneMebibyteIsReadAndALargerOneRefused) {
  const ToyBundle toy;
  const fs::path path = toy.folder() / "manifest.json";
  std::string text = read_file(path);
  text.resize(ferry::limits::max_manifest_bytes, ' ');
  write_file(path, text);
  EXPECT_EQ(open_failure(toy.folder()).code, 0);
  write_file(path, text + " ");
  EXPECT_EQ(open_failure(toy.folder()).code, 3);
}

TEST(Bundle, AHugeManifestIsRefusedUnread) {
  const ToyBundle toy;
  fs::resize_file(toy.folder() / "manifest.json", std::uintmax_t{1} << 40U);  // sparse
  EXPECT_EQ(open_failure(toy.folder()).code, 3);
}

// Makes something that is no regular file at `path`.
enum class Special { link, link_to_nowhere, pipe, socket, folder };
void make_special(const fs::path& path, Special kind) {
  fs::remove(path);
  sockaddr_un address{};
  switch (kind) {
    case Special::link:
      return fs::create_symlink("/etc/hostname", path);
    case Special::link_to_nowhere:
      return fs::create_symlink("/nowhere", path);
    case Special::pipe:
      ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
      return;
    case Special::socket: {
      const int descriptor = ::socket(AF_UNIX, SOCK_STREAM, 0);
      address.sun_family = AF_UNIX;
      path.native().copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
      ASSERT_EQ(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
      ::close(descriptor);
      return;
    }
    case Special::folder:
      fs::create_directory(path);
  }
}

class SpecialFiles : public testing::TestWithParam<Special> {};
std::string name_of(const testing::TestParamInfo<Special>& info) {
  constexpr std::array names{"ALink", "ALinkToNowhere", "APipe", "ASocket", "AFolder"};
  return names.at(static_cast<std::size_t>(info.param));
}
INSTANTIATE_TEST_SUITE_P(Bundle, SpecialFiles,
                         testing::Values(Special::link, Special::link_to_nowhere, Special::pipe, Special::socket,
                                         Special::folder),
                         name_of);

TEST_P(SpecialFiles, InPlaceOfAnArtifactAreRefused) {
  const ToyBundle toy;
  make_special(toy.folder() / "model.toy", GetParam());
  EXPECT_EQ(open_failure(toy.folder()).code, 4);
}

TEST_P(SpecialFiles, InPlaceOfTheManifestAreRefused) {
  const ToyBundle toy;
  make_special(toy.folder() / "manifest.json", GetParam());
  EXPECT_EQ(open_failure(toy.folder()).code, GetParam() == Special::link ? 3 : 4);  // a link to a file that is no manifest
}

TEST_P(SpecialFiles, BesideTheListedFilesAreRefused) {
  const ToyBundle toy;
  make_special(toy.folder() / "more", GetParam());
  const Failure failure = open_failure(toy.folder());
  EXPECT_EQ(failure.code, GetParam() == Special::folder ? 0 : 4);  // an empty folder holds no file
  const bool is_file = GetParam() == Special::link || GetParam() == Special::folder;
  EXPECT_EQ(failure.text.find("special file") != std::string::npos, !is_file) << failure.text;
}

TEST(Bundle, ALinkInPlaceOfASubfolderIsRefused) {
  const ToyBundle toy;
  const TemporaryFolder other;
  fs::rename(toy.folder() / "golden", other.path() / "golden");
  fs::create_directory_symlink(other.path() / "golden", toy.folder() / "golden");
  EXPECT_EQ(open_failure(toy.folder()).code, 4);
}

TEST(Bundle, ASubfolderThatBecomesALinkLaterIsNotFollowed) {
  const ToyBundle toy;
  const TemporaryFolder other;
  const ferry::Bundle bundle = toy.open();
  const auto read = [&] { static_cast<void>(bundle.read(bundle.manifest().golden.cases.front().inputs.begin()->second)); };
  EXPECT_EQ(failure_of(read).code, 0);
  fs::rename(toy.folder() / "golden", other.path() / "golden");
  fs::create_directory_symlink(other.path() / "golden", toy.folder() / "golden");
  EXPECT_EQ(failure_of(read).code, 4);
}

TEST(Bundle, AnUnlistedFileIsNamed) {
  const ToyBundle toy;
  write_file(toy.folder() / "golden" / "extra\n.npy", "x");
  const Failure failure = open_failure(toy.folder());
  EXPECT_EQ(failure.code, 4);
  EXPECT_EQ(failure.text,
            toy.folder().native() + "/golden/extra\\x0a.npy: got a file that the manifest does not list; remove it");
}

TEST(Bundle, SidecarsArePassedOverAndNamed) {
  const ToyBundle toy;
  write_file(toy.folder() / ".cache" / "x", "x");
  write_file(toy.folder() / "README.md", "x");
  write_file(toy.folder() / "manifest.json.minisig", "x");
  EXPECT_EQ(toy.open().ignored(), (std::vector<std::string>{".cache/", "README.md", "manifest.json.minisig"}));
  write_file(toy.folder() / "golden" / "README.md", "x");
  EXPECT_EQ(open_failure(toy.folder()).code, 4);
}

TEST(Bundle, ALinkIsResolvedOnceAndWhatItLedToIsKept) {
  const ToyBundle toy;
  const TemporaryFolder other;
  fs::rename(toy.folder() / "model.toy", other.path() / "first");
  fs::create_symlink(other.path() / "first", toy.folder() / "model.toy");
  const ferry::Bundle bundle = toy.open();
  const ferry::FileEntry file = bundle.find_artifact("toy")->files.front();
  make_special(toy.folder() / "model.toy", Special::link_to_nowhere);
  fs::remove(other.path() / "first");
  EXPECT_EQ(bundle.read(file).size(), file.bytes);
}

TEST(Bundle, ARegularFileThatBecomesALinkIsNotFollowed) {
  const ToyBundle toy;
  const TemporaryFolder other;
  const ferry::Bundle bundle = toy.open();
  fs::rename(toy.folder() / "model.toy", other.path() / "first");
  fs::create_symlink(other.path() / "first", toy.folder() / "model.toy");
  EXPECT_EQ(failure_of([&] { static_cast<void>(bundle.read(bundle.find_artifact("toy")->files.front())); }).code, 4);
}

TEST(Bundle, ALinkThatIsSwappedDuringTheCheckNeverGivesOtherBytes) {
  const ToyBundle toy;
  const TemporaryFolder other;
  const fs::path link = toy.folder() / "model.toy";
  fs::rename(link, other.path() / "right");
  write_file(other.path() / "wrong", "scale 3");
  fs::create_symlink(other.path() / "right", link);
  std::jthread swapping([&](const std::stop_token& stop) {
    for (int count = 0; !stop.stop_requested(); ++count) {
      fs::create_symlink(other.path() / (count % 2 == 0 ? "wrong" : "right"), other.path() / "new");
      fs::rename(other.path() / "new", link);
    }
  });
  int opened = 0;
  // Under ThreadSanitizer with both cores taken 2000 times take more than a minute.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (int count = 0; count < 2000 && std::chrono::steady_clock::now() < end; ++count) {
    ferry::Bundle bundle;
    if (failure_of([&] { bundle = toy.open(); }).code != 0) continue;
    const std::vector<std::byte> bytes = bundle.read(bundle.find_artifact("toy")->files.front());
    ASSERT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "scale 2");
    ++opened;
  }
  EXPECT_GT(opened, 0);
}

TEST(Bundle, AMissingFileIsNamed) {
  const ToyBundle toy;
  fs::remove(toy.folder() / "golden/batch-1.float32.label.npy");
  const Failure failure = open_failure(toy.folder());
  EXPECT_EQ(failure.code, 4);
  EXPECT_NE(failure.text.find("golden/batch-1.float32.label.npy: got no such file"), std::string::npos) << failure.text;
}

TEST(Bundle, ASizeOffByOneIsRefused) {
  const ToyBundle toy;
  const fs::path path = toy.folder() / "model.toy";
  for (const std::uintmax_t size : {fs::file_size(path) - 1, fs::file_size(path) + 1}) {
    const ToyBundle changed;
    fs::resize_file(changed.folder() / "model.toy", size);
    const Failure failure = open_failure(changed.folder());
    EXPECT_EQ(failure.code, 4);
    EXPECT_NE(failure.text.find("model.toy: size: got " + std::to_string(size) + " bytes, expected 7"), std::string::npos)
        << failure.text;
  }
}

TEST(Bundle, EveryFlippedBitIsRefused) {
  const ToyBundle toy;
  for (const char* name : {"model.toy", "golden/batch-1.input.x.npy"}) {
    const fs::path path = toy.folder() / name;
    const std::string original = read_file(path);
    for (std::size_t bit = 0; bit < 8 * original.size(); ++bit) {
      std::string flipped = original;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      write_file(path, flipped);
      ASSERT_EQ(open_failure(toy.folder()).code, 4) << name << " bit " << bit;
    }
    write_file(path, original);
    ASSERT_EQ(open_failure(toy.folder()).code, 0);
  }
}

TEST(Bundle, AnUnreadableFileIsAnIoError) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads every file";
  const ToyBundle toy;
  fs::permissions(toy.folder() / "model.toy", fs::perms::none);
  EXPECT_EQ(open_failure(toy.folder()).code, 6);
}

TEST(Bundle, AFileThatChangedSinceOpenIsNotHandedOut) {
  const ToyBundle toy;
  const ferry::Bundle bundle = toy.open();
  const ferry::FileEntry& file = bundle.manifest().artifacts[0].files[0];
  EXPECT_EQ(bundle.read(file).size(), 7U);
  for (const char* content : {"scale 3", "scale 2 ", "scale", ""}) {
    write_file(toy.folder() / "model.toy", content);
    EXPECT_EQ(failure_of([&] { static_cast<void>(bundle.read(file)); }).code, 4) << content;
  }
  make_special(toy.folder() / "model.toy", Special::link);
  EXPECT_EQ(failure_of([&] { static_cast<void>(bundle.read(file)); }).code, 4);
  fs::remove(toy.folder() / "model.toy");
  EXPECT_EQ(failure_of([&] { static_cast<void>(bundle.read(file)); }).code, 6);
}

TEST(Bundle, ALazyOneChecksWhatIsReadWhenItIsRead) {
  ToyBundle toy;
  toy.manifest["artifacts"][0]["files"].push_back(toy.add_file("other.toy", "scale 5"));
  toy.write_manifest();
  write_file(toy.folder() / "model.toy", "scale 3");
  EXPECT_EQ(open_failure(toy.folder()).code, 4);
  const auto bundle = ferry::Bundle::open(toy.folder(), {}, ferry::FileChecks::lazy);
  const std::vector<ferry::FileEntry>& files = bundle.manifest().artifacts[0].files;
  const Failure failure = failure_of([&] { static_cast<void>(bundle.read(files.front())); });
  EXPECT_EQ(failure.code, 4);
  EXPECT_NE(failure.text.find("model.toy: sha256: got "), std::string::npos) << failure.text;
  EXPECT_EQ(failure_of([&] { static_cast<void>(bundle.map(files.front())); }).code, 4);
  EXPECT_EQ(bundle.read(files.back()).size(), 7U);
  EXPECT_EQ(failure_of([&] { ferry::Session(bundle, {.engine = "toy"}); }).code, 4);
  write_file(toy.folder() / "model.toy", "scale 33");  // names and sizes cost nothing
  EXPECT_EQ(failure_of([&] { static_cast<void>(ferry::Bundle::open(toy.folder(), {}, ferry::FileChecks::lazy)); }).code, 4);
}

TEST(Bundle, AGoldenFileThatIsNoNpyIsAFormatError) {
  ToyBundle toy;
  toy.manifest["golden"]["cases"][0]["inputs"]["x"] = toy.add_file("golden/batch-4.input.x.npy", "not numpy");
  toy.write_manifest();
  const ferry::Bundle bundle = toy.open();
  EXPECT_EQ(failure_of([&] { static_cast<void>(bundle.read_tensors(bundle.manifest().golden.cases[0].inputs)); }).code, 3);
}

TEST(Bundle, OneThatWasNeverOpenedIsEmpty) {
  const ferry::Bundle empty;
  EXPECT_TRUE(empty.folder().empty());
  EXPECT_TRUE(empty.manifest().artifacts.empty());
  EXPECT_TRUE(empty.contract().inputs.empty());
  EXPECT_TRUE(empty.manifest_json().empty());
  EXPECT_EQ(empty.find_artifact("toy"), nullptr);
  EXPECT_NE(failure_of([&] { static_cast<void>(empty.read({"model.toy", 1, std::string(64, '0')})); }).code, 0);
}

TEST(Bundle, OneThatWasMovedFromKeepsWhatItHad) {
  const ToyBundle toy;
  ferry::Bundle first = toy.open();
  const ferry::Bundle second = std::move(first);
  EXPECT_EQ(second.manifest().name, "toy");
  EXPECT_EQ(first.manifest().name, "toy");  // NOLINT(bugprone-use-after-move): that it is defined is the test
}

}  // namespace
