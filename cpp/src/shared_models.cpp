#include "shared_models.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace ferry {

namespace {

using Load = std::function<std::shared_ptr<const void>()>;

// One model, and who may open it now. Its lock is held while it is opened: others wait for that model only.
struct Place {
  std::mutex mutex;
  std::weak_ptr<ferry_engine_model> model;
};

// Everything that decides what a model is, each text behind its length.
class Key {
 public:
  explicit Key(const ferry_engine& table, const ferry_open_request& request) {
    add(table.name);
    add(request.format);
    add(request.device);
    for (const auto count : {request.file_count, request.require_count, request.allowed_operator_count})
      add(std::to_string(count));
    add(std::to_string(request.threads));
    add(std::to_string(request.models));
    add(std::to_string(request.lasting));
    for (const auto& file : std::span(request.files, request.file_count)) {
      add(file.path);
      add(file.sha256);
    }
    for (const auto& requirement : std::span(request.requires_, request.require_count)) {
      add(requirement.key);
      add(requirement.value);
    }
    add_specs({request.inputs, request.input_count});
    add_specs({request.outputs, request.output_count});
    for (const char* name : std::span(request.allowed_operators, request.allowed_operator_count)) add(name);
  }
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  void add(std::string_view text) { text_.append(std::to_string(text.size())).append(":").append(text); }
  void add_specs(std::span<const ferry_tensor_spec> specs) {
    add(std::to_string(specs.size()));
    for (const auto& spec : specs) {
      add(spec.name);
      add(std::to_string(spec.dtype));
      for (const auto dim : std::span(spec.shape, static_cast<std::size_t>(spec.rank))) add(std::to_string(dim));
    }
  }

  std::string text_;
};

std::shared_ptr<Place> place_of(const std::string& key) {
  static std::mutex mutex;
  static auto& places = *new std::map<std::string, std::shared_ptr<Place>>;  // sessions of static storage may outlive it
  const std::scoped_lock lock(mutex);
  // Nobody else has a place but those who open now: those of models that are gone are forgotten.
  std::erase_if(places, [](const auto& item) {
    if (item.second.use_count() != 1) return false;
    const std::scoped_lock alone(item.second->mutex);
    return item.second->model.expired();
  });
  auto& place = places[key];
  if (place == nullptr) place = std::make_shared<Place>();
  return place;
}

std::int32_t open_alone(const ferry_engine& table, const ferry_open_request& request, const Load& load,
                        std::shared_ptr<ferry_engine_model>& model, ferry_engine_error& error) {
  std::shared_ptr<const void> files = load();
  ferry_engine_model* opened = nullptr;
  const std::int32_t code = table.open(&request, &opened, &error);
  if (opened == nullptr) return code == FERRY_OK ? static_cast<std::int32_t>(FERRY_INTERNAL) : code;
  auto close = [&table, files = std::move(files)](ferry_engine_model* closed) mutable {
    table.close(closed);
    files.reset();  // whoever has seen the model still keeps this function
  };
  model = std::shared_ptr<ferry_engine_model>(opened, std::move(close));
  return code;
}

}  // namespace

std::int32_t open_shared(const ferry_engine& table, const ferry_open_request& request, const Load& load,
                         std::shared_ptr<ferry_engine_model>& model, ferry_engine_error& error) {
  if ((table.flags & FERRY_ENGINE_SHARES_MODELS) == 0) return open_alone(table, request, load, model, error);
  const auto place = place_of(Key(table, request).text());
  const std::scoped_lock lock(place->mutex);
  model = place->model.lock();
  if (model != nullptr) return FERRY_OK;
  const std::int32_t code = open_alone(table, request, load, model, error);
  if (code == FERRY_OK) place->model = model;
  return code;
}

}  // namespace ferry
