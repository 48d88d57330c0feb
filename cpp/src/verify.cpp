// Replays a bundle's golden cases: everything runs first, then everything is compared (FORMAT.md sections 6 and 9).
#include <algorithm>
#include <ferry/ferry.hpp>

#include "manifest.hpp"
#include "text.hpp"

namespace ferry {

namespace {

struct Replayed {
  NamedTensors float32;
  NamedTensors float64;
  NamedTensors outputs;
};

std::string name_of(const Bundle& bundle) { return text::printable(bundle.folder().native()); }

Replayed replay(const Bundle& bundle, const Session& session, const GoldenCase& golden_case) {
  Replayed replayed{bundle.read_tensors(golden_case.float32), bundle.read_tensors(golden_case.float64), {}};
  const NamedTensors inputs = bundle.read_tensors(golden_case.inputs);
  try {
    replayed.outputs = session.run(inputs);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::bad_input) throw;
    throw Error(ErrorCode::format, name_of(bundle) + ": golden case " + golden_case.name + ": " + error.what());
  }
  return replayed;
}

// The row that holds for the session: `golden` where the numerics are those of the golden's machine, else `any`.
const Tolerance& tolerance_for(const Bundle& bundle, const Session& session, const std::string& output) {
  const Manifest& manifest = bundle.manifest();
  const std::string device = session.device().substr(0, session.device().find(':'));
  const auto find = [&](std::string_view numerics) {
    return std::find_if(manifest.tolerances.begin(), manifest.tolerances.end(), [&](const Tolerance& row) {
      return row.engine == session.engine() && row.device == device && row.output == output && row.numerics == numerics;
    });
  };
  const bool same_numerics = !session.numerics().empty() && session.numerics() == manifest.golden.numerics;
  auto row = same_numerics ? find("golden") : manifest.tolerances.end();
  if (row == manifest.tolerances.end()) row = find("any");
  if (row != manifest.tolerances.end()) return *row;
  throw Error(ErrorCode::format, name_of(bundle) + ": tolerances: got no row for engine " + session.engine() + ", device " +
                                     device + ", output " + output +
                                     ", expected one; nothing is compared against nothing: export the bundle again");
}

// What a row of kind label is judged by; empty for the others.
Scores golden_scores(const Bundle& bundle, const TensorSpec& label, const Tolerance& row, const NamedTensors& float64) {
  if (!row.scores) return {};
  const std::vector<TensorSpec>& outputs = bundle.contract().outputs;
  const auto spec = std::ranges::find(outputs, *row.scores, &TensorSpec::name);
  const auto axis = class_axis(*spec, label);
  return axis ? Scores{float64.find(*row.scores), *axis} : Scores{};
}

}  // namespace

EngineVerdict verify(const Bundle& bundle, const Session& session) {
  const std::vector<GoldenCase>& cases = bundle.manifest().golden.cases;
  std::vector<Replayed> replayed;
  replayed.reserve(cases.size());
  for (const GoldenCase& golden_case : cases) replayed.push_back(replay(bundle, session, golden_case));
  EngineVerdict result{session.engine(), session.device(), EngineVerdict::Status::passed, {}, session.numerics(), {}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    for (const TensorSpec& spec : bundle.contract().outputs) {
      const Tolerance& row = tolerance_for(bundle, session, spec.name);
      const NamedTensors& golden = row.reference == Reference::float32 ? replayed[i].float32 : replayed[i].float64;
      Verdict& verdict =
          result.verdicts.emplace_back(compare(replayed[i].outputs.find(spec.name), golden[spec.name], row, spec.allow_nonfinite,
                                               golden_scores(bundle, spec, row, replayed[i].float64)));
      verdict.golden_case = cases[i].name;
      if (!verdict.passed) result.status = EngineVerdict::Status::failed;
    }
  }
  if (result.verdicts.empty()) result.status = EngineVerdict::Status::failed;
  return result;
}

}  // namespace ferry
