/* An engine that no folder beside libferry has: linked into this program (ferry_register_engine), or as a plugin in a folder that
 * the program names (ferry_add_engine_folder). argv: the toy bundle, the folder of the plugins, and `linked` or `folder`. */
#include <ferry/engine.h>
#include <ferry/ferry.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

const ferry_engine* ferry_engine_entry(void); /* plugins/toy.cpp, which is linked in */

/* Doubling is what the toy bundle's goldens say. */
static void check_it_runs(const ferry_bundle* bundle) {
  const float values[3] = {1, 2, 4};
  const int64_t shape[2] = {1, 3};
  const ferry_tensor_view x = {"x", FERRY_FLOAT32, 2, shape, values, sizeof values};
  ferry_session* session = NULL;
  ferry_outputs* outputs = NULL;
  ferry_text* report = NULL;
  CHECK(ferry_session_open(bundle, "toy", "cpu", 1, &session) == FERRY_OK);
  CHECK(session != NULL && ferry_session_run(session, &x, 1, &outputs) == FERRY_OK);
  if (outputs != NULL) {
    const float* scaled = ferry_outputs_find(outputs, "scaled")->data;
    CHECK(scaled[0] == 2 && scaled[1] == 4 && scaled[2] == 8);
  }
  CHECK(ferry_verify(bundle, "toy", "cpu", 1, 1, &report) == FERRY_OK);
  ferry_text_close(report);
  ferry_outputs_close(outputs);
  ferry_session_close(session);
}

static void check_it_is_not_here(const ferry_bundle* bundle) {
  ferry_session* session = NULL;
  CHECK(ferry_session_open(bundle, "toy", "cpu", 1, &session) == FERRY_UNAVAILABLE);
  CHECK(strstr(ferry_last_error(), "engine toy: plugin: got no libferry_engine_toy") != NULL);
}

static void check_refused_tables(void) {
  ferry_engine table = *ferry_engine_entry();
  table.abi_version += 1;
  CHECK(ferry_register_engine(&table) == FERRY_UNAVAILABLE);
  CHECK(strstr(ferry_last_error(), "abi_version: got ") != NULL);
  table = *ferry_engine_entry();
  table.run = NULL;
  CHECK(ferry_register_engine(&table) == FERRY_UNAVAILABLE);
  CHECK(strstr(ferry_last_error(), "this program's table: table: got a null entry") != NULL);
  table = *ferry_engine_entry();
  table.name = "../toy";
  CHECK(ferry_register_engine(&table) == FERRY_UNAVAILABLE);
  CHECK(strstr(ferry_last_error(), "expected a word matching") != NULL);
  CHECK(ferry_register_engine(NULL) == FERRY_USAGE);
}

static void check_linked(const ferry_bundle* bundle) {
  ferry_engine second = *ferry_engine_entry();
  check_refused_tables();
  check_it_is_not_here(bundle);
  CHECK(ferry_register_engine(ferry_engine_entry()) == FERRY_OK);
  CHECK(ferry_register_engine(ferry_engine_entry()) == FERRY_OK); /* the same once more changes nothing */
  CHECK(ferry_register_engine(&second) == FERRY_USAGE);
  CHECK(strstr(ferry_last_error(), "engine toy: got a second table") != NULL);
  check_it_runs(bundle);
}

static void check_folder(const ferry_bundle* bundle, const char* plugins) {
  CHECK(ferry_add_engine_folder(NULL) == FERRY_USAGE);
  CHECK(ferry_add_engine_folder("plugins") == FERRY_USAGE);
  CHECK(strstr(ferry_last_error(), "plugins: got a relative folder of engines") != NULL);
  check_it_is_not_here(bundle);
  CHECK(ferry_add_engine_folder(plugins) == FERRY_OK);
  check_it_runs(bundle);
  CHECK(ferry_register_engine(ferry_engine_entry()) == FERRY_USAGE); /* too late: the plugin is open */
}

int main(int argc, char** argv) {
  ferry_bundle* bundle = NULL;
  if (argc != 4) return FERRY_USAGE;
  CHECK(ferry_bundle_open(argv[1], &bundle) == FERRY_OK);
  if (strcmp(argv[3], "linked") == 0)
    check_linked(bundle);
  else
    check_folder(bundle, argv[2]);
  ferry_bundle_close(bundle);
  printf(failures == 0 ? "registered engine: passed\n" : "registered engine: FAILED\n");
  return failures == 0 ? 0 : 1;
}
