// Models of the engine `c` that are linked into the program (ferry/c_model.h): a static one loads no machine code.
#include <algorithm>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "c_files.hpp"
#include "c_object.hpp"
#include "ferry/c_model.h"
#include "ferry/engine.hpp"

namespace ferry::c {

namespace {

struct Linked {
  std::mutex mutex;
  std::vector<const ferry_c_model*> models;
  std::map<std::pair<const ferry_c_model*, std::string>, Library> opened;  // with these weights
};

// Made when the first model registers, which is before `main`.
Linked& linked() {
  static auto& only = *new Linked;
  return only;
}

const ferry_c_model& find_model(const Files& files) {
  const auto& models = linked().models;
  const auto is_built_from = [&](const ferry_c_model* model) { return files.digest == model->sources; };
  const auto found = std::find_if(models.begin(), models.end(), is_built_from);
  if (found == models.end())
    throw engines::Refusal{FERRY_UNAVAILABLE, files.sources[0].path + ": got none of the " + std::to_string(models.size()) +
                                                  " models that are linked into this program, and it loads no machine code; "
                                                  "expected that of these C files; link the bundle in (ferry/c_model.h)"};
  return **found;
}

}  // namespace

const Library& load_once(const ferry_open_request& request) {
  const auto files = sources_of(request);
  const std::scoped_lock lock(linked().mutex);
  const auto& model = find_model(files);
  const auto key = std::pair(&model, files.weights);
  const auto found = linked().opened.find(key);
  if (found != linked().opened.end()) return found->second;
  require_own_weights(request);
  const auto path = files.sources[0].path + ", linked in";
  require_passed(path, model.selftest());
  return linked().opened.emplace(key, Library{path, model.run, model.input, model.output}).first->second;
}

void prepare(const ferry_open_request& /*request*/) {}

}  // namespace ferry::c

extern "C" int32_t ferry_register_c_model(const ferry_c_model* model) {
  if (model == nullptr) return FERRY_USAGE;
  try {
    auto& all = ferry::c::linked();
    const std::scoped_lock lock(all.mutex);
    all.models.push_back(model);
    return FERRY_OK;
  } catch (const std::bad_alloc&) {
    return FERRY_IO;
  }
}
