// What an engine is given to open a model, with the storage that its pointers point into.
#pragma once

#include <ferry/engine.h>

#include <cstddef>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <memory>
#include <span>
#include <vector>

#include "contract.hpp"

namespace ferry {

using MappedBytes = std::shared_ptr<const std::span<const std::byte>>;

class OpenRequest {
 public:
  // `artifact` is one of the bundle's.
  OpenRequest(const Bundle& bundle, const Artifact& artifact, const SessionOptions& options, const ContractChecker& checker);
  OpenRequest(const OpenRequest&) = delete;
  OpenRequest& operator=(const OpenRequest&) = delete;
  ~OpenRequest() = default;

  // The files have no data before they are loaded.
  [[nodiscard]] const ferry_open_request& get() const noexcept { return request_; }
  // Reads or maps the files and checks their SHA-256; gives what must live as long as the model does. Once. Throws
  // Error(io | integrity).
  [[nodiscard]] std::shared_ptr<const void> load();

 private:
  void add_specs(std::span<const CompiledSpec> specs, std::vector<ferry_tensor_spec>& out);

  Bundle bundle_;
  std::vector<const FileEntry*> entries_;  // of files_, in the artifact
  std::vector<std::vector<std::byte>> contents_;
  std::vector<ferry_artifact_file> files_;
  std::vector<ferry_requirement> requirements_;
  std::vector<std::vector<std::int64_t>> shapes_;  // moving a vector keeps its elements where they are
  std::vector<ferry_tensor_spec> inputs_;
  std::vector<ferry_tensor_spec> outputs_;
  std::vector<const char*> allowed_operators_;
  ferry_open_request request_{};
};

}  // namespace ferry
