//! Rows of a table of blocks as f32: an embedding that is looked up.

use glassbox_tensor::{BlockFormat, parallel_chunks};

/// Decodes the rows of a table that `rows` names, one after the other into `out`. `bytes` are the table's blocks as they
/// are in a file, `k` is the length of a row. Every number is what `glassbox-tensor` decodes, to the bit.
///
/// ```
/// use glassbox_kernels::quant::gather_rows;
/// use glassbox_tensor::BlockFormat;
/// // Two rows of 32: the scale 1 (f16 0x3c00) and codes, all 5, then all 7.
/// let table: Vec<u8> = [5u8, 7].iter().flat_map(|code| [0x00, 0x3c].into_iter().chain([*code; 32])).collect();
/// let mut out = [0.0; 64];
/// gather_rows(&table, BlockFormat::Q8_0, 32, &[1, 0], &mut out);
/// assert_eq!((out[0], out[63]), (7.0, 5.0));
/// ```
///
/// # Panics
/// Where `k` isn't a whole number of blocks, a row isn't in the table, or `out` isn't as long as the rows are.
pub fn gather_rows(bytes: &[u8], format: BlockFormat, k: usize, rows: &[usize], out: &mut [f32]) {
    assert!(k.is_multiple_of(format.block_elements()), "rows of {k} elements don't end with a block");
    assert!(rows.len().checked_mul(k) == Some(out.len()), "{} numbers for {} rows of {k}", out.len(), rows.len());
    if k == 0 {
        return;
    }
    let row_bytes = k / format.block_elements() * format.block_bytes();
    let table = bytes.len() / row_bytes;
    rows.iter().for_each(|row| assert!(*row < table, "row {row} of {table}"));
    // As many rows as take some microseconds.
    let together = (16_384 / k).max(1);
    parallel_chunks(out, together * k, &|at, out| {
        for (row, out) in rows[at * together..].iter().zip(out.chunks_exact_mut(k)) {
            format.decode_blocks(&bytes[row * row_bytes..][..row_bytes], out);
        }
    });
}
