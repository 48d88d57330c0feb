/* Between JavaScript's values and C's. */
#ifndef FERRY_NODE_VALUES_H
#define FERRY_NODE_VALUES_H

#include <ferry/ferry.h>
#include <node_api.h>

enum { max_arguments = 8 };

/* An Error with a property `code`. */
napi_value error_value(napi_env env, int32_t code, const char* text);
/* Throws an Error with a property `code`; returns NULL. */
napi_value throw_error(napi_env env, int32_t code, const char* text);
/* The same of what this thread's last call of the C ABI said. */
napi_value throw_last(napi_env env);
/* null of NULL. */
napi_value text_value(napi_env env, const char* text);
void set_text(napi_env env, napi_value object, const char* key, const char* text);
/* A text that the caller frees; NULL for what is no text or holds a NUL. */
char* text_of(napi_env env, napi_value value);
/* The pointer in an External of ours; NULL for anything else. A freed one holds NULL. */
void* handle_of(napi_env env, napi_value value);
/* An External, whose box `close` gets when nothing refers to it any more. */
napi_value boxed(napi_env env, void* handle, napi_finalize close);
/* `values` has max_arguments places; those that were not given are undefined. */
size_t arguments_of(napi_env env, napi_callback_info info, napi_value* values);

/* Functions of the module; each says in its comment what it takes. */
napi_value open_bundle(napi_env env, napi_callback_info info);
napi_value open_memory(napi_env env, napi_callback_info info);
napi_value describe_bundle(napi_env env, napi_callback_info info);
napi_value allow_native(napi_env env, napi_callback_info info);
napi_value isolate(napi_env env, napi_callback_info info);
napi_value allow_operator(napi_env env, napi_callback_info info);
napi_value set_timeout(napi_env env, napi_callback_info info);
napi_value open_session(napi_env env, napi_callback_info info);
napi_value describe_session(napi_env env, napi_callback_info info);
napi_value close_session_now(napi_env env, napi_callback_info info);
napi_value run(napi_env env, napi_callback_info info);
napi_value run_into(napi_env env, napi_callback_info info);
napi_value open_batcher(napi_env env, napi_callback_info info);
napi_value close_batcher_now(napi_env env, napi_callback_info info);
napi_value submit(napi_env env, napi_callback_info info);
napi_value get_call(napi_env env, napi_callback_info info);
napi_value cancel_call(napi_env env, napi_callback_info info);
napi_value verify(napi_env env, napi_callback_info info);

#endif
