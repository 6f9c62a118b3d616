//! `conv_transpose`: the transpose of a convolution, which spreads instead of gathering.

use super::common::*;
use super::conv::{GROUPS, check_bias, groups, ranked};
use super::windows::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "conv_transpose",
    doc: "Each element of x [batch, channels, spatial…] times the kernels w [channels, maps / group, taps…], added up \
          where windows of a convolution with the same attributes would have read it, plus the bias b of each map. On \
          each spatial axis the full extent is strides * (extent - 1) + output_padding + (taps - 1) * dilations + 1; \
          `pads` are taken off its front and end. `output_shape`, or extent * strides with a SAME auto_pad, says the \
          result's extent instead; the difference, no less than 0, is taken off both sides, the odd one at the end with \
          SAME_UPPER, else at the front. f32 and f64 accumulate in f64, narrower floats in f32, in the order channel, \
          tap; then the bias is added and the sum rounded once. Integers wrap.",
    inputs: &[
        Input::one("x", DTypes::Numeric).same('T'),
        Input::one("w", DTypes::Numeric).same('T'),
        Input::one("b", DTypes::Numeric).same('T').optional(),
    ],
    attrs: &[
        AUTO_PAD,
        DILATIONS,
        AttrSpec::int("group", 1),
        AttrSpec::optional("kernel_shape", AttrKind::Ints),
        AttrSpec::optional("output_padding", AttrKind::Ints),
        AttrSpec::optional("output_shape", AttrKind::Ints),
        PADS,
        STRIDES,
    ],
    constraints: &[
        SPATIAL,
        (
            "C2",
            "kernel_shape, strides and dilations have an entry of at least 1 for each spatial axis, output_padding and \
             output_shape one of at least 0, pads two of at least 0",
        ),
        ONE_PADDING,
        ("C4", "pads don't take off more than there is"),
        super::conv::SAME_RANK,
        GROUPS,
        super::conv::BIAS,
    ],
    example: "conv_transpose(f32[1, 1, 2] [1, 2], f32[1, 1, 2] [1, 10]) -> f32[1, 1, 3] [1, 12, 20]",
    infer,
    ..OpDef::BASE
};

/// How the result of a transposed convolution lies, on one axis.
#[derive(Clone, Copy, Debug)]
pub struct AxisSpread {
    /// The extent of x.
    pub input: usize,
    /// The extent of the result.
    pub output: usize,
    /// The taps.
    pub kernel: usize,
    /// From where one element of x goes to where the next one does.
    pub stride: i64,
    /// From one tap to the next.
    pub dilation: i64,
    /// How much is taken off the front.
    pub front: i64,
}

/// The attributes, checked.
pub struct Spread {
    strides: Vec<i64>,
    dilations: Vec<i64>,
    pads: (Vec<i64>, Vec<i64>),
    output_padding: Vec<i64>,
    output_shape: Option<Vec<i64>>,
    mode: &'static str,
}

impl Spread {
    /// The attributes of a use with `axes` spatial axes.
    ///
    /// # Errors
    ///
    /// Where a list has another number of entries than there are axes, an entry is out of range, or `auto_pad` and `pads`
    /// contradict each other.
    pub fn new(attr: crate::infer::AttrView, axes: usize) -> Result<Spread, Violation> {
        let mode = match attr.str("auto_pad") {
            "SAME_UPPER" => "SAME_UPPER",
            "SAME_LOWER" => "SAME_LOWER",
            _ => "explicit",
        };
        // The pads and auto_pad don't contradict each other.
        Sliding::new(attr, axes)?;
        let list = |name, least, default| {
            Ok(entries(attr, name, axes, least)?.unwrap_or_else(|| vec![default; axes]))
        };
        Ok(Spread {
            strides: list("strides", 1, 1)?,
            dilations: list("dilations", 1, 1)?,
            pads: pads(attr, axes)?,
            output_padding: list("output_padding", 0, 0)?,
            output_shape: entries(attr, "output_shape", axes, 0)?,
            mode,
        })
    }

    /// The extent before anything is taken off.
    fn full(&self, axis: usize, input: &Dim, kernel: &Dim) -> Dim {
        let one = Dim::Int(1);
        Dim::Int(self.strides[axis]) * (input - &one)
            + Dim::Int(self.output_padding[axis])
            + (kernel - &one) * Dim::Int(self.dilations[axis])
            + one
    }

    /// The extent of the result on an axis.
    fn extent(&self, axis: usize, input: &Dim, kernel: &Dim) -> Dim {
        if let Some(shape) = &self.output_shape {
            return Dim::Int(shape[axis]);
        }
        match self.mode {
            "explicit" => self.full(axis, input, kernel) - Dim::Int(self.pads.0[axis]) - Dim::Int(self.pads.1[axis]),
            _ => input * &Dim::Int(self.strides[axis]),
        }
    }

    /// How the result lies on every axis.
    ///
    /// # Errors
    ///
    /// Where the result would have a negative size.
    pub fn axes(&self, input: &[usize], kernel: &[usize]) -> Result<Vec<AxisSpread>, Violation> {
        let axis = |(axis, (input, kernel)): (usize, (&usize, &usize))| {
            let (size, taps) = (Dim::from(*input), Dim::from(*kernel));
            let output = self.extent(axis, &size, &taps);
            let front = if self.output_shape.is_some() || self.mode != "explicit" {
                let total = (self.full(axis, &size, &taps) - output.clone()).maximum(&Dim::Int(0)).as_int();
                let total = total.ok_or_else(|| too_small(axis, &output))?;
                if self.mode == "SAME_UPPER" { total / 2 } else { total - total / 2 }
            } else {
                self.pads.0[axis]
            };
            let output = output.as_size().ok_or_else(|| too_small(axis, &output))?;
            let (stride, dilation) = (self.strides[axis], self.dilations[axis]);
            Ok(AxisSpread { input: *input, output, kernel: *kernel, stride, dilation, front })
        };
        input.iter().zip(kernel).enumerate().map(axis).collect()
    }
}

fn too_small(axis: usize, extent: &Dim) -> Violation {
    Violation::new("C4", format!("on spatial axis {axis} the result would have the extent {extent}"))
}

fn infer(infer: &Infer) -> Types {
    let dtype = infer.dtype(0)?;
    let Some(operands) = ranked(infer)? else { return Ok(vec![Type::unranked(dtype)]) };
    let (x, w, group) = (&operands.x, &operands.w, groups(infer)?);
    if x[1].modulo(&group).as_int().is_some_and(|rest| rest != 0) {
        return Err(Violation::new("C6", format!("{} channels can't be cut into {group} groups", x[1])));
    }
    if x[1].same(&w[0]) == Some(false) {
        return Err(Violation::new("C6", format!("x has {} channels, but w takes {}", x[1], w[0])));
    }
    let maps = &w[1] * &group;
    check_bias(infer, 2, &maps)?;
    let spread = Spread::new(infer.attr, operands.kernel.len())?;
    let mut dims = vec![x[0].clone(), maps];
    for (axis, (input, kernel)) in x[2..].iter().zip(&operands.kernel).enumerate() {
        let extent = spread.extent(axis, input, kernel);
        if extent.as_int().is_some_and(|extent| extent < 0) {
            return Err(too_small(axis, &extent));
        }
        dims.push(extent);
    }
    Ok(vec![Type::tensor(dtype, dims)])
}
