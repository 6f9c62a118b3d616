//! Block formats against other software's (`scripts/block_golden.py`), and what quantising must hold.

use std::collections::HashMap;

use glassbox_tensor::{BlockFormat, DType, Tensor, TensorError};
use proptest::prelude::*;

const GOLDEN: &str = include_str!("../data/blocks.txt");

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// The bytes of the values, any NaN as the golden file has it.
fn bits(values: &[f32]) -> Vec<u8> {
    let one = |value: &f32| if value.is_nan() { 0x7fc0_0000 } else { value.to_bits() };
    values.iter().flat_map(|value| one(value).to_le_bytes()).collect()
}

fn format(name: &str) -> BlockFormat {
    match name.parse() {
        Ok(DType::Block(format)) => format,
        other => panic!("{name}: {other:?}"),
    }
}

fn block_tensor(format: BlockFormat, shape: &[usize], bytes: Vec<u8>) -> Tensor {
    Tensor::from_bytes(DType::Block(format), shape, bytes).expect("blocks")
}

#[test]
fn blocks_mean_what_they_mean_elsewhere() {
    let mut compared: HashMap<(&str, &str), usize> = HashMap::new();
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [kind, name, from, expected] = words[..] else { panic!("{line}") };
        let format = format(name);
        let shape = [format.block_elements()];
        if kind == "decode" {
            let values = block_tensor(format, &shape, bytes_of(from)).dequantize_blocks().expect("f32");
            let found = bits(&values.to_vec::<f32>().expect("f32"));
            match expected.strip_prefix('#') {
                Some(hash) => assert_eq!(format!("{:016x}", fnv1a(&found)), hash, "{line}"),
                None => assert_eq!(found, bytes_of(expected), "{line}"),
            }
        } else {
            let values = Tensor::from_bytes(DType::F32, &shape, bytes_of(from)).expect("f32");
            let found = values.quantize_blocks(format).expect("blocks").to_bytes().expect("bytes");
            assert_eq!(found, bytes_of(expected), "{line}");
        }
        *compared.entry((kind, name)).or_default() += 1;
    }
    // A file that lost its rows would pass everything above.
    for name in ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl"] {
        assert!(compared[&("decode", name)] > 50, "{name}");
    }
    assert!(compared[&("encode", "q8_0")] > 50 && compared[&("encode", "q4_0")] > 50);
}

/// The package behind the golden file doesn't read these two: by hand.
#[test]
fn blocks_that_only_products_use_are_scale_times_code() {
    let codes: Vec<u8> = (0..=255u8).collect();
    let mut q8_1 = vec![0x00, 0x38, 0xff, 0xff];
    q8_1.extend_from_slice(&codes[112..144]);
    let values = block_tensor(BlockFormat::Q8_1, &[32], q8_1).dequantize_blocks().expect("f32");
    let expected: Vec<f32> = (112..144u8).map(|code| f32::from(code.cast_signed()) * 0.5).collect();
    assert_eq!(values.to_vec::<f32>().expect("f32"), expected);
    let mut q8_k = 0.3f32.to_le_bytes().to_vec();
    q8_k.extend_from_slice(&codes);
    q8_k.extend_from_slice(&[0xff; 32]);
    let values = block_tensor(BlockFormat::Q8K, &[1, 256], q8_k).dequantize_blocks().expect("f32");
    let expected: Vec<f32> = codes.iter().map(|code| f32::from(code.cast_signed()) * 0.3).collect();
    assert_eq!(values.to_vec::<f32>().expect("f32"), expected);
    assert_eq!(values.shape(), [1, 256]);
}

fn normals(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 24) as f32
    };
    // The sum of twelve is near enough to normal.
    (0..count).map(|_| (0..12).map(|_| next()).sum::<f32>() - 6.0).collect()
}

fn square_error(values: &[f32], format: BlockFormat) -> f64 {
    let tensor = Tensor::from_vec(&[values.len()], values.to_vec()).expect("f32");
    let back = tensor.quantize_blocks(format).and_then(|blocks| blocks.dequantize_blocks()).expect("there and back");
    let back = back.to_vec::<f32>().expect("f32");
    let off = values.iter().zip(&back).map(|(value, back)| f64::from(value - back).powi(2)).sum::<f64>();
    off / values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>()
}

/// 4 bits for a normal distribution cost about 0.7 % of its square, by plain rounding over its range; a
/// search must not be worse, and 8 bits are far better.
#[test]
fn the_error_of_quantising_is_small() {
    let values = normals(7, 256 * 64);
    let (q4_k, q4_0, q8_0) = (
        square_error(&values, BlockFormat::Q4K),
        square_error(&values, BlockFormat::Q4_0),
        square_error(&values, BlockFormat::Q8_0),
    );
    println!("relative square errors: q4_k {q4_k:.5}, q4_0 {q4_0:.5}, q8_0 {q8_0:.7}");
    assert!(q4_k < 0.006, "{q4_k}");
    assert!(q4_k < q4_0, "{q4_k} {q4_0}");
    assert!(q8_0 < 0.0001, "{q8_0}");
    // Numbers that are all above zero have no use for a minimum; large and tiny ones keep their scale.
    for scale in [1e-5f32, 1.0, 1e4] {
        let values: Vec<f32> = values.iter().map(|value| (value.abs() + 0.5) * scale).collect();
        let error = square_error(&values, BlockFormat::Q4K);
        assert!(error < 0.005, "{scale}: {error}");
    }
}

#[test]
fn what_a_format_can_hold_exactly_comes_back() {
    for format in [BlockFormat::Q8_0, BlockFormat::Q4_0, BlockFormat::Q4K] {
        let zeros = vec![0.0f32; 256];
        let tensor = Tensor::from_vec(&[256], zeros.clone()).expect("f32");
        let back = tensor.quantize_blocks(format).and_then(|blocks| blocks.dequantize_blocks()).expect("back");
        assert!(back.to_vec::<f32>().expect("f32").iter().all(|value| *value == 0.0), "{format:?}");
    }
    let ramp: Vec<f32> = (0..256).map(|at| (at % 16) as f32 * 0.25).collect();
    assert!(square_error(&ramp, BlockFormat::Q4K) < 1e-6);
}

#[test]
fn numbers_without_a_scale_are_refused() {
    for (bad, at) in [(f32::NAN, 300), (f32::INFINITY, 5), (f32::NEG_INFINITY, 511), (f32::MAX, 256)] {
        let mut values = vec![1.0f32; 512];
        values[at] = bad;
        for format in [BlockFormat::Q8_0, BlockFormat::Q4_0, BlockFormat::Q4K] {
            let error = Tensor::from_vec(&[2, 256], values.clone()).expect("f32").quantize_blocks(format);
            assert!(matches!(error, Err(TensorError::NotQuantizable { .. })), "{bad} as {format:?}: {error:?}");
        }
    }
    let values = Tensor::from_vec(&[40], vec![1.0f32; 40]).expect("f32");
    assert!(matches!(values.quantize_blocks(BlockFormat::Q8_0), Err(TensorError::InvalidSize { .. })));
    assert!(matches!(values.quantize_blocks(BlockFormat::Q6K), Err(TensorError::UnsupportedDtype { .. })));
    assert!(matches!(values.dequantize_blocks(), Err(TensorError::UnsupportedDtype { .. })));
}

#[test]
fn rows_of_blocks_can_be_sliced_and_then_read() {
    let values = normals(3, 4 * 256);
    let blocks =
        Tensor::from_vec(&[4, 256], values).and_then(|all| all.quantize_blocks(BlockFormat::Q4K)).expect("q4_k");
    let all = blocks.dequantize_blocks().expect("f32");
    let rows = blocks.slice_axis(0, 1, 2, 1).and_then(|rows| rows.dequantize_blocks()).expect("two rows");
    assert!(rows.bit_eq(&all.slice_axis(0, 1, 2, 1).expect("two rows")));
}

#[test]
fn a_long_tensor_is_the_same_on_any_number_of_threads() {
    let tensor = Tensor::from_vec(&[40, 1024], normals(11, 40 * 1024)).expect("f32");
    for format in [BlockFormat::Q8_0, BlockFormat::Q4_0, BlockFormat::Q4K] {
        let run = |threads| {
            glassbox_tensor::with_threads(threads, || {
                let blocks = tensor.quantize_blocks(format).expect("blocks");
                (blocks.dequantize_blocks().expect("f32"), blocks)
            })
        };
        let (one, three) = (run(1), run(3));
        assert!(one.0.bit_eq(&three.0) && one.1.bit_eq(&three.1), "{format:?}");
        // A row alone gives what it gives in the middle of others.
        let row = tensor.slice_axis(0, 17, 1, 1).and_then(|row| row.quantize_blocks(format)).expect("a row");
        assert!(row.bit_eq(&one.1.slice_axis(0, 17, 1, 1).expect("a row")));
    }
}

proptest! {
    /// Rounding to the nearest code is at most half a step off; q8_0's step is its scale.
    #[test]
    fn q8_0_is_half_a_step_off_at_most(values in prop::collection::vec(-1e4f32..1e4, 32)) {
        let tensor = Tensor::from_vec(&[32], values.clone()).expect("f32");
        let back = tensor.quantize_blocks(BlockFormat::Q8_0).and_then(|blocks| blocks.dequantize_blocks()).expect("back");
        let most = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        for (value, back) in values.iter().zip(back.to_vec::<f32>().expect("f32")) {
            // Half a step, and what rounding the scale to f16 does to the largest code.
            prop_assert!((value - back).abs() <= most / 127.0 * 0.5 + most / 2048.0 + 1e-6, "{value} {back}");
        }
    }

    /// Any bytes are blocks of any format.
    #[test]
    fn any_bytes_can_be_read(seed in any::<[u8; 32]>(), which in 0..BlockFormat::ALL.len()) {
        let format = BlockFormat::ALL[which];
        let bytes: Vec<u8> = seed.iter().copied().cycle().take(format.block_bytes() * 2).collect();
        let values = block_tensor(format, &[2, format.block_elements()], bytes).dequantize_blocks().expect("f32");
        prop_assert_eq!(values.len(), 2 * format.block_elements());
    }
}
