//! `image_decoder`: the pixels of an image file.

use super::common::*;

/// The declaration.
pub static OP: OpDef = OpDef {
    name: "image_decoder",
    doc: "The pixels [height, width, channels] of an image file, whose bytes are the operand: three channels in the \
          order that `pixel_format` says, or for Grayscale one, (19595 r + 38470 g + 7471 b + 2^15) / 2^16 of a coloured \
          image. Transparency is dropped. What can't be decoded gives an image of 0 × 0 pixels, as ONNX has it. The \
          formats are BMP, JPEG, JPEG 2000, PNG, PNM, TIFF and WebP.",
    inputs: &[Input::one("encoded_stream", DTypes::These(&[DType::U8]))],
    outputs: &[Output::one("image")],
    attrs: &[AttrSpec::one_of("pixel_format", &["RGB", "BGR", "Grayscale"], "RGB")],
    constraints: &[("C1", "encoded_stream is a vector")],
    example: "image_decoder(u8[14] [80, 54, 10, 49, 32, 49, 10, 50, 53, 53, 10, 1, 2, 3]) -> u8[1, 1, 3] [1, 2, 3]",
    infer: |infer| {
        if infer.rank(0).is_some_and(|rank| rank != 1) {
            return Err(Violation::new("C1", format!("encoded_stream is {}", infer.ty(0)?)));
        }
        let channels = Dim::Int(if infer.attr.str("pixel_format") == "Grayscale" { 1 } else { 3 });
        Ok(vec![Type::tensor(DType::U8, [Dim::Unknown, Dim::Unknown, channels])])
    },
    ..OpDef::BASE
};
