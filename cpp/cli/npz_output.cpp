#include "npz_output.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include "crc32.hpp"
#include "npy.hpp"

namespace ferry::cli {

namespace {

constexpr std::uint16_t version = 45;                  // of the format, where zip64 began
constexpr std::uint16_t made_by = 3U << 8U | version;  // Unix: the upper half of the attributes is a mode
constexpr std::uint32_t mode = std::uint32_t{0100644} << 16U;
constexpr std::uint16_t first_day = 1U << 5U | 1U;  // 1980-01-01, the earliest day that there is; at midnight
constexpr std::uint16_t elsewhere16 = 0xFFFF;       // the number stands in a zip64 field
constexpr std::uint32_t elsewhere32 = 0xFFFFFFFF;
constexpr std::uint16_t zip64_field = 1;
constexpr std::uint64_t end64_size = 56;

// Numbers of several sizes, the lowest byte first.
class Record {
 public:
  template <typename T>
  Record& add(T number) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
      bytes_ += static_cast<char>(static_cast<std::uint64_t>(number) >> (8U * i) & 0xFFU);
    return *this;
  }
  Record& add(const std::string& text) {
    bytes_ += text;
    return *this;
  }
  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }

 private:
  std::string bytes_;
};

struct Entry {
  std::string name;
  std::uint32_t crc = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;

  // Every size is a zip64 one, so that a file has the same form on both sides of 4 GiB.
  void add_common(Record& record, std::uint16_t extra_size) const {
    record.add(version).add(std::uint16_t{0}).add(std::uint16_t{0});  // flags, method: stored
    record.add(std::uint16_t{0}).add(first_day).add(crc).add(elsewhere32).add(elsewhere32);
    record.add(static_cast<std::uint16_t>(name.size())).add(extra_size);
  }

  [[nodiscard]] std::string local() const {
    Record record;
    record.add(std::uint32_t{0x04034B50});
    add_common(record, 20);
    return record.add(name).add(zip64_field).add(std::uint16_t{16}).add(size).add(size).bytes();
  }

  [[nodiscard]] std::string central() const {
    Record record;
    record.add(std::uint32_t{0x02014B50}).add(made_by);
    add_common(record, 28);
    record.add(std::uint16_t{0}).add(std::uint16_t{0}).add(std::uint16_t{0}).add(mode).add(elsewhere32);
    return record.add(name).add(zip64_field).add(std::uint16_t{24}).add(size).add(size).add(offset).bytes();
  }
};

// What follows the last entry.
std::string directory_of(const std::vector<Entry>& entries, std::uint64_t start) {
  Record record;
  for (const auto& entry : entries) record.add(entry.central());
  const std::uint64_t size = record.bytes().size();
  const std::uint64_t count = entries.size();
  record.add(std::uint32_t{0x06064B50}).add(end64_size - 12).add(made_by).add(version).add(std::uint64_t{0});
  record.add(count).add(count).add(size).add(start);
  record.add(std::uint32_t{0x07064B50}).add(std::uint32_t{0}).add(start + size).add(std::uint32_t{1});
  record.add(std::uint32_t{0x06054B50}).add(std::uint32_t{0}).add(elsewhere16).add(elsewhere16);
  return record.add(elsewhere32).add(elsewhere32).add(std::uint16_t{0}).bytes();
}

// One output, in a file of its own.
class Growing {
 public:
  Growing(std::string name, File spool) : name_(std::move(name)), spool_(std::move(spool)) {}

  void write(const NamedTensors& outputs, bool batched) {
    const auto& tensor = outputs[name_];
    count_ += batched ? tensor.shape().front() : 1;
    if (!batched) return spool_.write(npy::serialize(tensor));
    if (!writer_) writer_.emplace(spool_, tensor.dtype(), Shape(tensor.shape().begin() + 1, tensor.shape().end()));
    writer_->write(tensor);
  }

  [[nodiscard]] Entry finish(std::uint64_t offset) {
    if (writer_) writer_->finish();
    Entry entry{.name = name_ + ".npy", .offset = offset};
    for_each_piece(spool_, [&entry](std::span<const std::byte> piece) {
      entry.crc = archive::crc32(piece, entry.crc);
      entry.size += piece.size();
    });
    return entry;
  }

  [[nodiscard]] const File& spool() const noexcept { return spool_; }
  [[nodiscard]] std::int64_t count() const noexcept { return count_; }

 private:
  std::string name_;
  File spool_;
  std::optional<npy::Writer> writer_;
  std::int64_t count_ = 0;
};

class NpzOutput final : public SampleWriter {
 public:
  NpzOutput(OutputFile file, const std::vector<std::string>& names, bool batched) : file_(std::move(file)), batched_(batched) {
    for (const auto& name : names) arrays_.push_back(std::make_unique<Growing>(name, file_.open_spool()));
  }

  void write(const NamedTensors& outputs, std::span<const std::string> /*ids*/) override {
    for (auto& array : arrays_) array->write(outputs, batched_);
  }
  [[nodiscard]] std::int64_t count() const noexcept override {
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (const auto& array : arrays_) least = std::min(least, array->count());
    return least;
  }

  void finish() override {
    std::vector<Entry> entries;
    std::uint64_t offset = 0;
    for (auto& array : arrays_) {
      const auto& entry = entries.emplace_back(array->finish(offset));
      const auto header = entry.local();
      file_.write(header);
      for_each_piece(array->spool(), [this](std::span<const std::byte> piece) { file_.file().write(piece); });
      offset += header.size() + entry.size;
    }
    file_.write(directory_of(entries, offset));
    file_.commit();
  }

 private:
  OutputFile file_;
  bool batched_;
  std::vector<std::unique_ptr<Growing>> arrays_;  // a Writer keeps a pointer to its file
};

}  // namespace

std::unique_ptr<SampleWriter> open_npz_file(OutputFile file, const std::vector<std::string>& names, bool batched) {
  return std::make_unique<NpzOutput>(std::move(file), names, batched);
}

}  // namespace ferry::cli
