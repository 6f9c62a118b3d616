//! What computes fast on a processor: kernels over slices and strides, written once over a small [vector trait](simd::Simd)
//! and compiled for every set of instructions that the processor at hand may have, of which one is chosen at run time.
//!
//! This crate knows no graph and no op. A kernel is given numbers, sizes and strides, and says in its documentation in
//! which order it rounds. Work that is split over threads is split by sizes alone, never by the number of threads, and goes
//! through [`parallel_for`](glassbox_tensor::parallel_for).

pub mod attention;
pub mod conv;
mod epilogue;
pub mod gemm;
pub mod math;
mod memory;
pub mod quant;
pub mod recurrent;
pub mod roofline;
pub mod simd;
pub mod tile;

pub use epilogue::Epilogue;
