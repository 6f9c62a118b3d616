//! The ops of signals.

use super::prelude::*;

pub(super) const ROWS: &[Row] = &[
    row("BlackmanWindow", 17, direct(&ops::blackman_window::OP)),
    row("DFT", 17, formula(dft_of_attribute)).until(19),
    row("DFT", 20, direct(&ops::dft::OP)),
    row("HammingWindow", 17, direct(&ops::hamming_window::OP)),
    row("HannWindow", 17, direct(&ops::hann_window::OP)),
    row("MelWeightMatrix", 17, direct(&ops::mel_weight_matrix::OP)),
    row("STFT", 17, formula(stft)),
];

/// A signal without the last axis is one of real numbers: exporters leave the axis out.
fn stft<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    if c.x(0).rank() != Some(2) {
        return c.direct(&ops::stft::OP);
    }
    c.note("the signal has no last axis for its parts; it is read as one of real numbers");
    let mut operands = c.operands();
    operands[0] = Some(c.x(0).unsqueeze(&[2]));
    Ok(vec![c.f.op_with(&ops::stft::OP, &operands, c.attrs(&ops::stft::OP)?)])
}

/// The axis was an attribute, and by default the second.
fn dft_of_attribute<'a>(c: &NodeContext<'a>) -> Exprs<'a> {
    let axis = c.f.int(c.int("axis", 1)?);
    let attrs = c.attrs(&ops::dft::OP)?;
    Ok(vec![c.f.op_with(&ops::dft::OP, &[Some(c.x(0)), c.opt(1), Some(axis)], attrs)])
}
