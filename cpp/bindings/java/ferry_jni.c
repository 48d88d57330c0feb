/* torchferry for Java: the native methods of io.torchferry.Native. */
#include <ferry/ferry.h>
#include <jni.h>
#include <stdlib.h>
#include <string.h>

#define NATIVE(result, name) JNIEXPORT result JNICALL Java_io_torchferry_Native_##name

static const char* const out_of_memory = "memory: got none, expected enough for this call";

static void throw_error(JNIEnv* env, int32_t code, const char* text) {
  if ((*env)->ExceptionCheck(env)) return;
  jclass type = (*env)->FindClass(env, "io/torchferry/FerryException");
  jclass native = (*env)->FindClass(env, "io/torchferry/Native");
  if (type == NULL || native == NULL) return;
  jmethodID make = (*env)->GetMethodID(env, type, "<init>", "(ILjava/lang/String;)V");
  jmethodID read = (*env)->GetStaticMethodID(env, native, "text", "([B)Ljava/lang/String;");
  jbyteArray bytes = (*env)->NewByteArray(env, (jsize)strlen(text));
  if (make == NULL || read == NULL || bytes == NULL) return;
  (*env)->SetByteArrayRegion(env, bytes, 0, (jsize)strlen(text), (const jbyte*)text);
  jobject message = (*env)->CallStaticObjectMethod(env, native, read, bytes);
  if ((*env)->ExceptionCheck(env)) return;
  jobject error = (*env)->NewObject(env, type, make, (jint)code, message);
  if (error != NULL) (*env)->Throw(env, error);
}

static void check(JNIEnv* env, int32_t code) {
  if (code != FERRY_OK) throw_error(env, code, ferry_last_error());
}

/* A text that the caller frees; NULL of null. */
static char* text_of(JNIEnv* env, jbyteArray bytes) {
  if (bytes == NULL) return NULL;
  const jsize size = (*env)->GetArrayLength(env, bytes);
  char* text = calloc((size_t)size + 1, 1);
  if (text == NULL)
    throw_error(env, FERRY_IO, out_of_memory);
  else
    (*env)->GetByteArrayRegion(env, bytes, 0, size, (jbyte*)text);
  return text;
}

static jbyteArray bytes_of(JNIEnv* env, const void* data, size_t size) {
  if (size > INT32_MAX) {
    throw_error(env, FERRY_IO, "memory: got an output above 2 GiB, expected what an array of Java holds; use smaller batches");
    return NULL;
  }
  jbyteArray bytes = (*env)->NewByteArray(env, (jsize)size);
  if (bytes != NULL && size > 0) (*env)->SetByteArrayRegion(env, bytes, 0, (jsize)size, data);
  return bytes;
}

static jbyteArray text_bytes(JNIEnv* env, const char* text) { return text == NULL ? NULL : bytes_of(env, text, strlen(text)); }

static jlongArray shape_of(JNIEnv* env, const int64_t* dims, int32_t rank) {
  jlongArray shape = (*env)->NewLongArray(env, rank);
  if (shape != NULL && rank > 0) (*env)->SetLongArrayRegion(env, shape, 0, rank, (const jlong*)dims);
  return shape;
}

static ferry_bundle* bundle_at(jlong handle) { return (ferry_bundle*)(intptr_t)handle; }
static ferry_session* session_at(jlong handle) { return (ferry_session*)(intptr_t)handle; }

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

static void free_views(ferry_tensor_view* views, jsize count) {
  for (jsize i = 0; i < count; ++i) {
    free((void*)views[i].name);
    free((void*)views[i].shape);
  }
  free(views);
}

static void fill_view(JNIEnv* env, ferry_tensor_view* view, jbyteArray name, jint dtype, jlongArray shape, jobject data) {
  const jsize rank = (*env)->GetArrayLength(env, shape);
  int64_t* dims = calloc((size_t)rank + 1, sizeof *dims);
  view->name = text_of(env, name);
  view->dtype = dtype;
  view->rank = rank;
  view->shape = dims;
  view->data = (*env)->GetDirectBufferAddress(env, data);
  view->bytes = (size_t)(*env)->GetDirectBufferCapacity(env, data);
  if (dims == NULL)
    throw_error(env, FERRY_IO, out_of_memory);
  else
    (*env)->GetLongArrayRegion(env, shape, 0, rank, (jlong*)dims);
}

static jobjectArray outputs_array(JNIEnv* env, const ferry_outputs* outputs) {
  jclass type = (*env)->FindClass(env, "io/torchferry/Tensor");
  jmethodID make = type == NULL ? NULL : (*env)->GetStaticMethodID(env, type, "output", "([BI[J[B)Lio/torchferry/Tensor;");
  if (make == NULL) return NULL;
  const jsize count = (jsize)ferry_outputs_count(outputs);
  jobjectArray all = (*env)->NewObjectArray(env, count, type, NULL);
  for (jsize i = 0; i < count && !(*env)->ExceptionCheck(env); ++i) {
    const ferry_tensor_view* view = ferry_outputs_get(outputs, (size_t)i);
    jbyteArray bytes = bytes_of(env, view->data, view->bytes);
    if (bytes == NULL) return NULL;
    jobject tensor = (*env)->CallStaticObjectMethod(env, type, make, text_bytes(env, view->name), (jint)view->dtype,
                                                    shape_of(env, view->shape, view->rank), bytes);
    if (!(*env)->ExceptionCheck(env)) (*env)->SetObjectArrayElement(env, all, i, tensor);
  }
  return all;
}

NATIVE(jobjectArray, run)
(JNIEnv* env, jclass type, jlong session, jobjectArray names, jintArray dtypes, jobjectArray shapes, jobjectArray data) {
  (void)type;
  const jsize count = (*env)->GetArrayLength(env, names);
  ferry_tensor_view* views = calloc((size_t)count + 1, sizeof *views);
  if (views == NULL) {
    throw_error(env, FERRY_IO, out_of_memory);
    return NULL;
  }
  for (jsize i = 0; i < count && !(*env)->ExceptionCheck(env); ++i) {
    jint dtype = 0;
    (*env)->GetIntArrayRegion(env, dtypes, i, 1, &dtype);
    fill_view(env, &views[i], (*env)->GetObjectArrayElement(env, names, i), dtype, (*env)->GetObjectArrayElement(env, shapes, i),
              (*env)->GetObjectArrayElement(env, data, i));
  }
  jobjectArray results = NULL;
  if (!(*env)->ExceptionCheck(env)) {
    ferry_outputs* outputs = NULL;
    check(env, ferry_session_run(session_at(session), views, (size_t)count, &outputs));
    if (outputs != NULL) results = outputs_array(env, outputs);
    ferry_outputs_close(outputs);
  }
  free_views(views, count);
  return results;
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
