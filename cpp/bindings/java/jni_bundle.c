/* Bundles. */
#include <stdlib.h>

#include "jni.h"

NATIVE(jlong, openBundle)(JNIEnv* env, jclass type, jbyteArray path, jbyteArray keys) {
  (void)type;
  char* at = text_of(env, path);
  char* trusted = text_of(env, keys);
  ferry_bundle* bundle = NULL;
  check(env, trusted == NULL ? ferry_bundle_open(at, &bundle) : ferry_bundle_open_trusted(at, trusted, &bundle));
  free(at);
  free(trusted);
  return (jlong)(intptr_t)bundle;
}

NATIVE(jlong, openMemory)(JNIEnv* env, jclass type, jbyteArray content) {
  (void)type;
  ferry_bundle* bundle = NULL;
  if (content == NULL) return check(env, ferry_bundle_open_memory(NULL, 0, &bundle)), 0; /* no JVM survives a NULL array */
  jbyte* bytes = (*env)->GetByteArrayElements(env, content, NULL);
  if (bytes == NULL) return 0;
  check(env, ferry_bundle_open_memory(bytes, (size_t)(*env)->GetArrayLength(env, content), &bundle));
  (*env)->ReleaseByteArrayElements(env, content, bytes, JNI_ABORT);
  return (jlong)(intptr_t)bundle;
}

NATIVE(void, closeBundle)(JNIEnv* env, jclass type, jlong bundle) {
  (void)env, (void)type;
  ferry_bundle_close(bundle_at(bundle));
}

NATIVE(jbyteArray, name)(JNIEnv* env, jclass type, jlong bundle) {
  (void)type;
  return text_bytes(env, ferry_bundle_name(bundle_at(bundle)));
}

NATIVE(jbyteArray, digest)(JNIEnv* env, jclass type, jlong bundle) {
  (void)type;
  return text_bytes(env, ferry_bundle_digest(bundle_at(bundle)));
}

NATIVE(jbyteArray, manifest)(JNIEnv* env, jclass type, jlong bundle) {
  (void)type;
  return text_bytes(env, ferry_bundle_manifest(bundle_at(bundle)));
}

NATIVE(jbyteArray, engine)(JNIEnv* env, jclass type, jlong bundle, jint index) {
  (void)type;
  return text_bytes(env, ferry_bundle_engine(bundle_at(bundle), (size_t)index));
}

NATIVE(jbyteArray, className)(JNIEnv* env, jclass type, jlong bundle, jint index) {
  (void)type;
  return text_bytes(env, ferry_bundle_class(bundle_at(bundle), (size_t)index));
}

static jobject spec_value(JNIEnv* env, const ferry_tensor_spec* spec) {
  if (spec == NULL) return NULL;
  jclass type = (*env)->FindClass(env, "io/torchferry/TensorSpec");
  jmethodID make = type == NULL ? NULL : (*env)->GetMethodID(env, type, "<init>", "([BI[J)V");
  if (make == NULL) return NULL;
  return (*env)->NewObject(env, type, make, text_bytes(env, spec->name), (jint)spec->dtype,
                           shape_of(env, spec->shape, spec->rank));
}

NATIVE(jobject, input)(JNIEnv* env, jclass type, jlong bundle, jint index) {
  (void)type;
  return spec_value(env, ferry_bundle_input(bundle_at(bundle), (size_t)index));
}

NATIVE(jobject, output)(JNIEnv* env, jclass type, jlong bundle, jint index) {
  (void)type;
  return spec_value(env, ferry_bundle_output(bundle_at(bundle), (size_t)index));
}

NATIVE(void, allowNative)(JNIEnv* env, jclass type, jlong bundle) {
  (void)env, (void)type;
  ferry_bundle_allow_native(bundle_at(bundle));
}

NATIVE(void, allowOperator)(JNIEnv* env, jclass type, jlong bundle, jbyteArray name) {
  (void)type;
  char* text = text_of(env, name);
  check(env, ferry_bundle_allow_operator(bundle_at(bundle), text));
  free(text);
}

NATIVE(void, isolate)(JNIEnv* env, jclass type, jlong bundle) {
  (void)env, (void)type;
  ferry_bundle_isolate(bundle_at(bundle));
}

NATIVE(void, setTimeout)(JNIEnv* env, jclass type, jlong bundle, jdouble seconds) {
  (void)env, (void)type;
  ferry_bundle_set_timeout(bundle_at(bundle), seconds);
}

NATIVE(jobject, verify)
(JNIEnv* env, jclass type, jlong bundle, jbyteArray engine, jbyteArray device, jint threads, jint calls) {
  (void)type;
  char* name = text_of(env, engine);
  char* where = text_of(env, device);
  ferry_text* text = NULL;
  const int32_t code = ferry_verify(bundle_at(bundle), name, where, threads, calls, &text);
  free(name);
  free(where);
  jobject report = NULL;
  jclass kind = text == NULL ? NULL : (*env)->FindClass(env, "io/torchferry/Report");
  jmethodID make = kind == NULL ? NULL : (*env)->GetMethodID(env, kind, "<init>", "(Z[B[B)V");
  if (make != NULL)
    report = (*env)->NewObject(env, kind, make, (jboolean)(code == FERRY_OK), text_bytes(env, ferry_text_get(text)),
                               text_bytes(env, code == FERRY_OK ? "" : ferry_last_error()));
  if (text == NULL) check(env, code);
  ferry_text_close(text);
  return report;
}
