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
  OpenRequest(const Bundle& bundle, const Artifact& artifact, const SessionOptions& options, const ContractChecker& checker);
  OpenRequest(const OpenRequest&) = delete;
  OpenRequest& operator=(const OpenRequest&) = delete;
  ~OpenRequest() = default;

  [[nodiscard]] const ferry_open_request& get() const noexcept { return request_; }
  // Says that mapped files stay, and gives what must live as long as the model does.
  [[nodiscard]] std::vector<MappedBytes> keep_mapped() {
    request_.lasting = mapped_.empty() ? 0 : 1;
    return mapped_;
  }

 private:
  void add_file(const Bundle& bundle, const FileEntry& file, bool mapped);
  void add_specs(std::span<const CompiledSpec> specs, std::vector<ferry_tensor_spec>& out);

  std::vector<std::vector<std::byte>> contents_;
  std::vector<MappedBytes> mapped_;
  std::vector<ferry_artifact_file> files_;
  std::vector<ferry_requirement> requirements_;
  std::vector<std::vector<std::int64_t>> shapes_;  // moving a vector keeps its elements where they are
  std::vector<ferry_tensor_spec> inputs_;
  std::vector<ferry_tensor_spec> outputs_;
  std::vector<const char*> allowed_operators_;
  ferry_open_request request_{};
};

}  // namespace ferry
