#include "open_request.hpp"

#include <algorithm>
#include <cstdint>

namespace ferry {

OpenRequest::OpenRequest(const Bundle& bundle, const Artifact& artifact, const SessionOptions& options,
                         const ContractChecker& checker)
    : bundle_(bundle) {
  for (const FileEntry& file : artifact.files) {
    if (!bundle.has(file)) continue;
    entries_.push_back(&file);
    files_.push_back({file.path.c_str(), nullptr, static_cast<std::size_t>(file.bytes), file.sha256.c_str()});
  }
  for (const auto& name : options.allow_ops) allowed_operators_.push_back(name.c_str());
  for (const auto& [key, value] : artifact.requirements) requirements_.push_back({key.c_str(), value.c_str()});
  add_specs(checker.inputs(), inputs_);
  add_specs(checker.outputs(), outputs_);
  request_ = {artifact.format.c_str(),
              files_.data(),
              files_.size(),
              requirements_.data(),
              requirements_.size(),
              inputs_.data(),
              inputs_.size(),
              outputs_.data(),
              outputs_.size(),
              options.device.c_str(),
              options.threads,
              allowed_operators_.data(),
              allowed_operators_.size(),
              options.models,
              options.map_files && !options.isolate && !files_.empty() ? 1 : 0};  // what is sent to a cell is a copy
}

std::shared_ptr<const void> OpenRequest::load() {
  auto mapped = std::make_shared<std::vector<MappedBytes>>();
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (request_.lasting != 0)
      files_[i].data = mapped->emplace_back(bundle_.map(*entries_[i]))->data();
    else
      files_[i].data = contents_.emplace_back(bundle_.read(*entries_[i])).data();
  }
  return mapped;
}

void OpenRequest::add_specs(std::span<const CompiledSpec> specs, std::vector<ferry_tensor_spec>& out) {
  for (const CompiledSpec& compiled : specs) {
    std::vector<std::int64_t>& dims = shapes_.emplace_back(compiled.dims);
    for (std::int64_t& dim : dims) dim = std::max<std::int64_t>(dim, -1);  // engine.h: a symbolic dim is -1
    out.push_back({compiled.spec->name.c_str(), static_cast<std::int32_t>(compiled.spec->dtype),
                   static_cast<std::int32_t>(dims.size()), dims.data()});
  }
}

}  // namespace ferry
