//! `causal_conv_with_state`: a convolution over time, one channel each, that goes on from step to step.

use super::common::*;
use super::conv;
use crate::attrs;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "causal_conv_with_state",
    tier: Tier::Composite(decompose),
    doc: "Each channel of x [batch, channels, length], with the `past_state` [batch, channels, k - 1] before it (zeros, \
          if left out), convolved with its own kernel of `weight` [channels, 1, k], plus its bias; then y * sigmoid(y) \
          with the activation silu or swish. The second result is the last k - 1 elements of what was convolved: the \
          past_state of the next step. The convolution rounds as `conv`; the activation is computed in f32 from the \
          rounded sum and rounded once.",
    inputs: &[
        Input::one("x", DTypes::Float).same('T'),
        Input::one("weight", DTypes::Float).same('T'),
        Input::one("bias", DTypes::Float).same('T').optional(),
        Input::one("past_state", DTypes::Float).same('T').optional(),
    ],
    outputs: &[Output::one("y"), Output::one("present_state")],
    attrs: &[AttrSpec::one_of("activation", &["none", "silu", "swish"], "none")],
    constraints: &[
        ("C1", "x and weight have rank 3, and weight is [channels, 1, k] with k at least 1"),
        ("C2", "bias is [channels], past_state [batch, channels, k - 1]"),
    ],
    example: "causal_conv_with_state(f32[1, 1, 3] [1, 2, 3], f32[1, 1, 2] [10, 1]) \
              -> f32[1, 1, 3] [1, 12, 23], f32[1, 1, 1] [3]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let (x, w) = (infer.tensor(0)?, infer.tensor(1)?);
    let unknown = || vec![Dim::Unknown; 3];
    let (mut dims, kernel) =
        (x.dims().map_or_else(unknown, <[Dim]>::to_vec), w.dims().map_or_else(unknown, <[Dim]>::to_vec));
    let fits = dims.len() == 3
        && kernel.len() == 3
        && dims[1].same(&kernel[0]) != Some(false)
        && kernel[1].same(&Dim::Int(1)) != Some(false)
        && kernel[2].as_int().is_none_or(|taps| taps > 0);
    if !fits {
        return Err(Violation::new("C1", format!("x is {x} and weight is {w}")));
    }
    if dims[1].is_unknown() {
        dims[1] = kernel[0].clone();
    }
    let state = vec![dims[0].clone(), dims[1].clone(), &kernel[2] - &Dim::Int(1)];
    let state = Type::tensor(x.dtype, state);
    for (index, wanted) in [(2, Type::tensor(x.dtype, [dims[1].clone()])), (3, state.clone())] {
        if infer.has(index) && !wanted.admits(infer.ty(index)?) {
            let message = format!("operand {} is {}, not {wanted}", infer.name_of(index), infer.ty(index)?);
            return Err(Violation::new("C2", message));
        }
    }
    let mut types = vec![Type::tensor(x.dtype, dims), state];
    types.truncate(infer.outputs);
    Ok(types)
}

fn decompose<'a>(d: &Decompose<'a>) -> Exprs<'a> {
    let [channels, _, taps] = d.sizes(1)?[..] else { return Err(d.invalid("C1", "weight isn't of rank 3")) };
    let past = match d.opt(3) {
        Some(past) => past,
        None => d.filled(d.dtype(0), 0.0, &[d.dims(0)?[0].clone(), Dim::Int(channels), Dim::Int(taps - 1)]),
    };
    let padded = d.f.concat(&[past, d.x(0)], 2);
    let mut y = d.f.op_with(&conv::OP, &[Some(padded), Some(d.x(1)), d.opt(2)], attrs! { group: channels });
    if d.attr.str("activation") != "none" {
        let wide = y.widened();
        y = (wide * wide.sigmoid()).cast(d.dtype(0));
    }
    let kept = if taps > 1 { padded.slice(2, 1 - taps, i64::MAX, 1) } else { padded.slice(2, 0, 0, 1) };
    Ok([y, kept][..d.outputs].to_vec())
}
