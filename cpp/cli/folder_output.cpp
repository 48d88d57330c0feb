#include "folder_output.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "input.hpp"
#include "temporary_file.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

namespace fs = std::filesystem;

// The file's name without its ending; a point in front begins no ending.
std::string stem_of(const std::string& file) {
  const auto name = file.substr(file.rfind('/') + 1);
  const auto dot = name.rfind('.');
  return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

// Sample `index` of each output [N, ...], as [1, ...].
NamedTensors sample_of(const NamedTensors& outputs, const Contract& contract, std::size_t index) {
  NamedTensors sample;
  for (const auto& spec : contract.outputs) {
    if (!is_batched(spec)) continue;  // it is not selected
    const auto& tensor = outputs[spec.name];
    Shape shape = tensor.shape();
    const std::size_t size = tensor.bytes().size() / static_cast<std::size_t>(shape.front());
    shape.front() = 1;
    sample.add(spec.name, Tensor::copy(tensor.dtype(), std::move(shape), tensor.bytes().subspan(index * size, size)));
  }
  return sample;
}

TemporaryFolder begin(const std::string& target, const std::vector<std::string>& names, const std::string& shown) {
  std::error_code unknown;
  const auto place = text::path_of(target);
  if (fs::exists(fs::symlink_status(place, unknown)))
    throw Error(ErrorCode::io, shown + ": got an existing path, expected none; name another folder, or remove this one");
  return TemporaryFolder::create_beside(place, names, shown);
}

class FolderWriter final : public SampleWriter {
 public:
  FolderWriter(const OutputRequest& request, const Contract& contract, std::vector<std::string> names)
      : request_(request),
        contract_(&contract),
        names_(std::move(names)),
        target_(without_slashes(request.path)),
        folder_(begin(target_, names_, request.path)) {
    if (names_.size() == 1) only_ = open_one(0);
  }

  void write(const NamedTensors& outputs, std::span<const std::string> ids) override {
    say_places([&] {
      if (only_ != nullptr) return only_->write(outputs, ids);
      const auto& first = outputs[request_.select.empty() ? contract_->outputs.front().name : request_.select];
      for (std::size_t i = 0; i < static_cast<std::size_t>(first.shape().front()); ++i) {
        const auto file = open_one(static_cast<std::size_t>(count_));
        file->write(sample_of(outputs, *contract_, i), {});
        file->finish();
        ++count_;
      }
    });
  }

  void finish() override {
    say_places([&] {
      if (only_ != nullptr) only_->finish();
    });
    folder_.rename_to(text::path_of(target_), request_.path);
  }

  [[nodiscard]] std::int64_t count() const noexcept override { return only_ == nullptr ? count_ : only_->count(); }

 private:
  std::unique_ptr<SampleWriter> open_one(std::size_t index) const {
    auto request = request_;
    request.path = text::utf8(folder_.path()) + "/" + names_.at(index);
    request.format = name_of(choose_format(request_));
    return open_output(request, *contract_);
  }

  // An error of a file names the place where the user would find it.
  template <typename Action>
  void say_places(const Action& action) const {
    try {
      action();
    } catch (const Error& error) {
      std::string message = error.what();
      const auto place = text::utf8(folder_.path());
      if (const auto at = message.find(place); at != std::string::npos) message.replace(at, place.size(), target_);
      throw Error(error.code(), message);
    }
  }

  OutputRequest request_;
  const Contract* contract_;
  std::vector<std::string> names_;
  std::string target_;
  TemporaryFolder folder_;
  std::unique_ptr<SampleWriter> only_;  // where one file holds all samples
  std::int64_t count_ = 0;
};

}  // namespace

std::vector<std::string> answer_names(const std::vector<std::string>& files, OutputFormat format) {
  std::vector<std::string> names;
  std::map<std::string, std::string> owners;
  for (const auto& file : files) {
    auto name = stem_of(file) + "." + std::string(name_of(format));
    const auto [owner, is_new] = owners.emplace(name, file);
    if (!is_new)
      throw Error(ErrorCode::usage, "--output: got " + owner->second + " and " + file + ", whose answers are both " + name +
                                        ", expected different names; rename one");
    names.push_back(std::move(name));
  }
  return names;
}

std::unique_ptr<SampleWriter> open_folder(const OutputRequest& request, const Contract& contract) {
  return std::make_unique<FolderWriter>(request, contract, answer_names(request.files, choose_format(request)));
}

}  // namespace ferry::cli
