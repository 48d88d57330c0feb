// A bundle as one file, or as bytes in memory: the stored zip of its folder, read where it lies and never unpacked.
#pragma once

#include <cstdint>

#include "container.hpp"

namespace ferry {

class Packed final : public Container {
 public:
  // Without any file.
  Packed() : Container({}) {}
  // A copy of an archive; `name` stands for it in messages. Throws Error(format).
  Packed(std::vector<std::byte> archive, const std::string& name);
  // Opens the file once: one that takes its path later is not seen. Throws Error(io | format).
  explicit Packed(const std::filesystem::path& path);

  [[nodiscard]] bool has(std::string_view path) const override { return parts_.contains(path); }
  [[nodiscard]] std::vector<std::string> names() const override;
  [[nodiscard]] Listing list(const Paths& listed) const override;
  [[nodiscard]] Content open(std::string_view path, Links links) const override;

 private:
  struct Part {
    std::uint64_t start = 0;
    std::uint64_t size = 0;
  };
  // Finds the entries. What is read later comes from the descriptor: a mapped file that is cut short would end the process.
  void find_parts(std::span<const std::byte> archive);
  [[noreturn]] void refuse_kind() const;

  std::vector<std::byte> memory_;
  std::shared_ptr<const File> file_;  // null where the archive lies in memory
  std::map<std::string, Part, std::less<>> parts_;
};

}  // namespace ferry
