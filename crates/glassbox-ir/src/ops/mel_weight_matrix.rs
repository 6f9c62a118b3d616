//! `mel_weight_matrix`: from the bins of a spectrum to bands on the mel scale.

use super::common::*;

const COUNTS: DTypes = DTypes::These(&[DType::I32, DType::I64]);

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "mel_weight_matrix",
    doc: "A matrix of dft_length/2+1 rows and num_mel_bins columns, to multiply spectra with from the right: column b is a \
          triangle that rises from 0 at the bin of edge b to 1 at that of edge b+1 and falls to 0 at that of edge b+2. \
          The num_mel_bins+2 edges begin at lower_edge_hertz and are equally far apart on the scale \
          mel(f) = 2595 log10(1 + f/700), by the distance to upper_edge_hertz over num_mel_bins+2; the bin of a frequency \
          is floor((dft_length+1) f / sample_rate). Computed in f64, then cast to `output_datatype`.",
    inputs: &[
        Input::one("num_mel_bins", COUNTS).same('N').shapes(),
        Input::one("dft_length", COUNTS).same('N').shapes(),
        Input::one("sample_rate", COUNTS).same('N'),
        Input::one("lower_edge_hertz", DTypes::Float).same('F'),
        Input::one("upper_edge_hertz", DTypes::Float).same('F'),
    ],
    attrs: &[AttrSpec::dtype("output_datatype", DType::F32)],
    constraints: &[
        ("C1", "every operand has one element"),
        ("C2", "num_mel_bins and dft_length are at least 0, sample_rate at least 1"),
        ("C3", "0 <= lower_edge_hertz <= upper_edge_hertz, and every edge lies in a bin"),
        ("C4", "output_datatype is a dtype of numbers"),
    ],
    example: "mel_weight_matrix(i64[] 1, i64[] 4, i64[] 8, f32[] 0, f32[] 4) -> f32[3, 1] [1, 0, 0]",
    infer,
    ..OpDef::BASE
};

fn infer(infer: &Infer) -> Types {
    for index in 0..5 {
        let many = infer.dims(index).is_some_and(|dims| dims.iter().any(|dim| dim.same(&Dim::Int(1)) == Some(false)));
        if many {
            return Err(Violation::new("C1", format!("{} is {}", infer.name_of(index), infer.ty(index)?)));
        }
    }
    let count = |index: usize| {
        let count = infer.ints(index).and_then(|values| values.first().cloned()).unwrap_or(Dim::Unknown);
        match count {
            Dim::Int(count) if count < 0 => {
                Err(Violation::new("C2", format!("{} is {count}", infer.name_of(index))))
            }
            count => Ok(count),
        }
    };
    let dtype = infer.attr.dtype("output_datatype").unwrap_or(DType::F32);
    if !dtype.is_numeric() {
        return Err(Violation::new("C4", format!("output_datatype is {dtype}")));
    }
    let rows = count(1)?.floor_div(&Dim::Int(2)) + Dim::Int(1);
    Ok(vec![Type::tensor(dtype, [rows, count(0)?])])
}
