/* Between Java's values and C's. */
#ifndef FERRY_JNI_H
#define FERRY_JNI_H

#include <ferry/ferry.h>
#include <jni.h>

#define NATIVE(result, name) JNIEXPORT result JNICALL Java_io_torchferry_Native_##name

/* Throws a FerryException, unless something was thrown already. */
void throw_error(JNIEnv* env, int32_t code, const char* text);
void throw_out_of_memory(JNIEnv* env);
/* Throws what this thread's last call of the C ABI said, unless the code is FERRY_OK. */
void check(JNIEnv* env, int32_t code);

/* A text that the caller frees; NULL of null. */
char* text_of(JNIEnv* env, jbyteArray bytes);
jbyteArray bytes_of(JNIEnv* env, const void* data, size_t size);
/* null of NULL. */
jbyteArray text_bytes(JNIEnv* env, const char* text);
jlongArray shape_of(JNIEnv* env, const int64_t* dims, int32_t rank);

/* Tensors of Java, lent to one call: names, dtypes, shapes and direct buffers, one of each for every tensor. */
typedef struct lent {
  ferry_tensor_view* views; /* NULL where an exception was thrown */
  size_t count;
} lent;
lent lend(JNIEnv* env, jobjectArray names, jintArray dtypes, jobjectArray shapes, jobjectArray data);
void give_back(lent tensors);
/* An array of io.torchferry.Tensor; closes the outputs. null of NULL. */
jobjectArray outputs_array(JNIEnv* env, ferry_outputs* outputs);

static inline ferry_bundle* bundle_at(jlong handle) { return (ferry_bundle*)(intptr_t)handle; }
static inline ferry_session* session_at(jlong handle) { return (ferry_session*)(intptr_t)handle; }
static inline ferry_batcher* batcher_at(jlong handle) { return (ferry_batcher*)(intptr_t)handle; }
static inline ferry_call* call_at(jlong handle) { return (ferry_call*)(intptr_t)handle; }

#endif
