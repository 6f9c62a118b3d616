//! What the processor can do at most, measured.

use std::time::Instant;

use anyhow::{Context, Result};
use glassbox_kernels::roofline::{multiply_add, read};
use glassbox_kernels::simd::Level;
use serde_json::{Value, json};

/// How often each is measured: the best time counts, for it is a limit that is looked for.
const TIMES: usize = 7;
/// How many turns a piece of multiply-adds has: a few milliseconds.
const TURNS: usize = 2_000_000;
/// How many bytes are read: more than the caches of any processor hold.
pub(crate) const LARGE: usize = 1 << 30;
/// As many as the caches of few processors hold.
pub(crate) const MEDIUM: usize = 1 << 28;

/// The limits of this machine, on the threads that there are.
pub(crate) struct Roofline {
    /// Floating point operations in a second, two for each multiply-add of f32.
    pub(crate) flops: f64,
    /// Bytes read from memory in a second, from huge pages where the system has them.
    pub(crate) bytes: f64,
}

impl Roofline {
    /// Measures them; of memory with so many bytes.
    ///
    /// # Errors
    ///
    /// Where there is no memory to read.
    pub(crate) fn measure(size: usize) -> Result<Roofline> {
        let pieces = glassbox_tensor::threads() * 4;
        let flops = best(|| multiply_add(pieces, TURNS) as f64);
        let mut memory =
            memmap2::MmapMut::map_anon(size).context("there is no memory to measure how fast it is read")?;
        #[cfg(target_os = "linux")]
        // Where the system has none, small pages do.
        let _ = memory.advise(memmap2::Advice::HugePage);
        // Pages that were never written are all the same one.
        memory.fill(1);
        // SAFETY: any bits are an i32.
        let (_, elements, _) = unsafe { memory.align_to::<i32>() };
        let bytes = best(|| {
            std::hint::black_box(read(elements));
            size_of_val(elements) as f64
        });
        Ok(Roofline { flops, bytes })
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Value {
        json!({
            "level": Level::best().name(),
            "multiply_add_flops_per_s": self.flops,
            "memory_read_bytes_per_s": self.bytes,
        })
    }
}

/// How much of what `work` does is done in a second, at best.
fn best(mut work: impl FnMut() -> f64) -> f64 {
    let mut most = 0.0;
    for _ in 0..TIMES {
        let started = Instant::now();
        let done = work();
        most = f64::max(most, done / started.elapsed().as_secs_f64());
    }
    most
}
