//! Calls of many threads, joined to larger ones.

use std::ptr;
use std::time::Duration;

use crate::abi::*;
use crate::session::Lent;
use crate::{check, Input, Outputs, Result};

/// How calls are joined.
#[derive(Clone, Debug)]
pub struct BatcherOptions {
    /// Samples of one joined call, and no more than the contract's N may be.
    pub most: usize,
    /// How long a call waits for others while there are fewer than `most`.
    pub wait: Duration,
    /// Samples that may wait; a call beyond is `Unavailable` at once.
    pub queue: usize,
    /// Only an engine that computes one sample after the other, `c` or `c-int8`: each answer has the bits of a call of its own.
    pub keep_bits: bool,
}

impl Default for BatcherOptions {
    fn default() -> BatcherOptions {
        BatcherOptions { most: 16, wait: Duration::from_millis(1), queue: 1024, keep_bits: true }
    }
}

pub(crate) fn microseconds(time: Duration) -> i64 {
    time.as_micros().try_into().unwrap_or(i64::MAX / 1_000_000)
}

/// A session whose calls are joined; [`crate::Bundle::batcher`] makes one. Many threads may use it at once. Dropping it runs every
/// call that waits.
pub struct Batcher(pub(crate) *mut ferry_batcher);

// SAFETY: ferry_batcher_submit may be called from many threads at once.
unsafe impl Send for Batcher {}
unsafe impl Sync for Batcher {}

impl Batcher {
    /// Copies the inputs and does not wait. A call that has not begun within `limit` fails with `Unavailable`, as does one for which
    /// the queue is full.
    pub fn submit(&self, inputs: &[Input<'_>], limit: Option<Duration>) -> Result<Call> {
        let (lent, limit, mut handle) = (Lent::new(inputs)?, limit.map_or(-1, microseconds), ptr::null_mut());
        check(unsafe { ferry_batcher_submit(self.0, lent.views.as_ptr(), lent.views.len(), limit, &mut handle) })?;
        Ok(Call(handle))
    }

    /// The same, and waits for the answer.
    pub fn run(&self, inputs: &[Input<'_>], limit: Option<Duration>) -> Result<Outputs> {
        self.submit(inputs, limit)?.get()
    }
}

impl Drop for Batcher {
    fn drop(&mut self) {
        unsafe { ferry_batcher_close(self.0) }
    }
}

/// A call that waits in a batcher, or is answered.
pub struct Call(*mut ferry_call);

// SAFETY: one thread may take a call back while another waits for it.
unsafe impl Send for Call {}
unsafe impl Sync for Call {}

impl Call {
    /// Waits for the answer, once. Fails with `Unavailable` for a call that was cancelled or came too late.
    pub fn get(&self) -> Result<Outputs> {
        let mut handle = ptr::null_mut();
        check(unsafe { ferry_call_get(self.0, &mut handle) })?;
        Ok(Outputs(handle))
    }

    /// Takes the call back. Fails with `Mismatch` where it has begun.
    pub fn cancel(&self) -> Result<()> {
        check(unsafe { ferry_call_cancel(self.0) })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        unsafe { ferry_call_close(self.0) }
    }
}
