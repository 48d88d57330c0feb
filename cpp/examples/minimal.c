/* Opens the bundle argv[1] and runs one sample of zeros through it with the engine argv[2]; for bundles with one input. */
#include <ferry/ferry.h>
#include <stdio.h>
#include <stdlib.h>

static int run(ferry_bundle* bundle, ferry_session* session) {
  const ferry_tensor_spec* spec = ferry_bundle_input(bundle, 0);
  int64_t shape[8] = {0};
  size_t bytes = ferry_element_size(spec->dtype);
  for (int32_t i = 0; i < spec->rank; ++i) {
    shape[i] = spec->shape[i] < 0 ? 1 : spec->shape[i]; /* a symbolic dim, such as the batch N, is -1 */
    bytes *= (size_t)shape[i];
  }
  void* zeros = calloc(bytes, 1);
  const ferry_tensor_view input = {spec->name, spec->dtype, spec->rank, shape, zeros, bytes};
  ferry_outputs* outputs = NULL;
  const int32_t code = ferry_session_run(session, &input, 1, &outputs);
  for (size_t i = 0; i < ferry_outputs_count(outputs); ++i) {
    const ferry_tensor_view* output = ferry_outputs_get(outputs, i);
    printf("%s: rank %d, %zu bytes\n", output->name, (int)output->rank, output->bytes);
  }
  ferry_outputs_close(outputs);
  free(zeros);
  return code;
}

int main(int argc, char** argv) {
  ferry_bundle* bundle = NULL;
  ferry_session* session = NULL;
  int32_t code = ferry_bundle_open(argc > 1 ? argv[1] : NULL, &bundle);
  if (code == FERRY_OK) code = ferry_session_open(bundle, argc > 2 ? argv[2] : "torchscript", "cpu", 1, &session);
  if (code == FERRY_OK) code = run(bundle, session);
  if (code != FERRY_OK) fprintf(stderr, "error: %s\n", ferry_last_error());
  ferry_session_close(session);
  ferry_bundle_close(bundle);
  return code;
}
