// A bundle as a folder. Its files may be links; its folders may not. ../posix/posix_folder.hpp is its twin.
//
// It is held open without the right to delete it: Windows lets nobody rename or remove what is held so, and a writer sees that
// it is in use. Each file is opened once, and what is read comes from there.
#pragma once

#include <memory>

#include "container.hpp"

namespace ferry {

class Folder final : public Container {
 public:
  // Holds what stands at `root` now. Throws Error(io).
  explicit Folder(std::filesystem::path root);

  [[nodiscard]] bool has(std::string_view path) const override;
  [[nodiscard]] std::vector<std::string> names() const override;
  [[nodiscard]] Listing list(const Paths& listed) const override;
  // A link in a folder's place is Error(integrity).
  [[nodiscard]] Content open(std::string_view path, Links links) const override;

 private:
  [[noreturn]] void refuse_special(std::string_view path) const;
  [[noreturn]] void fail_folder(std::string_view path, const std::error_code& error) const;
  void add(const std::filesystem::directory_entry& entry, const std::string& path, const Paths& listed, Listing& listing,
           std::vector<std::string>& folders) const;
  [[nodiscard]] std::filesystem::path place_of(std::string_view path) const;

  std::shared_ptr<void> held_;
};

}  // namespace ferry
