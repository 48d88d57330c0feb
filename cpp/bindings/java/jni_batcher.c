/* Batchers and the calls that wait in them. */
#include <stdlib.h>

#include "jni.h"

NATIVE(jlong, openBatcher)
(JNIEnv* env, jclass type, jlong bundle, jbyteArray engine, jbyteArray device, jint threads, jlong most, jlong wait_us,
 jlong queue, jboolean keep_bits) {
  (void)type;
  char* name = text_of(env, engine);
  char* where = text_of(env, device);
  ferry_batcher* batcher = NULL;
  check(env,
        ferry_batcher_open(bundle_at(bundle), name, where, threads, (size_t)most, wait_us, (size_t)queue, keep_bits, &batcher));
  free(name);
  free(where);
  return (jlong)(intptr_t)batcher;
}

NATIVE(void, closeBatcher)(JNIEnv* env, jclass type, jlong batcher) {
  (void)env, (void)type;
  ferry_batcher_close(batcher_at(batcher));
}

NATIVE(jlong, submit)
(JNIEnv* env, jclass type, jlong batcher, jobjectArray names, jintArray dtypes, jobjectArray shapes, jobjectArray data,
 jlong limit_us) {
  (void)type;
  const lent inputs = lend(env, names, dtypes, shapes, data);
  if (inputs.views == NULL) return 0;
  ferry_call* call = NULL;
  check(env, ferry_batcher_submit(batcher_at(batcher), inputs.views, inputs.count, limit_us, &call));
  give_back(inputs);
  return (jlong)(intptr_t)call;
}

NATIVE(jobjectArray, get)(JNIEnv* env, jclass type, jlong call) {
  (void)type;
  ferry_outputs* outputs = NULL;
  check(env, ferry_call_get(call_at(call), &outputs));
  return outputs_array(env, outputs);
}

NATIVE(void, cancel)(JNIEnv* env, jclass type, jlong call) {
  (void)type;
  check(env, ferry_call_cancel(call_at(call)));
}

NATIVE(void, closeCall)(JNIEnv* env, jclass type, jlong call) {
  (void)env, (void)type;
  ferry_call_close(call_at(call));
}
