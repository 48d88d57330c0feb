//! Tensors that go in and come out.

use crate::{Error, ErrorCode, Result};

/// The element types of a contract, as in ferry/engine.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum DType {
    Bool = 0,
    UInt8 = 1,
    Int8 = 2,
    Int16 = 3,
    Int32 = 4,
    Int64 = 5,
    Float32 = 6,
    Float64 = 7,
    Float16 = 8,
    BFloat16 = 9,
}

impl DType {
    pub(crate) fn of(number: i32) -> Result<DType> {
        use DType::*;
        [Bool, UInt8, Int8, Int16, Int32, Int64, Float32, Float64, Float16, BFloat16]
            .into_iter()
            .find(|dtype| *dtype as i32 == number)
            .ok_or_else(|| Error::new(ErrorCode::Internal, format!("dtype: got number {number}, expected 0 to 9")))
    }

    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            DType::Bool | DType::UInt8 | DType::Int8 => 1,
            DType::Int16 | DType::Float16 | DType::BFloat16 => 2,
            DType::Int32 | DType::Float32 => 4,
            DType::Int64 | DType::Float64 => 8,
        }
    }
}

mod sealed {
    pub trait Sealed {}
}

/// The 16 bits of an IEEE 754 binary16, of which stable Rust has no numbers; the crate `half` converts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct F16(pub u16);

/// The upper 16 bits of an `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct BF16(pub u16);

/// A number that a tensor can hold. Booleans are bytes 0 and 1: see [`Tensor::bytes`] and [`Input::from_bytes`].
pub trait Element: Copy + sealed::Sealed {
    const DTYPE: DType;
}

macro_rules! elements {
    ($($type:ty => $dtype:ident),*) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DTYPE: DType = DType::$dtype;
        }
    )*};
}
elements!(u8 => UInt8, i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64, f32 => Float32, f64 => Float64, F16 => Float16, BF16 => BFloat16);

/// A tensor that is lent to a call: contiguous, in C order.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    pub(crate) name: &'a str,
    pub(crate) dtype: DType,
    pub(crate) shape: &'a [i64],
    pub(crate) bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub fn new<T: Element>(name: &'a str, shape: &'a [i64], values: &'a [T]) -> Input<'a> {
        // SAFETY: the values of an Element have no padding, and every byte may be read.
        let bytes = unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), std::mem::size_of_val(values)) };
        Input { name, dtype: T::DTYPE, shape, bytes }
    }

    /// Bytes that are not aligned to their element are refused by the call.
    pub fn from_bytes(name: &'a str, dtype: DType, shape: &'a [i64], bytes: &'a [u8]) -> Input<'a> {
        Input { name, dtype, shape, bytes }
    }
}

/// Memory of the caller for one output: contiguous, in C order.
#[derive(Debug)]
pub struct Output<'a> {
    pub(crate) name: &'a str,
    pub(crate) dtype: DType,
    pub(crate) shape: &'a [i64],
    pub(crate) bytes: &'a mut [u8],
}

impl<'a> Output<'a> {
    pub fn new<T: Element>(name: &'a str, shape: &'a [i64], values: &'a mut [T]) -> Output<'a> {
        // SAFETY: the values of an Element have no padding, and any bytes are one.
        let bytes = unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast(), std::mem::size_of_val(values)) };
        Output { name, dtype: T::DTYPE, shape, bytes }
    }

    /// Bytes that are not aligned to their element are refused by the call.
    pub fn from_bytes(name: &'a str, dtype: DType, shape: &'a [i64], bytes: &'a mut [u8]) -> Output<'a> {
        Output { name, dtype, shape, bytes }
    }
}

/// An output: lives in the memory of libferry until the `Outputs` it came with are dropped.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    pub name: &'a str,
    pub dtype: DType,
    pub shape: &'a [i64],
    /// Little-endian, in C order.
    pub bytes: &'a [u8],
}

impl<'a> Tensor<'a> {
    /// The elements. Fails with `BadInput` where `T` is not the tensor's dtype.
    pub fn values<T: Element>(&self) -> Result<&'a [T]> {
        if T::DTYPE != self.dtype {
            let message = format!("output {}: got {:?}, expected {:?}", self.name, self.dtype, T::DTYPE);
            return Err(Error::new(ErrorCode::BadInput, message));
        }
        if self.bytes.is_empty() {
            return Ok(&[]);
        }
        // SAFETY: libferry aligns its tensors, any bytes are a number, and the dtype is that of T.
        Ok(unsafe { std::slice::from_raw_parts(self.bytes.as_ptr().cast(), self.bytes.len() / T::DTYPE.size()) })
    }
}
