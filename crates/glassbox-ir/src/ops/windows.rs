//! Windows that slide over spatial axes: what convolutions and pools share.
//!
//! A tensor has a batch axis, a channel axis, then spatial axes. On each spatial axis the taps of a
//! kernel stand `dilation` apart; the window moves by `stride`, from `pads` before the first element
//! to `pads` after the last. [`Sliding`] holds the attributes that say so, once they are checked; it
//! gives the number of windows of symbolic extents and, for kernels, the [`AxisWindows`] of true ones.

use super::common::*;
use crate::infer::AttrView;

/// The sizes of the kernel, for ops that have them as an attribute alone.
pub(super) const KERNEL_SHAPE: AttrSpec = AttrSpec::required("kernel_shape", AttrKind::Ints);
/// The distance from one window to the next; 1 if absent.
pub(super) const STRIDES: AttrSpec = AttrSpec::optional("strides", AttrKind::Ints);
/// The distance from one tap to the next; 1 if absent.
pub(super) const DILATIONS: AttrSpec = AttrSpec::optional("dilations", AttrKind::Ints);
/// How far windows reach over the edges: every axis' front, then every axis' end; 0 if absent.
pub(super) const PADS: AttrSpec = AttrSpec::optional("pads", AttrKind::Ints);
/// Pads that follow from the other sizes.
pub(super) const AUTO_PAD: AttrSpec =
    AttrSpec::one_of("auto_pad", &["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"], "NOTSET");

/// The constraint on x.
pub(super) const SPATIAL: (&str, &str) = ("C1", "x has a batch axis, a channel axis and at least one spatial axis");
/// The constraint on the attributes.
pub(super) const ENTRIES: (&str, &str) = (
    "C2",
    "kernel_shape, strides and dilations have an entry of at least 1 for each spatial axis, pads two of at least 0",
);
/// The constraint on the two ways to pad.
pub(super) const ONE_PADDING: (&str, &str) = ("C3", "auto_pad stands alone: with it, pads are absent or 0");
/// The constraint on the extents.
pub(super) const FITS: (&str, &str) = (
    "C4",
    "on each spatial axis the kernel fits into the padded extent, or reaches over it by at most a stride, which gives no window; with ceil_mode by less than two",
);

/// How windows slide, axis by axis.
#[derive(Clone, Debug)]
pub struct Sliding {
    strides: Vec<i64>,
    dilations: Vec<i64>,
    padding: Padding,
    ceil: bool,
}

#[derive(Clone, Debug)]
enum Padding {
    /// So much before and after each axis.
    Explicit { front: Vec<i64>, end: Vec<i64> },
    /// As much as makes the number of windows the extent over the stride; the odd one goes to the end
    /// with `upper`, else to the front.
    Same { upper: bool },
}

/// The windows along one axis, all numbers known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AxisWindows {
    /// The extent that the windows slide over.
    pub input: usize,
    /// The taps of a window.
    pub kernel: usize,
    /// From one window to the next.
    pub stride: i64,
    /// From one tap to the next.
    pub dilation: i64,
    /// How far before the first element the first window begins.
    pub front: i64,
    /// How far after the last element windows may reach.
    pub end: i64,
    /// How many windows there are.
    pub windows: usize,
}

impl Sliding {
    /// The attributes `strides`, `dilations`, `pads` and `auto_pad` of an op with `axes` spatial axes.
    ///
    /// # Errors
    ///
    /// Where a list has another number of entries than there are axes, an entry is out of range, or `auto_pad` and `pads`
    /// contradict each other.
    pub fn new(attr: AttrView, axes: usize) -> Result<Sliding, Violation> {
        Ok(Sliding { padding: Padding::new(attr, axes)?, ..Sliding::explicit(attr, axes)? })
    }

    /// The attributes of an op without `auto_pad`.
    ///
    /// # Errors
    ///
    /// Where a list has another number of entries than there are axes, or an entry is out of range.
    pub fn explicit(attr: AttrView, axes: usize) -> Result<Sliding, Violation> {
        let (front, end) = pads(attr, axes)?;
        Ok(Sliding {
            strides: entries(attr, "strides", axes, 1)?.unwrap_or_else(|| vec![1; axes]),
            dilations: entries(attr, "dilations", axes, 1)?.unwrap_or_else(|| vec![1; axes]),
            padding: Padding::Explicit { front, end },
            ceil: false,
        })
    }

    /// With explicit pads, a window that reaches over the padded end counts too, if it begins before it.
    pub fn with_ceil(self, ceil: bool) -> Sliding {
        Sliding { ceil, ..self }
    }

    /// The number of windows of a kernel on an axis.
    ///
    /// # Errors
    ///
    /// Where the kernel is larger than the axis with its pads.
    pub fn windows(&self, axis: usize, input: &Dim, kernel: &Dim) -> Result<Dim, Violation> {
        let stride = Dim::Int(self.strides[axis]);
        let windows = match &self.padding {
            Padding::Same { .. } => input.ceil_div(&stride),
            Padding::Explicit { front, end } => {
                let before_end = input + &Dim::Int(front[axis]);
                let free = &before_end + &(Dim::Int(end[axis]) - self.spread(axis, kernel));
                // Down to where the formula of ONNX gives no window; it doesn't give fewer.
                let stride_size = self.strides[axis];
                let least = if self.ceil { 1 - stride_size.saturating_mul(2) } else { -stride_size };
                if let Dim::Int(free) = free
                    && free < least
                {
                    let message = format!(
                        "on spatial axis {axis} a kernel of {kernel} taps, {} apart, doesn't fit into the extent \
                         {input} with pads {} and {}",
                        self.dilations[axis], front[axis], end[axis]
                    );
                    return Err(Violation::new("C4", message));
                }
                if self.ceil {
                    (free.ceil_div(&stride) + Dim::Int(1)).minimum(&before_end.ceil_div(&stride))
                } else {
                    free.floor_div(&stride) + Dim::Int(1)
                }
            }
        };
        if windows.is_unknown() && input.as_int().is_some() && kernel.as_int().is_some() {
            return Err(Violation::new("C4", format!("on spatial axis {axis} the sizes overflow")));
        }
        Ok(windows)
    }

    /// The windows of a kernel on every axis.
    ///
    /// # Errors
    ///
    /// Where the kernel is larger than an axis with its pads.
    pub fn axes(&self, input: &[usize], kernel: &[usize]) -> Result<Vec<AxisWindows>, Violation> {
        let axis = |(axis, (input, kernel)): (usize, (&usize, &usize))| {
            let (size, taps) = (Dim::from(*input), Dim::from(*kernel));
            let windows = self.windows(axis, &size, &taps)?;
            let (front, end) = match &self.padding {
                Padding::Explicit { front, end } => (front[axis], end[axis]),
                Padding::Same { upper } => {
                    let reach = (&windows - &Dim::Int(1)) * Dim::Int(self.strides[axis]) + self.spread(axis, &taps);
                    let total = (reach - size).maximum(&Dim::Int(0)).as_int();
                    let total = total.ok_or_else(|| overflow(axis))?;
                    let front = if *upper { total / 2 } else { total - total / 2 };
                    (front, total - front)
                }
            };
            let windows = windows.as_size().ok_or_else(|| overflow(axis))?;
            let (stride, dilation) = (self.strides[axis], self.dilations[axis]);
            Ok(AxisWindows { input: *input, kernel: *kernel, stride, dilation, front, end, windows })
        };
        input.iter().zip(kernel).enumerate().map(axis).collect()
    }

    /// From the first tap to the last, both included.
    fn spread(&self, axis: usize, kernel: &Dim) -> Dim {
        (kernel - &Dim::Int(1)) * Dim::Int(self.dilations[axis]) + Dim::Int(1)
    }
}

impl AxisWindows {
    /// The place of the first tap of a window, and its taps that lie inside the extent.
    pub fn taps(&self, window: usize) -> (i64, std::ops::Range<usize>) {
        let first = window as i64 * self.stride - self.front;
        let before = (-first).max(0) as u64;
        let until = (self.input as i64 - first).max(0) as u64;
        let tap = |distance: u64| (distance.div_ceil(self.dilation as u64) as usize).min(self.kernel);
        (first, tap(before)..tap(until).max(tap(before)))
    }
}

impl Padding {
    fn new(attr: AttrView, axes: usize) -> Result<Padding, Violation> {
        let pads = pads(attr, axes)?;
        let mode = attr.str("auto_pad");
        if mode != "NOTSET" && pads.0.iter().chain(&pads.1).any(|pad| *pad != 0) {
            return Err(Violation::new("C3", format!("auto_pad is {mode} and pads are {pads:?}")));
        }
        Ok(match mode {
            "SAME_UPPER" => Padding::Same { upper: true },
            "SAME_LOWER" => Padding::Same { upper: false },
            _ => Padding::Explicit { front: pads.0, end: pads.1 },
        })
    }
}

fn overflow(axis: usize) -> Violation {
    Violation::new("C4", format!("on spatial axis {axis} the sizes overflow"))
}

/// A list with one entry for each axis, none below `least`; `None` if absent.
pub(super) fn entries(attr: AttrView, name: &str, axes: usize, least: i64) -> Result<Option<Vec<i64>>, Violation> {
    let Some(values) = attr.ints(name) else { return Ok(None) };
    if values.len() != axes || values.iter().any(|value| *value < least) {
        let message = format!("{name} is {values:?}, not {axes} entries of at least {least}");
        return Err(Violation::new("C2", message));
    }
    Ok(Some(values.to_vec()))
}

/// The pads before and after each axis.
pub(super) fn pads(attr: AttrView, axes: usize) -> Result<(Vec<i64>, Vec<i64>), Violation> {
    let both = entries(attr, "pads", 2 * axes, 0)?.unwrap_or_else(|| vec![0; 2 * axes]);
    let (front, end) = both.split_at(axes);
    Ok((front.to_vec(), end.to_vec()))
}

/// The number of spatial axes of a tensor of this rank.
///
/// # Errors
///
/// Where the rank is less than 3.
pub fn spatial_axes(rank: usize) -> Result<usize, Violation> {
    match rank.checked_sub(2) {
        Some(axes @ 1..) => Ok(axes),
        _ => Err(Violation::new("C1", format!("x has rank {rank}, not at least 3"))),
    }
}

/// The result of a pool, whose kernel is the attribute `kernel_shape`.
pub(super) fn pool(infer: &Infer) -> Result<TensorType, Violation> {
    let x = infer.tensor(0)?;
    let kernel = infer.attr.ints("kernel_shape").unwrap_or_default();
    let axes = kernel.len();
    let sliding = Sliding::new(infer.attr, axes)?.with_ceil(infer.attr.bool("ceil_mode"));
    entries(infer.attr, "kernel_shape", axes, 1)?;
    let mut dims = match x.dims() {
        Some(dims) => dims.to_vec(),
        None => vec![Dim::Unknown; axes + 2],
    };
    if spatial_axes(dims.len())? != axes {
        return Err(Violation::new("C2", format!("kernel_shape is {kernel:?}, but x is {x}")));
    }
    for (axis, kernel) in kernel.iter().enumerate() {
        dims[axis + 2] = sliding.windows(axis, &dims[axis + 2], &Dim::Int(*kernel))?;
    }
    Ok(TensorType::new(x.dtype, dims))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sliding(stride: i64, dilation: i64, front: i64, end: i64, ceil: bool) -> Sliding {
        let padding = Padding::Explicit { front: vec![front], end: vec![end] };
        Sliding { strides: vec![stride], dilations: vec![dilation], padding, ceil }
    }

    /// The windows that a pedant counts: each whose last tap is inside, with `ceil` whose first tap is
    /// before the padded end's pads.
    fn counted(input: i64, kernel: i64, stride: i64, dilation: i64, front: i64, end: i64, ceil: bool) -> i64 {
        let last = (kernel - 1) * dilation;
        let whole = |start: &i64| start + last < input + front + end;
        let mut starts = (0..).map(|window| window * stride).take_while(|start| *start < input + front + end);
        let inside = starts.clone().filter(whole).count() as i64;
        let cut = starts.nth(inside as usize).filter(|start| ceil && *start < input + front);
        let remains = (input + front + end - last - 1) % stride != 0;
        let counted = inside + i64::from(cut.is_some() && remains);
        // Windows that begin in the padding after the end are not counted with `ceil`.
        if ceil { counted.min((input + front + stride - 1) / stride) } else { counted }
    }

    #[test]
    fn windows_are_counted_as_one_would() {
        for (input, kernel, stride, dilation) in [(7, 3, 2, 1), (8, 3, 2, 2), (5, 2, 3, 1), (4, 4, 1, 1), (9, 2, 4, 3)]
        {
            for (front, end, ceil) in [(0, 0, false), (1, 1, false), (1, 0, true), (0, 2, true), (2, 1, true)] {
                let sliding = sliding(stride, dilation, front, end, ceil);
                let windows = sliding.windows(0, &Dim::Int(input), &Dim::Int(kernel));
                let expected = counted(input, kernel, stride, dilation, front, end, ceil);
                assert_eq!(
                    windows,
                    Ok(Dim::Int(expected)),
                    "{input} {kernel} {stride} {dilation} {front} {end} {ceil}"
                );
            }
        }
    }

    #[test]
    fn a_kernel_that_does_not_fit_gives_no_window_or_is_refused() {
        let windows = |input, kernel, stride, ceil| {
            let windows = sliding(stride, 1, 0, 0, ceil).windows(0, &Dim::Int(input), &Dim::Int(kernel));
            windows.map_err(|violation| violation.rule)
        };
        assert_eq!(windows(2, 3, 1, false), Ok(Dim::Int(0)));
        assert_eq!(windows(2, 4, 2, false), Ok(Dim::Int(0)));
        assert_eq!(windows(2, 5, 2, false), Err("C4"));
        assert_eq!(windows(2, 3, 2, true), Ok(Dim::Int(1)));
        assert_eq!(windows(2, 5, 2, true), Ok(Dim::Int(0)));
        assert_eq!(windows(2, 6, 2, true), Err("C4"));
        assert_eq!(windows(0, 1, 1, false), Ok(Dim::Int(0)));
    }

    #[test]
    fn symbolic_extents_stay_symbolic() {
        let windows = sliding(2, 1, 1, 1, false).windows(0, &Dim::symbol("H"), &Dim::Int(3)).map(|dim| dim.to_string());
        assert_eq!(windows.as_deref(), Ok("floordiv(H-1, 2)+1"));
        let windows = sliding(1, 1, 1, 1, false).windows(0, &Dim::symbol("H"), &Dim::Int(3));
        assert_eq!(windows, Ok(Dim::symbol("H")));
    }

    #[test]
    fn taps_inside_are_those_that_a_loop_finds() {
        let axis = AxisWindows { input: 5, kernel: 4, stride: 3, dilation: 2, front: 3, end: 4, windows: 3 };
        for window in 0..3 {
            let (first, taps) = axis.taps(window);
            assert_eq!(first, window as i64 * 3 - 3);
            let inside = |tap: &usize| (0..5).contains(&(first + *tap as i64 * 2));
            assert_eq!(taps.collect::<Vec<_>>(), (0..4).filter(inside).collect::<Vec<_>>());
        }
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        let sliding = sliding(1, i64::MAX, 0, 0, false);
        assert_eq!(sliding.windows(0, &Dim::Int(4), &Dim::Int(9)).map_err(|violation| violation.rule), Err("C4"));
    }
}
