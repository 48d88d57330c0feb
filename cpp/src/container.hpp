// Where a bundle's files lie: what a folder and an archive have in common (FORMAT.md section 1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "file.hpp"

namespace ferry {

// The bytes of one file, all from one descriptor, or from memory that its container owns.
class Content {
 public:
  Content(std::shared_ptr<const File> file, std::uint64_t start, std::uint64_t size, bool is_link = false)
      : file_(std::move(file)), start_(start), size_(size), is_link_(is_link) {}
  explicit Content(std::span<const std::byte> memory) : memory_(memory), size_(memory.size()) {}

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  // Whether a link led here: its path may lead elsewhere the next time.
  [[nodiscard]] bool is_link() const noexcept { return is_link_; }

  // Fills `buffer` from `offset` as far as there are bytes. Throws Error(io).
  [[nodiscard]] std::size_t read_at(std::uint64_t offset, std::span<std::byte> buffer) const;
  // The bytes from the start, at most `max_bytes`. Throws Error(io).
  [[nodiscard]] std::vector<std::byte> read(std::size_t max_bytes) const;
  // The bytes where they lie, for as long as the answer lives: mapped, or in the container's memory, which must live on. Throws
  // Error(io), and Error(integrity) for a file that another user may write.
  [[nodiscard]] std::shared_ptr<const std::span<const std::byte>> map() const;

 private:
  std::shared_ptr<const File> file_;  // null where the bytes lie in memory
  std::span<const std::byte> memory_;
  std::uint64_t start_ = 0;
  std::uint64_t size_ = 0;
  bool is_link_ = false;
};

using Paths = std::set<std::string, std::less<>>;

// What lies in a bundle: sizes of files by path, and the sidecars, which nobody opens.
struct Listing {
  std::map<std::string, std::uint64_t, std::less<>> sizes;
  std::vector<std::string> sidecars;  // sorted
};

enum class Links { follow, refuse };

class Container {
 public:
  explicit Container(std::filesystem::path root) : root_(std::move(root)) {}
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;
  virtual ~Container() = default;

  // What stands for the bundle in messages: its path, or the name of the memory.
  [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }
  // The path of a file for messages, as one line.
  [[nodiscard]] std::string name_of(std::string_view path) const;

  // Whether anything has this path, readable or not.
  [[nodiscard]] virtual bool has(std::string_view path) const = 0;
  // The names beside manifest.json, sorted. Throws Error(io).
  [[nodiscard]] virtual std::vector<std::string> names() const = 0;
  // What is there. Whatever is in `listed` is no sidecar. Throws Error(io | integrity).
  [[nodiscard]] virtual Listing list(const Paths& listed) const = 0;
  // Opens a regular file, or one that a link leads to. Throws Error(io | integrity).
  [[nodiscard]] virtual Content open(std::string_view path, Links links) const = 0;

 private:
  std::filesystem::path root_;
};

// Whether a reader passes over a file that the manifest does not list.
[[nodiscard]] bool is_sidecar(std::string_view path) noexcept;
// Whether a part of the path begins with a dot and names neither this folder nor the one above.
[[nodiscard]] bool is_hidden(std::string_view path) noexcept;

}  // namespace ferry
