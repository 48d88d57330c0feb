#include "output_file.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "descriptor.hpp"
#include "ferry/ferry.hpp"
#include "new_files.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t piece_size = std::size_t{1} << 16U;
constexpr auto expected = "a file that can be written; check the path and its permissions";

File open_directly(const fs::path& path, const std::string& shown) {
  const int descriptor = system::open_to_write(path);
  if (descriptor < 0) throw_io(shown, expected);
  return {descriptor, shown};
}

}  // namespace

OutputFile::OutputFile(File file, std::optional<TemporaryFile> temporary, fs::path target)
    : file_(std::move(file)), temporary_(std::move(temporary)), target_(std::move(target)) {}

OutputFile OutputFile::open(const std::string& name) {
  if (name == "-" || name == "/dev/stdout") return {File(system::standard_output, "stdout", false), std::nullopt, {}};
  const fs::path path = text::path_of(name);
  std::error_code unknown;
  const auto status = fs::status(path, unknown);
  if (fs::is_directory(status)) throw Error(ErrorCode::io, name + ": got a folder, expected " + expected);
  if (fs::exists(status) && !fs::is_regular_file(status)) return {open_directly(path, name), std::nullopt, {}};
  // A rename would replace a file that its owner has made read-only.
  if (fs::exists(status) && !system::may_write(path)) throw_io(name, expected);
  auto target = fs::exists(status) ? fs::canonical(path, unknown) : path;  // a symbolic link stays one
  auto [temporary, file] = TemporaryFile::create_beside(target, name);
  return {std::move(file), std::move(temporary), std::move(target)};
}

void OutputFile::write(std::string_view text) { file_.write(std::as_bytes(std::span(text))); }

File OutputFile::open_spool() const {
  if (temporary_) return TemporaryFile::create_beside(target_, file_.name()).second;  // its name is gone, and it stays open
  const int descriptor = system::create_nameless();
  if (descriptor < 0) throw_io("temporary file", "room in the folder for temporary files");
  return {descriptor, "temporary file"};
}

void OutputFile::commit() {
  const auto name = file_.name();
  file_.close();
  if (temporary_) temporary_->rename_to(target_, name);
}

void for_each_piece(const File& file, const std::function<void(std::span<const std::byte>)>& take) {
  std::vector<std::byte> piece(piece_size);
  std::uint64_t offset = 0;
  for (std::size_t count = piece.size(); count == piece.size(); offset += count) {
    count = file.read_at(offset, piece);
    take(std::span(piece).first(count));
  }
}

}  // namespace ferry::cli
