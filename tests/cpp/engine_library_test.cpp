#include "engine_library.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "toy_bundle.hpp"

namespace {

namespace fs = std::filesystem;

// FERRY_ENGINE_DIR for one test.
class EngineDir {
 public:
  explicit EngineDir(const std::string& value) { ::setenv("FERRY_ENGINE_DIR", value.c_str(), 1); }
  EngineDir(const EngineDir&) = delete;
  EngineDir& operator=(const EngineDir&) = delete;
  ~EngineDir() { ::setenv("FERRY_ENGINE_DIR", FERRY_TEST_PLUGINS, 1); }
};

Failure load_failure(std::string_view name) {
  return failure_of([name] { static_cast<void>(ferry::load_engine(name)); });
}

fs::path toy_plugin() { return fs::path(FERRY_TEST_PLUGINS) / "libferry_engine_toy.so"; }

TEST(EngineLibrary, ThePluginIsFoundAndItsTableRead) {
  const EngineDir dir(FERRY_TEST_PLUGINS);
  const ferry_engine& engine = ferry::load_engine("toy");
  EXPECT_STREQ(engine.name, "toy");
  EXPECT_EQ(&ferry::load_engine("toy"), &engine);
}

TEST(EngineLibrary, TheVariableIsSearchedFirstAndInOrder) {
  const EngineDir dir("/first::/second:");
  const std::vector<fs::path> folders = ferry::engine_folders();
  ASSERT_EQ(folders.size(), 4U);
  EXPECT_EQ(folders[0], "/first");
  EXPECT_EQ(folders[1], "/second");
  EXPECT_EQ(folders[2], fs::canonical("/proc/self/exe").parent_path() / "ferry");
  EXPECT_EQ(folders[3], fs::canonical("/proc/self/exe").parent_path().parent_path() / "lib" / "ferry");
}

TEST(EngineLibrary, InstalledEnginesAreListedUnloaded) {
  const EngineDir dir(FERRY_TEST_PLUGINS);
  const std::vector<std::string> names = ferry::installed_engines();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_NE(std::find(names.begin(), names.end(), "no_entry"), names.end());
}

TEST(EngineLibrary, AMissingPluginNamesTheFoldersSearched) {
  const EngineDir dir("/nowhere");
  const Failure failure = load_failure("absent");
  EXPECT_EQ(failure.code, 5);
  EXPECT_TRUE(failure.text.starts_with("engine absent: plugin: got no libferry_engine_absent.so in /nowhere, /")) << failure.text;
  EXPECT_NE(failure.text.find("set FERRY_ENGINE_DIR"), std::string::npos);
}

TEST(EngineLibrary, AnEngineThatIsPythonsAloneIsNotToBeBuilt) {
  const EngineDir dir("/nowhere");
  const Failure failure = load_failure("eager");
  EXPECT_EQ(failure.code, 5);
  EXPECT_EQ(failure.text, "engine eager: runs in Python only; use ferry for it: ferry verify BUNDLE --engine eager");
}

TEST(EngineLibrary, ANameThatIsAPathIsRefused) {
  EXPECT_EQ(load_failure("../toy").code, 5);
  EXPECT_EQ(load_failure("").code, 5);
}

TEST(EngineLibrary, AnotherAbiVersionNamesBothVersions) {
  const EngineDir dir(FERRY_TEST_PLUGINS);
  const Failure failure = load_failure("other_abi");
  EXPECT_EQ(failure.code, 5);
  EXPECT_NE(failure.text.find("abi_version: got 3, expected 2; build the plugin with this libferry's engine.h"),
            std::string::npos)
      << failure.text;
}

struct BadPlugin {
  const char* name;
  const char* reason;
};
void PrintTo(const BadPlugin& bad, std::ostream* out) { *out << bad.name; }
class BadPlugins : public testing::TestWithParam<BadPlugin> {};
INSTANTIATE_TEST_SUITE_P(EngineLibrary, BadPlugins,
                         testing::Values(BadPlugin{"incomplete", "table: got a null entry"},
                                         BadPlugin{"no_close", "table: got a null entry"},
                                         BadPlugin{"no_table", "ferry_engine_entry: got null"},
                                         BadPlugin{"no_entry", "undefined symbol: ferry_engine_entry"},
                                         BadPlugin{"orphan", "libferry_test_dependency.so: cannot open shared object file"}));

TEST_P(BadPlugins, AreUnavailableWithOneClearLine) {
  const EngineDir dir(FERRY_TEST_PLUGINS);
  const Failure failure = load_failure(GetParam().name);
  EXPECT_EQ(failure.code, 5);
  EXPECT_TRUE(failure.text.starts_with("engine " + std::string(GetParam().name) + ": ")) << failure.text;
  EXPECT_NE(failure.text.find(GetParam().reason), std::string::npos) << failure.text;
  EXPECT_EQ(failure.text.find('\n'), std::string::npos);
}

TEST(EngineLibrary, ARenamedPluginIsRefused) {
  const TemporaryFolder folder;
  fs::copy_file(toy_plugin(), folder.path() / "libferry_engine_renamed.so");
  const EngineDir dir(folder.path().native());
  EXPECT_NE(load_failure("renamed").text.find("name: got toy, expected renamed"), std::string::npos);
}

TEST(EngineLibrary, APluginOfAnotherArchitectureIsUnavailable) {
  const TemporaryFolder folder;
  std::string plugin = read_file(toy_plugin());
  plugin[18] = '\xF3';  // e_machine: RISC-V
  plugin[19] = '\0';
  write_file(folder.path() / "libferry_engine_foreign.so", plugin);
  const EngineDir dir(folder.path().native());
  const Failure failure = load_failure("foreign");
  EXPECT_EQ(failure.code, 5);
  EXPECT_NE(failure.text.find("libferry_engine_foreign.so"), std::string::npos) << failure.text;
}

TEST(EngineLibrary, AFileThatIsNoLibraryIsUnavailable) {
  const TemporaryFolder folder;
  write_file(folder.path() / "libferry_engine_text.so", "hello");
  const EngineDir dir(folder.path().native());
  EXPECT_EQ(load_failure("text").code, 5);
}

TEST(EngineLibrary, APluginThatAnotherUserMayWriteIsRefused) {
  const TemporaryFolder folder;
  const fs::path plugin = folder.path() / "libferry_engine_open.so";
  fs::copy_file(toy_plugin(), plugin);
  fs::permissions(plugin, fs::perms::others_write, fs::perm_options::add);
  const EngineDir dir(folder.path().native());
  EXPECT_NE(load_failure("open").text.find("got a plugin that another user may write"), std::string::npos);
}

TEST(EngineLibrary, AFolderOfPluginsThatAnotherUserMayWriteIsRefused) {
  const TemporaryFolder folder;
  fs::copy_file(toy_plugin(), folder.path() / "libferry_engine_inside.so");
  fs::permissions(folder.path(), fs::perms::others_write, fs::perm_options::add);
  const EngineDir dir(folder.path().native());
  EXPECT_NE(load_failure("inside").text.find("got a plugin that another user may write"), std::string::npos);
}

TEST(EngineLibrary, ARelativeFolderIsRefused) {
  for (const char* folder : {"plugins", "./plugins", "."}) {
    const EngineDir dir(folder);
    EXPECT_NE(load_failure("absent").text.find("FERRY_ENGINE_DIR: got the relative folder"), std::string::npos) << folder;
  }
}

TEST(EngineLibrary, LibrariesOutOfTheWorkingFolderAreRefused) {
  const EngineDir dir(FERRY_TEST_PLUGINS);
  for (const char* value : {"lib", ".", "/usr/lib:", ":/usr/lib", "/usr/lib::/lib", "/usr/lib;lib"}) {
    ::setenv("LD_LIBRARY_PATH", value, 1);
    EXPECT_NE(load_failure("absent").text.find("LD_LIBRARY_PATH: got an empty or relative folder"), std::string::npos) << value;
  }
  ::unsetenv("LD_LIBRARY_PATH");
}

TEST(EngineLibrary, NoTorchIsLoaded) {
  std::ifstream maps("/proc/self/maps");
  const std::string text{std::istreambuf_iterator<char>(maps), {}};
  EXPECT_NE(text.find("libc.so"), std::string::npos);
  EXPECT_EQ(text.find("libtorch"), std::string::npos);
  EXPECT_EQ(text.find("libc10"), std::string::npos);
}

}  // namespace
