//! Rust types whose memory is that of one tensor element, so that slices can be lent without copying.

use half::{bf16, f16};

use crate::DType;

mod sealed {
    pub trait Sealed {}
}

/// A Rust type with the same size and bits as one element of [`Element::DTYPE`].
///
/// # Safety
///
/// Implementors have no padding, no drop glue, and the little-endian layout of `DTYPE`; every bit pattern
/// for which [`Element::bytes_are_valid`] holds is a value of the type.
pub unsafe trait Element: Copy + Send + Sync + 'static + sealed::Sealed {
    /// The dtype whose elements look like this type.
    const DTYPE: DType;

    /// Whether `bytes` hold only values of this type.
    #[doc(hidden)]
    fn bytes_are_valid(_bytes: &[u8]) -> bool {
        true
    }
}

macro_rules! element {
    ($($type:ty => $dtype:ident),* $(,)?) => {$(
        impl sealed::Sealed for $type {}
        // SAFETY: a plain number (or a transparent wrapper of one): no padding, every pattern is a value,
        // and the crate compiles for little-endian targets only.
        unsafe impl Element for $type {
            const DTYPE: DType = DType::$dtype;
        }
    )*};
}

macro_rules! float8 {
    ($($name:ident: $doc:literal),* $(,)?) => {$(
        #[doc = $doc]
        #[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
        #[repr(transparent)]
        pub struct $name(
            /// The element's bits.
            pub u8,
        );
        element!($name => $name);
    )*};
}

float8! {
    F8E4M3FN: "The bits of one f8e4m3fn element. Equality compares bits.",
    F8E4M3FNUZ: "The bits of one f8e4m3fnuz element. Equality compares bits.",
    F8E5M2: "The bits of one f8e5m2 element. Equality compares bits.",
    F8E5M2FNUZ: "The bits of one f8e5m2fnuz element. Equality compares bits.",
    F8E8M0: "The bits of one f8e8m0 element. Equality compares bits.",
}

element! {
    f64 => F64, f32 => F32, f16 => F16, bf16 => BF16,
    i64 => I64, i32 => I32, i16 => I16, i8 => I8,
    u64 => U64, u32 => U32, u16 => U16, u8 => U8,
}

impl sealed::Sealed for bool {}
// SAFETY: bool is one byte without padding; `bytes_are_valid` admits only 0 and 1.
unsafe impl Element for bool {
    const DTYPE: DType = DType::Bool;

    fn bytes_are_valid(bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| *byte <= 1)
    }
}

/// The bytes of a slice of elements.
pub(crate) fn as_bytes<T: Element>(values: &[T]) -> &[u8] {
    // SAFETY: elements have no padding, so every byte is initialised; the length is that of the slice.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// `bytes` as elements, if they are aligned, a whole number of elements, and hold values of `T`.
pub(crate) fn from_bytes<T: Element>(bytes: &[u8]) -> Option<&[T]> {
    if bytes.is_empty() {
        return Some(&[]);
    }
    let aligned = bytes.as_ptr().addr().is_multiple_of(align_of::<T>());
    let whole = bytes.len().is_multiple_of(size_of::<T>());
    if !aligned || !whole || !T::bytes_are_valid(bytes) {
        return None;
    }
    // SAFETY: alignment, length and validity were checked above; the lifetime is that of `bytes`.
    Some(unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<T>()) })
}

/// `bytes` as writable elements, under the same conditions as [`from_bytes`].
pub(crate) fn from_bytes_mut<T: Element>(bytes: &mut [u8]) -> Option<&mut [T]> {
    if bytes.is_empty() {
        return Some(&mut []);
    }
    from_bytes::<T>(bytes)?;
    // SAFETY: `from_bytes` checked alignment, length and validity; the borrow of `bytes` is exclusive, and
    // any value of `T` written leaves valid bytes behind.
    Some(unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len() / size_of::<T>()) })
}
