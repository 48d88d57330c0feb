//! torchferry for Rust: opens a bundle, runs it, and replays its goldens. The C++ half of torchferry, libferry, does the work.
//!
//! ```no_run
//! let bundle = ferry::Bundle::open("exported/digits-mlp")?;
//! let session = bundle.session("onnxruntime", "cpu", 1)?;
//! let outputs = session.run(&[ferry::Input::new("image", &[1, 8, 8], &[0u8; 64])])?;
//! println!("{}", outputs.find("label")?.values::<i64>()?[0]);
//! assert!(bundle.verify(None, "cpu", 1, 1)?.passed);
//! # Ok::<(), ferry::Error>(())
//! ```

mod abi;
mod batcher;
mod session;
mod tensor;

use std::ffi::{CStr, CString};
use std::fmt;
use std::os::raw::c_char;
use std::path::Path;
use std::ptr;

pub use batcher::{Batcher, BatcherOptions, Call};
pub use session::{Outputs, Session};
pub use tensor::{DType, Element, Input, Output, Tensor, BF16, F16};

/// The exit codes of FORMAT.md section 11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ErrorCode {
    Mismatch = 1,
    Usage = 2,
    Format = 3,
    Integrity = 4,
    Unavailable = 5,
    Io = 6,
    BadInput = 7,
    Internal = 9,
}

/// One line that says what was found, what was expected and what to do.
#[derive(Clone, Debug)]
pub struct Error {
    pub code: ErrorCode,
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn new(code: ErrorCode, message: String) -> Error {
        Error { code, message }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Turns a code of the C ABI, and this thread's last text, into a Result.
fn check(code: i32) -> Result<()> {
    use ErrorCode::*;
    if code == 0 {
        return Ok(());
    }
    let known = [Mismatch, Usage, Format, Integrity, Unavailable, Io, BadInput];
    let code = known.into_iter().find(|known| *known as i32 == code).unwrap_or(Internal);
    // SAFETY: the text lives until this thread's next failure.
    Err(Error::new(code, unsafe { text_of(ferry_last_error()) }.unwrap_or_default()))
}

use abi::*;

/// A copy of a text of the C ABI; None of NULL.
unsafe fn text_of(text: *const c_char) -> Option<String> {
    (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
}

fn c_text(text: impl Into<Vec<u8>>) -> Result<CString> {
    CString::new(text).map_err(|_| Error::new(ErrorCode::Usage, "text: got a NUL in it, expected none".to_owned()))
}

fn c_path(path: &Path) -> Result<CString> {
    #[cfg(unix)]
    let bytes = std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str());
    #[cfg(not(unix))]
    let bytes = path.to_string_lossy().into_owned().into_bytes();
    c_text(bytes)
}

/// A tensor of the contract; a symbolic dim, such as the batch, is -1.
#[derive(Clone, Debug)]
pub struct TensorSpec {
    pub name: String,
    pub dtype: DType,
    pub shape: Vec<i64>,
}

/// What replaying the goldens came to: the JSON of `verify --json`, and why it is no proof.
#[derive(Clone, Debug)]
pub struct Report {
    pub passed: bool,
    pub json: String,
    pub problem: String,
}

/// An opened bundle, whose files have been checked.
pub struct Bundle(*mut ferry_bundle);

// SAFETY: libferry only reads an opened bundle; what changes one here takes `&mut self`.
unsafe impl Send for Bundle {}
unsafe impl Sync for Bundle {}

impl Bundle {
    /// Opens a folder, or the one file that `ferry pack` wrote; every file's SHA-256 is checked here.
    pub fn open(path: impl AsRef<Path>) -> Result<Bundle> {
        let (path, mut handle) = (c_path(path.as_ref())?, ptr::null_mut());
        check(unsafe { ferry_bundle_open(path.as_ptr(), &mut handle) })?;
        Ok(Bundle(handle))
    }

    /// The same, only if a key of `keys`, a file or a folder, signed it.
    pub fn open_trusted(path: impl AsRef<Path>, keys: impl AsRef<Path>) -> Result<Bundle> {
        let (path, keys, mut handle) = (c_path(path.as_ref())?, c_path(keys.as_ref())?, ptr::null_mut());
        check(unsafe { ferry_bundle_open_trusted(path.as_ptr(), keys.as_ptr(), &mut handle) })?;
        Ok(Bundle(handle))
    }

    /// Opens a copy of the bytes of a file that `ferry pack` wrote.
    pub fn from_memory(bytes: &[u8]) -> Result<Bundle> {
        let mut handle = ptr::null_mut();
        check(unsafe { ferry_bundle_open_memory(bytes.as_ptr().cast(), bytes.len(), &mut handle) })?;
        Ok(Bundle(handle))
    }

    pub fn name(&self) -> String {
        unsafe { text_of(ferry_bundle_name(self.0)) }.unwrap_or_default()
    }

    /// SHA-256 of the manifest, which stands for the whole bundle.
    pub fn digest(&self) -> String {
        unsafe { text_of(ferry_bundle_digest(self.0)) }.unwrap_or_default()
    }

    /// The JSON of FORMAT.md section 2.
    pub fn manifest(&self) -> String {
        unsafe { text_of(ferry_bundle_manifest(self.0)) }.unwrap_or_default()
    }

    /// The engines that the bundle has artifacts for.
    pub fn engines(&self) -> Vec<String> {
        (0..).map_while(|i| unsafe { text_of(ferry_bundle_engine(self.0, i)) }).collect()
    }

    /// The names of the classes; empty where the contract has none.
    pub fn classes(&self) -> Vec<String> {
        (0..).map_while(|i| unsafe { text_of(ferry_bundle_class(self.0, i)) }).collect()
    }

    pub fn inputs(&self) -> Result<Vec<TensorSpec>> {
        (0..).map_while(|i| unsafe { ferry_bundle_input(self.0, i).as_ref() }).map(spec_of).collect()
    }

    pub fn outputs(&self) -> Result<Vec<TensorSpec>> {
        (0..).map_while(|i| unsafe { ferry_bundle_output(self.0, i).as_ref() }).map(spec_of).collect()
    }

    /// Lets later sessions run machine code of the bundle, which has all rights of this process.
    pub fn allow_native(&mut self) {
        unsafe { ferry_bundle_allow_native(self.0) }
    }

    /// Lets TorchScript use an operator, as `aten::as_strided`, that may do more than compute.
    pub fn allow_operator(&mut self, name: &str) -> Result<()> {
        let name = c_text(name)?;
        check(unsafe { ferry_bundle_allow_operator(self.0, name.as_ptr()) })
    }

    /// Lets later sessions run their model in a child process that can do nothing but compute.
    pub fn isolate(&mut self) {
        unsafe { ferry_bundle_isolate(self.0) }
    }

    /// Seconds for opening and for each call of later sessions; 0: no limit.
    pub fn set_timeout(&mut self, seconds: f64) {
        unsafe { ferry_bundle_set_timeout(self.0, seconds) }
    }

    /// One engine of the bundle on a device, `cpu` or `cuda:N`, warmed up.
    pub fn session(&self, engine: &str, device: &str, threads: i32) -> Result<Session> {
        let (engine, device, mut handle) = (c_text(engine)?, c_text(device)?, ptr::null_mut());
        check(unsafe { ferry_session_open(self.0, engine.as_ptr(), device.as_ptr(), threads, &mut handle) })?;
        Ok(Session(handle))
    }

    /// A session of its own whose calls, of many threads, are joined to larger ones. Fails with `Usage` for a contract whose samples
    /// depend on each other, and for an engine that does not keep the bits that `options` ask for.
    pub fn batcher(&self, engine: &str, device: &str, threads: i32, options: &BatcherOptions) -> Result<Batcher> {
        let (engine, device, wait) = (c_text(engine)?, c_text(device)?, batcher::microseconds(options.wait));
        let (most, queue, keep_bits) = (options.most, options.queue, options.keep_bits as i32);
        let mut handle = ptr::null_mut();
        check(unsafe {
            ferry_batcher_open(self.0, engine.as_ptr(), device.as_ptr(), threads, most, wait, queue, keep_bits, &mut handle)
        })?;
        Ok(Batcher(handle))
    }

    /// Replays the goldens on one engine, or on all that can run here. Fails where there is nothing to report.
    pub fn verify(&self, engine: Option<&str>, device: &str, threads: i32, calls: i32) -> Result<Report> {
        let (engine, device, mut text) = (engine.map(c_text).transpose()?, c_text(device)?, ptr::null_mut());
        let named = engine.as_ref().map_or(ptr::null(), |engine| engine.as_ptr());
        let judged = check(unsafe { ferry_verify(self.0, named, device.as_ptr(), threads, calls, &mut text) });
        if text.is_null() {
            judged.clone()?;
        }
        let json = unsafe { text_of(ferry_text_get(text)) }.unwrap_or_default();
        unsafe { ferry_text_close(text) };
        Ok(Report { passed: judged.is_ok(), json, problem: judged.err().map_or(String::new(), |error| error.message) })
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        unsafe { ferry_bundle_close(self.0) }
    }
}

fn spec_of(spec: &ferry_tensor_spec) -> Result<TensorSpec> {
    let shape = (0..spec.rank as usize).map(|i| unsafe { *spec.shape.add(i) }).collect();
    Ok(TensorSpec { name: unsafe { text_of(spec.name) }.unwrap_or_default(), dtype: DType::of(spec.dtype)?, shape })
}
