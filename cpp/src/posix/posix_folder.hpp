// A bundle as a folder. Its files may be links, as in a Hugging Face cache and a ConfigMap; its folders may not.
//
// It is held by its descriptor: what is read through it is one bundle, also while a writer replaces it, who leaves it where it
// is, under another name, until nobody reads it (hold.hpp).
#pragma once

#include <sys/stat.h>

#include "container.hpp"

namespace ferry {

class Folder final : public Container {
 public:
  // Holds what stands at `root` now. Throws Error(io).
  explicit Folder(std::filesystem::path root);

  [[nodiscard]] bool has(std::string_view path) const override;
  [[nodiscard]] std::vector<std::string> names() const override { return names_in({}); }
  [[nodiscard]] Listing list(const Paths& listed) const override;
  // Never waits on a pipe; a link in a folder's place is Error(integrity).
  [[nodiscard]] Content open(std::string_view path, Links links) const override;

 private:
  [[noreturn]] void refuse_special(std::string_view path) const;
  // The failure of the system call that has just been made (errno).
  [[noreturn]] void refuse(std::string_view path) const;
  [[nodiscard]] std::vector<std::string> names_in(const std::string& prefix) const;
  void add(const std::string& path, const Paths& listed, Listing& listing, std::vector<std::string>& folders) const;
  // Of a file, or of what a link leads to; whatever is no regular file is Error(integrity).
  [[nodiscard]] struct stat regular_status(int folder, const std::string& name, std::string_view path) const;

  File folder_;
};

}  // namespace ferry
