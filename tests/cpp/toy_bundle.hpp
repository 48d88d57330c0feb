// A small valid bundle for the engine `toy` (plugins/toy.cpp), and a manifest that tests break.
#pragma once

#include <cstdint>
#include <ferry/ferry.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "temporary_folder.hpp"

class ToyBundle {
 public:
  // The artifact's text, e.g. "scale 2"; the goldens are always those of "scale 2".
  explicit ToyBundle(std::string_view model = "scale 2");

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }
  [[nodiscard]] ferry::Bundle open() const { return ferry::Bundle::open(folder()); }

  // Writes a file below the folder and returns its entry for the manifest.
  [[nodiscard]] nlohmann::json add_file(const std::string& path, std::string_view content) const;
  [[nodiscard]] nlohmann::json add_tensor(const std::string& path, const ferry::Tensor& tensor) const;
  void write_manifest() const;
  // Every file of the folder as `ferry pack` would zip it, whether it is a bundle or not.
  [[nodiscard]] std::string packed() const;

  nlohmann::json manifest;  // as it was written; after a change call write_manifest

 private:
  [[nodiscard]] nlohmann::json add_case(const std::string& name, std::int64_t rows) const;

  TemporaryFolder folder_;
};

// Inputs [rows,3] with the values 0, 1, 2, ... and a different largest column in each row.
[[nodiscard]] ferry::Tensor toy_input(std::int64_t rows);

// The code and text of the ferry::Error that `call` throws; code 0 where it throws none.
struct Failure {
  int code = 0;
  std::string text;
};
template <typename Call>
[[nodiscard]] Failure failure_of(Call&& call) {
  try {
    call();
    return {};
  } catch (const ferry::Error& error) {
    return {static_cast<int>(error.code()), error.what()};
  }
}
