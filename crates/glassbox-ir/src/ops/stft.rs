//! `stft`: the Fourier transforms of short pieces of a signal.

use super::common::*;

const COUNTS: DTypes = DTypes::These(&[DType::I32, DType::I64]);

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "stft",
    doc: "The discrete Fourier transform, as by dft, of frames of the signals [batch, length, 1 or 2]: each of \
          `frame_length` elements (by default as many as the window has, or else the signal), multiplied with the window, \
          and the next one `frame_step` elements on, as many as fit. The result is [batch, frames, elements, 2]; with \
          `onesided` only the first frame_length/2+1 elements of each transform of a real signal. Computed in f64 and \
          rounded once.",
    inputs: &[
        Input::one("signal", DTypes::Float).same('T'),
        Input::one("frame_step", COUNTS).shapes(),
        Input::one("window", DTypes::Float).same('T').optional(),
        Input::one("frame_length", COUNTS).optional().shapes(),
    ],
    attrs: &[AttrSpec::bool("onesided", true)],
    constraints: &[
        ("C1", "the signal has three axes; the last has extent 1, or without onesided 2"),
        ("C2", "frame_step and frame_length are one number each, at least 1"),
        ("C3", "the window is a vector of frame_length elements"),
        ("C4", "a frame is no longer than the signal"),
    ],
    example: "stft(f32[1, 3, 1] [1, 2, 4], i64[] 1, f32[2] [1, 1]) -> f32[1, 2, 2, 2] [3, 0, -1, 0, 6, 0, -2, 0]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    let x = infer.tensor(0)?;
    let (batch, length, parts) = match x.dims() {
        Some([batch, length, parts]) => (batch.clone(), length.clone(), parts.as_int()),
        Some(_) => return Err(Violation::new("C1", format!("the signal is {x}"))),
        None => (Dim::Unknown, Dim::Unknown, None),
    };
    let onesided = infer.attr.bool("onesided");
    if parts.is_some_and(|parts| !(1..=if onesided { 1 } else { 2 }).contains(&parts)) {
        return Err(Violation::new("C1", format!("the signal is {x}, onesided is {onesided}")));
    }
    let count = |index: usize| match infer.ints(index).as_deref() {
        Some([Dim::Int(count)]) if *count < 1 => {
            Err(Violation::new("C2", format!("{} is {count}", infer.name_of(index))))
        }
        Some([count]) => Ok(count.clone()),
        Some(values) => Err(Violation::new("C2", format!("{} has {} elements", infer.name_of(index), values.len()))),
        None => Ok(Dim::Unknown),
    };
    let step = count(1)?;
    let window = match infer.dims(2) {
        Some([window]) => window.clone(),
        Some(_) => return Err(Violation::new("C3", format!("the window is {}", infer.ty(2)?))),
        None => Dim::Unknown,
    };
    let frame = match (infer.has(3), infer.has(2)) {
        (true, _) => count(3)?,
        (false, true) => window.clone(),
        (false, false) => length.clone(),
    };
    if window.same(&frame) == Some(false) {
        return Err(Violation::new("C3", format!("the window has {window} elements, a frame {frame}")));
    }
    match (&length - &frame).as_int() {
        Some(rest) if rest < 0 => {
            return Err(Violation::new("C4", format!("a frame has {frame} elements, the signal {length}")));
        }
        _ if frame == Dim::Int(0) => return Err(Violation::new("C2", "a frame has no elements")),
        _ => {}
    }
    let frames = (length - frame.clone()).floor_div(&step) + Dim::Int(1);
    let elements = if onesided { frame.floor_div(&Dim::Int(2)) + Dim::Int(1) } else { frame };
    Ok(vec![Type::tensor(x.dtype, [batch, frames, elements, Dim::Int(2)])])
}
