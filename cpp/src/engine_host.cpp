#include "engine_host.hpp"

#include <cstdint>

#include "engine_library.hpp"
#include "open_request.hpp"
#include "shared_models.hpp"

namespace ferry {

namespace {

class EngineHere final : public EngineHost {
 public:
  explicit EngineHere(const ferry_engine& table) : table_(&table) {}

  [[nodiscard]] std::uint32_t flags() const noexcept override { return table_->flags; }
  [[nodiscard]] std::string runtime() const override { return table_->runtime; }
  [[nodiscard]] std::string numerics() const override {
    const char* text = table_->numerics();
    return text == nullptr ? "" : text;
  }

  [[nodiscard]] std::int32_t open(OpenRequest& request, ferry_engine_error& error) override {
    return open_shared(*table_, request.get(), [&] { return request.load(); }, model_, error);
  }
  [[nodiscard]] std::int32_t run(std::span<const ferry_tensor_view> inputs, ferry_output_sink sink, void* context,
                                 ferry_engine_error& error) override {
    return table_->run(model_.get(), inputs.data(), inputs.size(), sink, context, &error);
  }
  [[nodiscard]] bool writes() const noexcept override { return (table_->flags & FERRY_ENGINE_WRITES) != 0; }
  [[nodiscard]] std::int32_t run_into(std::span<const ferry_tensor_view> inputs, std::span<const ferry_tensor_buffer> outputs,
                                      ferry_engine_error& error) override {
    return table_->run_into(model_.get(), inputs.data(), inputs.size(), outputs.data(), outputs.size(), &error);
  }
  [[nodiscard]] std::int32_t concurrency() const noexcept override {
    return table_->concurrency == nullptr ? 0 : table_->concurrency(model_.get());
  }
  [[nodiscard]] bool profiles() const noexcept override { return (table_->flags & FERRY_ENGINE_PROFILES) != 0; }
  [[nodiscard]] std::int32_t profile(const ferry_open_request& request, std::span<const ferry_tensor_view> inputs,
                                     std::size_t calls, ferry_layer_sink sink, void* context,
                                     ferry_engine_error& error) override {
    return table_->profile(&request, inputs.data(), inputs.size(), calls, sink, context, &error);
  }
  [[nodiscard]] bool has_direct() const noexcept override { return table_->run_direct != nullptr; }
  [[nodiscard]] std::int32_t run_direct(std::span<const ferry_tensor_view> inputs, std::span<std::int64_t> nanoseconds,
                                        ferry_engine_error& error) override {
    return table_->run_direct(model_.get(), inputs.data(), inputs.size(), nanoseconds.size(), nanoseconds.data(), &error);
  }

 private:
  const ferry_engine* table_;
  std::shared_ptr<ferry_engine_model> model_;
};

}  // namespace

std::unique_ptr<EngineHost> open_here(const std::string& engine) { return std::make_unique<EngineHere>(load_engine(engine)); }

}  // namespace ferry
