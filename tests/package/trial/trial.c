/* trial BUNDLE: a user's program in C; see tests/package/test_wheel_languages.py. */
#include <ferry/ferry.h>
#include <stdio.h>

static int run(const ferry_bundle* bundle) {
  const int64_t shape[2] = {1, 2};
  const float values[2] = {5.1F, 1.8F};
  const ferry_tensor_view input = {"measurements", FERRY_FLOAT32, 2, shape, values, sizeof values};
  ferry_session* session = NULL;
  ferry_outputs* outputs = NULL;
  int code = ferry_session_open(bundle, "c", "cpu", 1, &session);
  if (code == FERRY_OK) code = ferry_session_run(session, &input, 1, &outputs);
  if (code == FERRY_OK) printf("%.9g\n", *(const float*)ferry_outputs_find(outputs, "net_input")->data);
  ferry_outputs_close(outputs);
  ferry_session_close(session);
  return code;
}

int main(int count, char** words) {
  ferry_bundle* bundle = NULL;
  ferry_text* report = NULL;
  int code = count == 2 ? ferry_bundle_open(words[1], &bundle) : FERRY_USAGE;
  ferry_bundle_allow_native(bundle);
  if (code == FERRY_OK) code = run(bundle);
  if (code == FERRY_OK) code = ferry_verify(bundle, "c", "cpu", 1, 1, &report);
  if (code == FERRY_OK) puts("same");
  if (code != FERRY_OK) fprintf(stderr, "error: %s\n", ferry_last_error());
  ferry_text_close(report);
  ferry_bundle_close(bundle);
  return code;
}
