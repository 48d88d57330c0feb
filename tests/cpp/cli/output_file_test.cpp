#include "output_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "toy_bundle.hpp"

namespace {

namespace fs = std::filesystem;
using ferry::cli::OutputFile;

class OutputFiles : public ::testing::Test {
 protected:
  [[nodiscard]] fs::path path() const { return folder_.path() / "out.txt"; }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder_.path()), {}));
  }

  TemporaryFolder folder_;
};

TEST_F(OutputFiles, AppearWhenTheyAreCommitted) {
  auto file = OutputFile::open(path());
  file.write("text");
  EXPECT_FALSE(fs::exists(path()));
  file.commit();
  EXPECT_EQ(read_file(path()), "text");
  EXPECT_EQ(files(), 1U);
}

TEST_F(OutputFiles, LeaveNothingBehindWithoutACommit) {
  write_file(path(), "old");
  {
    auto file = OutputFile::open(path());
    file.write("new");
    EXPECT_EQ(files(), 2U);
  }
  EXPECT_EQ(read_file(path()), "old");
  EXPECT_EQ(files(), 1U);
}

TEST_F(OutputFiles, LeaveNothingBehindAfterASignal) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const auto child = ::fork();
    if (child == 0) {
      ::signal(signal, SIG_DFL);
      auto file = OutputFile::open(path());
      ::raise(signal);
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal);
    EXPECT_EQ(files(), 0U) << signal;
  }
}

TEST_F(OutputFiles, HaveTheUsersPermissions) {
  const auto mask = ::umask(027);
  OutputFile::open(path()).commit();
  ::umask(mask);
  EXPECT_EQ(fs::status(path()).permissions(), fs::perms(0640));
}

TEST_F(OutputFiles, KeepASymbolicLink) {
  write_file(folder_.path() / "real.txt", "old");
  fs::create_symlink("real.txt", path());
  auto file = OutputFile::open(path());
  file.write("new");
  file.commit();
  EXPECT_TRUE(fs::is_symlink(path()));
  EXPECT_EQ(read_file(folder_.path() / "real.txt"), "new");
}

TEST_F(OutputFiles, AreRefusedWhereTheyCannotBeWritten) {
  EXPECT_EQ(failure_of([] { static_cast<void>(OutputFile::open("/nonexistent/out.txt")); }).code, 6);
  EXPECT_EQ(failure_of([&] { static_cast<void>(OutputFile::open(folder_.path())); }).code, 6);
}

TEST_F(OutputFiles, ReadOnlyFileIsRefused) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write every file";
  write_file(path(), "old");
  fs::permissions(path(), fs::perms::owner_read);
  EXPECT_EQ(failure_of([&] { static_cast<void>(OutputFile::open(path())); }).code, 6);
}

TEST_F(OutputFiles, FullDeviceIsWrittenDirectlyAndReported) {
  auto file = OutputFile::open("/dev/full");
  EXPECT_FALSE(file.is_temporary());
  EXPECT_EQ(failure_of([&] { file.write("text"); }).code, 6);
}

}  // namespace
