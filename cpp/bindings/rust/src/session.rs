//! Sessions and their outputs.

use std::ffi::{CStr, CString};
use std::ptr;

use crate::abi::*;
use crate::{c_text, check, text_of, DType, Error, ErrorCode, Input, Output, Result, Tensor};

/// A bundle on one engine and device. May be used by many threads at once, and outlives its bundle.
pub struct Session(pub(crate) *mut ferry_session);

// SAFETY: ferry_session_run may be called from many threads at once.
unsafe impl Send for Session {}
unsafe impl Sync for Session {}

impl Session {
    /// As `LibTorch 2.13.0`.
    pub fn runtime(&self) -> String {
        unsafe { text_of(ferry_session_runtime(self.0)) }.unwrap_or_default()
    }

    /// What decides the bits of the results (FORMAT.md section 5).
    pub fn numerics(&self) -> String {
        unsafe { text_of(ferry_session_numerics(self.0)) }.unwrap_or_default()
    }

    /// Computes the outputs of inputs given by name, in any order. Inputs are lent, not copied.
    pub fn run(&self, inputs: &[Input<'_>]) -> Result<Outputs> {
        let (lent, mut handle) = (Lent::new(inputs)?, ptr::null_mut());
        check(unsafe { ferry_session_run(self.0, lent.views.as_ptr(), lent.views.len(), &mut handle) })?;
        Ok(Outputs(handle))
    }

    /// The same into memory of the caller, which has the dtypes and shapes that the outputs of these inputs have. What it holds after
    /// a failure is not defined. Memory that is lent to another tensor too cannot be given:
    ///
    /// ```compile_fail,E0499
    /// fn twice(session: &ferry::Session, image: ferry::Input, memory: &mut [f32]) -> ferry::Result<()> {
    ///     let logits = ferry::Output::new("logits", &[1, 10], memory);
    ///     let probabilities = ferry::Output::new("probabilities", &[1, 10], memory);
    ///     session.run_into(&[image], &mut [logits, probabilities])
    /// }
    /// ```
    ///
    /// nor can a session that was closed:
    ///
    /// ```compile_fail,E0382
    /// fn closed(session: ferry::Session, image: ferry::Input) -> ferry::Result<ferry::Outputs> {
    ///     drop(session);
    ///     session.run(&[image])
    /// }
    /// ```
    pub fn run_into(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let lent = Lent::new(inputs)?;
        let names = outputs.iter().map(|output| c_text(output.name)).collect::<Result<Vec<_>>>()?;
        let buffers: Vec<_> = outputs.iter_mut().zip(&names).map(|(output, name)| buffer_of(output, name)).collect();
        let (views, count) = (lent.views.as_ptr(), lent.views.len());
        check(unsafe { ferry_session_run_into(self.0, views, count, buffers.as_ptr(), buffers.len()) })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        unsafe { ferry_session_close(self.0) }
    }
}

/// Inputs as C takes them, with the names that the views point to.
pub(crate) struct Lent {
    pub(crate) views: Vec<ferry_tensor_view>,
    _names: Vec<CString>,
}

impl Lent {
    pub(crate) fn new(inputs: &[Input<'_>]) -> Result<Lent> {
        let names = inputs.iter().map(|input| c_text(input.name)).collect::<Result<Vec<_>>>()?;
        Ok(Lent { views: inputs.iter().zip(&names).map(|(input, name)| view_of(input, name)).collect(), _names: names })
    }
}

fn buffer_of(output: &mut Output<'_>, name: &CStr) -> ferry_tensor_buffer {
    ferry_tensor_buffer {
        name: name.as_ptr(),
        dtype: output.dtype as i32,
        rank: output.shape.len() as i32,
        shape: output.shape.as_ptr(),
        data: output.bytes.as_mut_ptr().cast(),
        bytes: output.bytes.len(),
    }
}

fn view_of(input: &Input<'_>, name: &CStr) -> ferry_tensor_view {
    ferry_tensor_view {
        name: name.as_ptr(),
        dtype: input.dtype as i32,
        rank: input.shape.len() as i32,
        shape: input.shape.as_ptr(),
        data: input.bytes.as_ptr().cast(),
        bytes: input.bytes.len(),
    }
}

/// The outputs of one call, in the contract's order.
pub struct Outputs(pub(crate) *mut ferry_outputs);

// SAFETY: nothing changes the outputs of a call.
unsafe impl Send for Outputs {}
unsafe impl Sync for Outputs {}

impl Outputs {
    pub fn get(&self, index: usize) -> Option<Tensor<'_>> {
        // SAFETY: libferry has checked its outputs against the contract: names are UTF-8, dtypes known, pointers whole.
        unsafe {
            let view = ferry_outputs_get(self.0, index).as_ref()?;
            let bytes = if view.bytes == 0 { &[] } else { std::slice::from_raw_parts(view.data.cast(), view.bytes) };
            let shape = if view.rank == 0 { &[] } else { std::slice::from_raw_parts(view.shape, view.rank as usize) };
            Some(Tensor { name: CStr::from_ptr(view.name).to_str().ok()?, dtype: DType::of(view.dtype).ok()?, shape, bytes })
        }
    }

    /// Fails with `BadInput` for a name that the contract does not have.
    pub fn find(&self, name: &str) -> Result<Tensor<'_>> {
        let missing = || {
            let names: Vec<_> = self.iter().map(|tensor| tensor.name).collect();
            Error::new(ErrorCode::BadInput, format!("output {name}: not there, expected one of {}", names.join(", ")))
        };
        self.iter().find(|tensor| tensor.name == name).ok_or_else(missing)
    }

    pub fn iter(&self) -> impl Iterator<Item = Tensor<'_>> {
        (0..).map_while(|i| self.get(i))
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        unsafe { ferry_outputs_close(self.0) }
    }
}
