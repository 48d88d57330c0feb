#include "npy_output.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "npy.hpp"

namespace ferry::cli {

namespace {

// One output's file. Its header is written with the first rows, which say the shape.
class NpyFile {
 public:
  NpyFile(NpyTarget target, std::optional<std::int64_t> total)
      : output_(std::move(target.output)), target_(std::move(target.file)), total_(total) {}

  void write(const NamedTensors& outputs, bool batched) {
    const auto& tensor = outputs[output_];
    count_ += batched ? tensor.shape().front() : 1;
    if (!batched) return target_.file().write(npy::serialize(tensor));
    if (!writer_) writer_.emplace(choose_file(), tensor.dtype(), Shape(tensor.shape().begin() + 1, tensor.shape().end()), total_);
    writer_->write(tensor);
  }

  void finish() {
    if (writer_) writer_->finish();
    if (spool_) for_each_piece(*spool_, [this](auto piece) { target_.file().write(piece); });
  }

  void commit() { target_.commit(); }
  [[nodiscard]] std::int64_t count() const noexcept { return count_; }

 private:
  File& choose_file() {
    if (total_ || target_.is_temporary()) return target_.file();
    return spool_.emplace(target_.open_spool());
  }

  std::string output_;
  OutputFile target_;
  std::optional<std::int64_t> total_;
  std::optional<File> spool_;
  std::optional<npy::Writer> writer_;
  std::int64_t count_ = 0;
};

class NpyOutput final : public SampleWriter {
 public:
  NpyOutput(std::vector<NpyTarget> targets, std::optional<std::int64_t> total, bool batched) : batched_(batched) {
    for (auto& target : targets) files_.push_back(std::make_unique<NpyFile>(std::move(target), total));
  }

  void write(const NamedTensors& outputs, std::span<const std::string> /*ids*/) override {
    for (auto& file : files_) file->write(outputs, batched_);
  }
  [[nodiscard]] std::int64_t count() const noexcept override {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (const auto& file : files_) least = std::min(least, file->count());
    return least;
  }

  // All files are whole before the first appears.
  void finish() override {
    for (auto& file : files_) file->finish();
    for (auto& file : files_) file->commit();
  }

 private:
  std::vector<std::unique_ptr<NpyFile>> files_;  // a Writer keeps a pointer to its file
  bool batched_;
};

}  // namespace

std::unique_ptr<SampleWriter> open_npy_files(std::vector<NpyTarget> targets, std::optional<std::int64_t> total, bool batched) {
  return std::make_unique<NpyOutput>(std::move(targets), total, batched);
}

}  // namespace ferry::cli
