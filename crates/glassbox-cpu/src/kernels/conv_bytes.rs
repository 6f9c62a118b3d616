//! Convolutions of bytes, whose sums are exact: products of matrices, whose left one has a row for each window.

use std::borrow::Cow;

use glassbox_exec::KernelError;
use glassbox_ir::ops::windows::{AxisWindows, Sliding};
use glassbox_ir::{AttrView, Graph, Node, ops};
use glassbox_kernels::gemm::{Byte, MatrixRef, PackedBInt8, Sums, gemm_int8};
use glassbox_kernels::quant::Code;
use glassbox_tensor::{DType, Element, Tensor, parallel_chunks};

use super::bytes::{Correction, Operands, Packed, Requantize, integers, unreadable};
use super::{Built, Kernel};
use crate::fragment::Fragment;
use crate::slots::Call;

/// How many windows are taken at once at most, so that their bytes and sums stay in the cache.
const WINDOWS: usize = 512;
/// How many bytes of windows are taken at once, where one hasn't more.
const BYTES: usize = 8 << 20;

/// Whether a convolution is computed here: of bytes, over one or two axes, with one zero point for all of x.
pub(crate) fn is_computed(graph: &Graph, node: &Node) -> bool {
    let quantised = *node.op == ops::qlinear_conv::OP;
    if !quantised && *node.op != ops::conv_integer::OP {
        return false;
    }
    let operands = Operands(graph, node);
    let w = if quantised { 3 } else { 1 };
    let axes = matches!(operands.rank(0), Some(3 | 4));
    let scales = || {
        [1, 4, 6].into_iter().all(|place| operands.are_floats(place))
            && [1, 6, 7].into_iter().all(|place| operands.is_one(place))
            && operands.are_bytes(7)
    };
    let bytes = [0, w].into_iter().all(|place| operands.are_bytes(place));
    axes && bytes && operands.is_one(2) && (!quantised || scales())
}

/// What is made of the sums.
enum Ending {
    /// Nothing.
    Sums,
    /// Bytes: the numbers of the scales of x, w and y, of the zero point of y, and of the bias.
    Bytes { scales: [usize; 3], zero: usize, bias: Option<usize>, dtype: DType },
}

struct Conv {
    x: usize,
    x_zero: Option<usize>,
    w: usize,
    w_zero: Option<usize>,
    x_dtype: DType,
    groups: usize,
    sliding: Sliding,
    /// The weights of each group, where they are the same in every run.
    packed: Option<Vec<Packed>>,
    ending: Ending,
}

/// One `conv_integer` or `qlinear_conv`.
pub(super) fn build(fragment: &Fragment) -> Built {
    let Some(node) = fragment.nodes().next().filter(|node| is_computed(fragment.graph(), node)) else {
        return Err(String::new());
    };
    let number = |place: usize| node.operands.get(place).copied().flatten().map(|id| fragment.number(id));
    let (ending, w) = match *node.op == ops::qlinear_conv::OP {
        false => (Ending::Sums, 1),
        true => {
            let (Some(x), Some(w), Some(y), Some(zero)) = (number(1), number(4), number(6), number(7)) else {
                return Err(String::new());
            };
            let dtype = fragment.dtype(zero).unwrap_or(DType::U8);
            (Ending::Bytes { scales: [x, w, y], zero, bias: number(8), dtype }, 3)
        }
    };
    let (Some(x), Some(weights)) = (number(0), number(w)) else { return Err(String::new()) };
    let w_zero = number(if w == 1 { 3 } else { 5 });
    let rank = node.operands[0].and_then(|id| fragment.declared(id)).and_then(|ty| ty.rank()).unwrap_or(4);
    let attr = AttrView::new(node.op, &node.attrs);
    let groups = usize::try_from(attr.int("group")).map_err(|error| error.to_string())?;
    let sliding = Sliding::new(attr, rank - 2).map_err(|violation| violation.to_string())?;
    let packed = fragment.content(weights).map(|content| pack(content, groups)).transpose();
    let packed = packed.map_err(|error| error.to_string())?;
    let x_dtype = fragment.dtype(x).unwrap_or(DType::U8);
    Ok(Box::new(Conv { x, x_zero: number(2), w: weights, w_zero, x_dtype, groups, sliding, packed, ending }))
}

/// The weights [maps, channels of a group, taps..] of each group as a matrix with a column for each map.
fn pack(weights: &Tensor, groups: usize) -> Result<Vec<Packed>, KernelError> {
    let maps = weights.shape()[0] / groups.max(1);
    let terms: usize = weights.shape()[1..].iter().product();
    let dense = weights.contiguous()?;
    let lowered: Cow<[i8]> = match dense.as_slice::<i8>() {
        Some(bytes) => Cow::Borrowed(bytes),
        None => dense.as_slice::<u8>().ok_or_else(unreadable)?.iter().map(|byte| (byte ^ 0x80) as i8).collect(),
    };
    let taken = if dense.dtype() == DType::I8 { 0 } else { 128 };
    let group = |group: usize| {
        let bytes = &lowered[group * maps * terms..][..maps * terms];
        Packed { matrix: PackedBInt8::new(MatrixRef::of_rows(bytes, maps, terms).transposed()), taken }
    };
    Ok((0..groups).map(group).collect())
}

impl Kernel for Conv {
    fn run(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        match self.x_dtype {
            DType::I8 => self.convolve::<i8>(call),
            _ => self.convolve::<u8>(call),
        }
    }
}

/// The windows of an image with two axes, of which the first may be one row.
struct Windows {
    channels: usize,
    axes: [AxisWindows; 2],
}

impl Windows {
    /// Writes the bytes of window `index`, channel by channel; what lies outside of the image is `outside`.
    fn read<A: Copy>(&self, image: &[A], index: usize, outside: A, to: &mut [A]) {
        let [rows, columns] = &self.axes;
        let place = |axis: &AxisWindows, window: usize, tap: usize| {
            let at = window as i64 * axis.stride + tap as i64 * axis.dilation - axis.front;
            usize::try_from(at).ok().filter(|at| *at < axis.input)
        };
        let (row, column) = (index / columns.windows, index % columns.windows);
        let mut to = to.iter_mut();
        for channel in 0..self.channels {
            for tap in 0..rows.kernel {
                let line = place(rows, row, tap).map(|y| &image[(channel * rows.input + y) * columns.input..]);
                for (tap, to) in (0..columns.kernel).zip(&mut to) {
                    *to = line.zip(place(columns, column, tap)).map_or(outside, |(line, x)| line[x]);
                }
            }
        }
    }
}

impl Conv {
    fn convolve<A: Byte + Code + Element>(&self, call: &Call) -> Result<Vec<Tensor>, KernelError> {
        let (x, given) = (call.inputs[self.x].contiguous()?, call.inputs[self.w]);
        let bytes = x.as_slice::<A>().ok_or_else(unreadable)?;
        let made;
        let packed = match &self.packed {
            Some(packed) => packed,
            None => {
                made = pack(given, self.groups)?;
                &made
            }
        };
        let sizes = &call.sizes.sizes[call.fragment.outputs()[0]];
        let (maps, pixels) = (sizes[1] / self.groups, sizes[2..].iter().product::<usize>());
        let axes = self.sliding.axes(&x.shape()[2..], &given.shape()[2..])?;
        let whole = AxisWindows { input: 1, kernel: 1, stride: 1, dilation: 1, front: 0, end: 0, windows: 1 };
        let axes = match axes[..] {
            [columns] => [whole, columns],
            [rows, columns] => [rows, columns],
            _ => return Err(unreadable()),
        };
        let windows = Windows { channels: given.shape()[1], axes };
        let image: usize = windows.channels * x.shape()[2..].iter().product::<usize>();
        // The byte that stands for 0 is what lies outside.
        let outside = match self.x_zero {
            Some(number) => {
                *call.inputs[number].contiguous()?.as_slice::<A>().and_then(<[A]>::first).ok_or_else(unreadable)?
            }
            None => A::default(),
        };
        let x_zero = self.x_zero.map(|number| integers(call.inputs[number])).transpose()?.map_or(0, |zeros| zeros[0]);
        let w_zeros = self.w_zero.map(|number| integers(call.inputs[number])).transpose()?.unwrap_or_else(|| vec![0]);
        let of_maps = |group: usize| match w_zeros.len() {
            1 => w_zeros.clone(),
            _ => w_zeros[group * maps..][..maps].to_vec(),
        };
        let requantize = self.requantize(call)?;
        let dtype = if let Ending::Bytes { dtype, .. } = &self.ending { *dtype } else { DType::I32 };
        let mut output = call.output(dtype, sizes)?;
        let (whole, width) = (output.bytes(), if dtype == DType::I32 { 4 } else { 1 });
        let terms: usize = given.shape()[1..].iter().product();
        let images = bytes.chunks_exact(image.max(1)).enumerate().filter(|_| image > 0);
        if image == 0 || maps * pixels == 0 {
            whole.fill(0);
        }
        let most = (BYTES / terms.max(1)).clamp(1, WINDOWS).min(pixels);
        let mut rows = vec![A::default(); most * terms];
        let mut sums = vec![0i32; most * maps];
        for (index, image) in images {
            let group = index % self.groups;
            let Packed { matrix, taken } = &packed[group];
            let out = &mut whole[index * maps * pixels * width..][..maps * pixels * width];
            for first in (0..pixels).step_by(most.max(1)) {
                let count = most.min(pixels - first);
                let (rows, sums) = (&mut rows[..count * terms], &mut sums[..count * maps]);
                parallel_chunks(rows, 16 * terms, &|piece, rows| {
                    for (row, to) in rows.chunks_exact_mut(terms).enumerate() {
                        windows.read(image, first + piece * 16 + row, outside, to);
                    }
                });
                gemm_int8(MatrixRef::of_rows(rows, count, terms), matrix, sums, maps, &Sums);
                let correction = Correction::new(matrix, of_maps(group), *taken, (x_zero, &*rows, count));
                // Sums stand window by window, results map by map.
                parallel_chunks(out, pixels * width, &|map, out| {
                    let out = &mut out[first * width..][..count * width];
                    let sum = |row: usize| correction.one(row, map, sums[row * maps + map]);
                    match &requantize {
                        None => out.chunks_exact_mut(4).enumerate().for_each(|(row, out)| {
                            out.copy_from_slice(&sum(row).to_ne_bytes());
                        }),
                        Some((bias, requantize)) => {
                            let of_all = group * maps + map;
                            let bias = bias.get(of_all).copied().unwrap_or(0);
                            for (row, out) in out.iter_mut().enumerate() {
                                *out = requantize.code(sum(row).wrapping_add(bias), of_all) as u8;
                            }
                        }
                    }
                });
            }
        }
        Ok(vec![output.finish()?])
    }

    fn requantize(&self, call: &Call) -> Result<Option<(Vec<i32>, Requantize)>, KernelError> {
        let Ending::Bytes { scales, zero, bias, dtype } = &self.ending else { return Ok(None) };
        let bias = bias.map(|number| integers(call.inputs[number])).transpose()?.unwrap_or_default();
        Ok(Some((bias, Requantize::new(call, *scales, *zero, *dtype)?)))
    }
}
