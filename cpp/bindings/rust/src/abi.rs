//! The C ABI, as in ferry/ferry.h and ferry/engine.h.

use std::ffi::c_void;
use std::os::raw::{c_char, c_double};

macro_rules! handles {
    ($($name:ident),*) => {$(
        #[repr(C)]
        pub struct $name {
            _opaque: [u8; 0],
        }
    )*};
}
handles!(ferry_batcher, ferry_bundle, ferry_call, ferry_outputs, ferry_session, ferry_text);

#[repr(C)]
pub struct ferry_tensor_view {
    pub name: *const c_char,
    pub dtype: i32,
    pub rank: i32,
    pub shape: *const i64,
    pub data: *const c_void,
    pub bytes: usize,
}

#[repr(C)]
pub struct ferry_tensor_buffer {
    pub name: *const c_char,
    pub dtype: i32,
    pub rank: i32,
    pub shape: *const i64,
    pub data: *mut c_void,
    pub bytes: usize,
}

#[repr(C)]
pub struct ferry_tensor_spec {
    pub name: *const c_char,
    pub dtype: i32,
    pub rank: i32,
    pub shape: *const i64,
}

extern "C" {
    pub fn ferry_last_error() -> *const c_char;
    pub fn ferry_bundle_open(path: *const c_char, bundle: *mut *mut ferry_bundle) -> i32;
    pub fn ferry_bundle_open_memory(bytes: *const c_void, size: usize, bundle: *mut *mut ferry_bundle) -> i32;
    pub fn ferry_bundle_open_trusted(path: *const c_char, keys: *const c_char, bundle: *mut *mut ferry_bundle) -> i32;
    pub fn ferry_bundle_close(bundle: *mut ferry_bundle);
    pub fn ferry_bundle_name(bundle: *const ferry_bundle) -> *const c_char;
    pub fn ferry_bundle_digest(bundle: *const ferry_bundle) -> *const c_char;
    pub fn ferry_bundle_manifest(bundle: *const ferry_bundle) -> *const c_char;
    pub fn ferry_bundle_engine(bundle: *const ferry_bundle, index: usize) -> *const c_char;
    pub fn ferry_bundle_class(bundle: *const ferry_bundle, index: usize) -> *const c_char;
    pub fn ferry_bundle_input(bundle: *const ferry_bundle, index: usize) -> *const ferry_tensor_spec;
    pub fn ferry_bundle_output(bundle: *const ferry_bundle, index: usize) -> *const ferry_tensor_spec;
    pub fn ferry_bundle_allow_native(bundle: *mut ferry_bundle);
    pub fn ferry_bundle_allow_operator(bundle: *mut ferry_bundle, name: *const c_char) -> i32;
    pub fn ferry_bundle_isolate(bundle: *mut ferry_bundle);
    pub fn ferry_bundle_set_timeout(bundle: *mut ferry_bundle, seconds: c_double);
    pub fn ferry_session_open(
        bundle: *const ferry_bundle,
        engine: *const c_char,
        device: *const c_char,
        threads: i32,
        session: *mut *mut ferry_session,
    ) -> i32;
    pub fn ferry_session_close(session: *mut ferry_session);
    pub fn ferry_session_runtime(session: *const ferry_session) -> *const c_char;
    pub fn ferry_session_numerics(session: *const ferry_session) -> *const c_char;
    pub fn ferry_session_run(
        session: *const ferry_session,
        inputs: *const ferry_tensor_view,
        count: usize,
        outputs: *mut *mut ferry_outputs,
    ) -> i32;
    pub fn ferry_session_run_into(
        session: *const ferry_session,
        inputs: *const ferry_tensor_view,
        count: usize,
        outputs: *const ferry_tensor_buffer,
        output_count: usize,
    ) -> i32;
    pub fn ferry_batcher_open(
        bundle: *const ferry_bundle,
        engine: *const c_char,
        device: *const c_char,
        threads: i32,
        most: usize,
        wait_us: i64,
        queue: usize,
        keep_bits: i32,
        batcher: *mut *mut ferry_batcher,
    ) -> i32;
    pub fn ferry_batcher_close(batcher: *mut ferry_batcher);
    pub fn ferry_batcher_submit(
        batcher: *const ferry_batcher,
        inputs: *const ferry_tensor_view,
        count: usize,
        limit_us: i64,
        call: *mut *mut ferry_call,
    ) -> i32;
    pub fn ferry_call_get(call: *mut ferry_call, outputs: *mut *mut ferry_outputs) -> i32;
    pub fn ferry_call_cancel(call: *mut ferry_call) -> i32;
    pub fn ferry_call_close(call: *mut ferry_call);
    pub fn ferry_outputs_get(outputs: *const ferry_outputs, index: usize) -> *const ferry_tensor_view;
    pub fn ferry_outputs_close(outputs: *mut ferry_outputs);
    pub fn ferry_verify(
        bundle: *const ferry_bundle,
        engine: *const c_char,
        device: *const c_char,
        threads: i32,
        calls: i32,
        report: *mut *mut ferry_text,
    ) -> i32;
    pub fn ferry_text_get(text: *const ferry_text) -> *const c_char;
    pub fn ferry_text_close(text: *mut ferry_text);
}
