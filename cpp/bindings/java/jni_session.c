/* Sessions. */
#include <stdlib.h>
#include <string.h>

#include "jni.h"

NATIVE(jlong, openSession)
(JNIEnv* env, jclass type, jlong bundle, jbyteArray engine, jbyteArray device, jint threads) {
  (void)type;
  char* name = text_of(env, engine);
  char* where = text_of(env, device);
  ferry_session* session = NULL;
  check(env, ferry_session_open(bundle_at(bundle), name, where, threads, &session));
  free(name);
  free(where);
  return (jlong)(intptr_t)session;
}

NATIVE(void, closeSession)(JNIEnv* env, jclass type, jlong session) {
  (void)env, (void)type;
  ferry_session_close(session_at(session));
}

NATIVE(jbyteArray, runtime)(JNIEnv* env, jclass type, jlong session) {
  (void)type;
  return text_bytes(env, ferry_session_runtime(session_at(session)));
}

NATIVE(jbyteArray, numerics)(JNIEnv* env, jclass type, jlong session) {
  (void)type;
  return text_bytes(env, ferry_session_numerics(session_at(session)));
}

NATIVE(jobjectArray, run)
(JNIEnv* env, jclass type, jlong session, jobjectArray names, jintArray dtypes, jobjectArray shapes, jobjectArray data) {
  (void)type;
  const lent inputs = lend(env, names, dtypes, shapes, data);
  if (inputs.views == NULL) return NULL;
  ferry_outputs* outputs = NULL;
  check(env, ferry_session_run(session_at(session), inputs.views, inputs.count, &outputs));
  give_back(inputs);
  return outputs_array(env, outputs);
}

/* The same members in the same order; the bytes of a direct buffer may be written. */
static ferry_tensor_buffer* buffers_of(JNIEnv* env, lent tensors) {
  ferry_tensor_buffer* buffers = calloc(tensors.count + 1, sizeof *buffers);
  if (buffers == NULL) throw_out_of_memory(env);
  for (size_t i = 0; buffers != NULL && i < tensors.count; ++i) {
    const ferry_tensor_view* view = &tensors.views[i];
    buffers[i] = (ferry_tensor_buffer){view->name, view->dtype, view->rank, view->shape, (void*)view->data, view->bytes};
  }
  return buffers;
}

NATIVE(void, runInto)
(JNIEnv* env, jclass type, jlong session, jobjectArray names, jintArray dtypes, jobjectArray shapes, jobjectArray data,
 jobjectArray output_names, jintArray output_dtypes, jobjectArray output_shapes, jobjectArray output_data) {
  (void)type;
  const lent inputs = lend(env, names, dtypes, shapes, data);
  const lent outputs = inputs.views == NULL ? inputs : lend(env, output_names, output_dtypes, output_shapes, output_data);
  ferry_tensor_buffer* buffers = outputs.views == NULL ? NULL : buffers_of(env, outputs);
  if (buffers != NULL)
    check(env, ferry_session_run_into(session_at(session), inputs.views, inputs.count, buffers, outputs.count));
  free(buffers);
  give_back(outputs);
  give_back(inputs);
}
