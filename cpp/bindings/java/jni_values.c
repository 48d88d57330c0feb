#include <stdlib.h>
#include <string.h>

#include "jni.h"

void throw_error(JNIEnv* env, int32_t code, const char* text) {
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

void throw_out_of_memory(JNIEnv* env) { throw_error(env, FERRY_IO, "memory: got none, expected enough for this call"); }

void check(JNIEnv* env, int32_t code) {
  if (code != FERRY_OK) throw_error(env, code, ferry_last_error());
}

char* text_of(JNIEnv* env, jbyteArray bytes) {
  if (bytes == NULL) return NULL;
  const jsize size = (*env)->GetArrayLength(env, bytes);
  char* text = calloc((size_t)size + 1, 1);
  if (text == NULL)
    throw_out_of_memory(env);
  else
    (*env)->GetByteArrayRegion(env, bytes, 0, size, (jbyte*)text);
  return text;
}

jbyteArray bytes_of(JNIEnv* env, const void* data, size_t size) {
  if (size > INT32_MAX) {
    throw_error(env, FERRY_IO, "memory: got an output above 2 GiB, expected what an array of Java holds; use smaller batches");
    return NULL;
  }
  jbyteArray bytes = (*env)->NewByteArray(env, (jsize)size);
  if (bytes != NULL && size > 0) (*env)->SetByteArrayRegion(env, bytes, 0, (jsize)size, data);
  return bytes;
}

jbyteArray text_bytes(JNIEnv* env, const char* text) { return text == NULL ? NULL : bytes_of(env, text, strlen(text)); }

jlongArray shape_of(JNIEnv* env, const int64_t* dims, int32_t rank) {
  jlongArray shape = (*env)->NewLongArray(env, rank);
  if (shape != NULL && rank > 0) (*env)->SetLongArrayRegion(env, shape, 0, rank, (const jlong*)dims);
  return shape;
}

void give_back(lent tensors) {
  for (size_t i = 0; tensors.views != NULL && i < tensors.count; ++i) {
    free((void*)tensors.views[i].name);
    free((void*)tensors.views[i].shape);
  }
  free(tensors.views);
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
    throw_out_of_memory(env);
  else
    (*env)->GetLongArrayRegion(env, shape, 0, rank, (jlong*)dims);
}

lent lend(JNIEnv* env, jobjectArray names, jintArray dtypes, jobjectArray shapes, jobjectArray data) {
  const jsize count = (*env)->GetArrayLength(env, names);
  lent tensors = {calloc((size_t)count + 1, sizeof *tensors.views), (size_t)count};
  if (tensors.views == NULL) throw_out_of_memory(env);
  for (jsize i = 0; i < count && !(*env)->ExceptionCheck(env); ++i) {
    jint dtype = 0;
    (*env)->GetIntArrayRegion(env, dtypes, i, 1, &dtype);
    fill_view(env, &tensors.views[i], (*env)->GetObjectArrayElement(env, names, i), dtype,
              (*env)->GetObjectArrayElement(env, shapes, i), (*env)->GetObjectArrayElement(env, data, i));
  }
  if (!(*env)->ExceptionCheck(env)) return tensors;
  give_back(tensors);
  return (lent){NULL, 0};
}

static jobjectArray tensors_of(JNIEnv* env, const ferry_outputs* outputs) {
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

jobjectArray outputs_array(JNIEnv* env, ferry_outputs* outputs) {
  jobjectArray all = outputs == NULL ? NULL : tensors_of(env, outputs);
  ferry_outputs_close(outputs);
  return all;
}
