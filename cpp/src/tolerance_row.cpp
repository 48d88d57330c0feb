#include "tolerance_row.hpp"

#include <algorithm>
#include <vector>

#include "text.hpp"

namespace ferry {

const Tolerance* find_tolerance(const Bundle& bundle, const Session& session, const std::string& output,
                                std::string_view numerics) {
  const std::vector<Tolerance>& rows = bundle.manifest().tolerances;
  const std::string device = session.device().substr(0, session.device().find(':'));
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const Tolerance& one) {
    return one.engine == session.engine() && one.device == device && one.output == output && one.numerics == numerics;
  });
  return row == rows.end() ? nullptr : &*row;
}

const Tolerance& any_tolerance(const Bundle& bundle, const Session& session, const std::string& output) {
  if (const Tolerance* row = find_tolerance(bundle, session, output, "any")) return *row;
  throw Error(ErrorCode::format, text::shown(bundle.folder()) + ": tolerances: got no row for engine " + session.engine() +
                                     ", device " + session.device() + ", output " + output +
                                     ", expected one; nothing is compared against nothing: export the bundle again");
}

}  // namespace ferry
