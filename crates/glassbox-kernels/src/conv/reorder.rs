//! Between NCHW and blocks of channels.

use glassbox_tensor::parallel_for;

use crate::simd::MAX_LANES;

/// Pixels that are reordered at once, for all channels of a block.
const PIXELS: usize = 1024;

/// Pixels whose channels are taken apart one after the other: their lines fit into the first cache.
const NEAR: usize = 64;

/// Reorders `[images, channels, pixels]` from NCHW to blocks of `block` channels; channels that only fill the last block
/// are zero.
///
/// ```
/// let mut blocks = [7.0; 16];
/// glassbox_kernels::conv::to_blocks(8, [1, 3, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &mut blocks);
/// assert_eq!(blocks[..4], [1.0, 3.0, 5.0, 0.0]);
/// assert_eq!(blocks[8..12], [2.0, 4.0, 6.0, 0.0]);
/// ```
///
/// # Panics
/// Where a slice hasn't the length that the sizes give, or the block is 0 or above 16.
pub fn to_blocks(block: usize, [images, channels, pixels]: [usize; 3], plain: &[f32], blocks: &mut [f32]) {
    let count = check(block, [images, channels, pixels], plain.len(), blocks.len());
    if count == 0 || pixels == 0 {
        return;
    }
    let pieces = pixels.div_ceil(PIXELS);
    let to = Start(blocks.as_mut_ptr());
    let to = &to;
    parallel_for(images * count * pieces, &|task| {
        let (plane, first) = (task / pieces, task % pieces * PIXELS);
        let (image, first_channel) = (plane / count, plane % count * block);
        let (taken, run) = (block.min(channels - first_channel), PIXELS.min(pixels - first));
        // SAFETY: each task has pixels of its own in a plane of its own.
        let to = unsafe { std::slice::from_raw_parts_mut(to.0.add((plane * pixels + first) * block), run * block) };
        let row = |channel: usize| &plain[(image * channels + first_channel + channel) * pixels + first..][..run];
        if taken == block && block == 8 {
            interleave::<8>(&std::array::from_fn(row), to);
        } else if taken == block && block == MAX_LANES {
            interleave::<MAX_LANES>(&std::array::from_fn(row), to);
        } else {
            to.fill(0.0);
            for channel in 0..taken {
                to[channel..].iter_mut().step_by(block).zip(row(channel)).for_each(|(to, x)| *to = *x);
            }
        }
    });
}

/// Writes the first of every row, then the second of every row, and so on.
fn interleave<const ROWS: usize>(rows: &[&[f32]; ROWS], to: &mut [f32]) {
    let run = to.len() / ROWS;
    let rows = rows.map(|row| &row[..run]);
    for (pixel, to) in to.chunks_exact_mut(ROWS).enumerate() {
        for (to, row) in to.iter_mut().zip(&rows) {
            *to = row[pixel];
        }
    }
}

/// Reorders `[images, channels, pixels]` from blocks of `block` channels to NCHW.
///
/// ```
/// let (plain, mut blocks, mut again) = ([1.0, 2.0, 3.0, 4.0], [0.0; 16], [0.0; 4]);
/// glassbox_kernels::conv::to_blocks(8, [1, 2, 2], &plain, &mut blocks);
/// glassbox_kernels::conv::from_blocks(8, [1, 2, 2], &blocks, &mut again);
/// assert_eq!(again, plain);
/// ```
///
/// # Panics
/// Where a slice hasn't the length that the sizes give, or the block is 0 or above 16.
pub fn from_blocks(block: usize, [images, channels, pixels]: [usize; 3], blocks: &[f32], plain: &mut [f32]) {
    let count = check(block, [images, channels, pixels], plain.len(), blocks.len());
    if count == 0 || pixels == 0 {
        return;
    }
    let pieces = pixels.div_ceil(PIXELS);
    let to = Start(plain.as_mut_ptr());
    let to = &to;
    parallel_for(images * count * pieces, &|task| {
        let (plane, first) = (task / pieces, task % pieces * PIXELS);
        let (image, first_channel) = (plane / count, plane % count * block);
        let (taken, run) = (block.min(channels - first_channel), PIXELS.min(pixels - first));
        let from = &blocks[(plane * pixels + first) * block..][..run * block];
        // A few pixels at a time, whose lines stay in the cache for all channels.
        for (part, from) in from.chunks(NEAR * block).enumerate() {
            for channel in 0..taken {
                let start = (image * channels + first_channel + channel) * pixels + first + part * NEAR;
                // SAFETY: each task has pixels of its own in channels of its own.
                let to = unsafe { std::slice::from_raw_parts_mut(to.0.add(start), from.len() / block) };
                match block {
                    8 => pick::<8>(from, channel, to),
                    MAX_LANES => pick::<MAX_LANES>(from, channel, to),
                    _ => to.iter_mut().zip(from[channel..].iter().step_by(block)).for_each(|(to, x)| *to = *x),
                }
            }
        }
    });
}

/// Copies one channel of pixels of `BLOCK` channels.
fn pick<const BLOCK: usize>(from: &[f32], channel: usize, to: &mut [f32]) {
    let (pixels, _) = from.as_chunks::<BLOCK>();
    to.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = pixel[channel]);
}

/// The number of blocks of channels of an image.
fn check(block: usize, [images, channels, pixels]: [usize; 3], plain: usize, blocks: usize) -> usize {
    assert!((1..=MAX_LANES).contains(&block), "a block has 1 to {MAX_LANES} channels");
    let count = channels.div_ceil(block);
    assert_eq!(plain, images * channels * pixels, "the length of the plain tensor");
    assert_eq!(blocks, images * count * block * pixels, "the length of the tensor in blocks");
    count
}

/// Where a tensor begins of which tasks write parts.
struct Start(*mut f32);

// SAFETY: it is used by reorders alone, whose tasks make slices of it that don't overlap.
unsafe impl Sync for Start {}
