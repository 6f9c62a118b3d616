//! Conversions by other software (`scripts/tensor_golden.py`) against ours.

use std::collections::HashMap;

use glassbox_tensor::{CastOptions, DType, E8M0Round, Overflow, Tensor};

const GOLDEN: &str = include_str!("../data/conversions.txt");

fn hex(text: &str) -> u64 {
    u64::from_str_radix(text, 16).expect("a hexadecimal number")
}

/// A scalar tensor of the dtype named `source` with the given bits.
fn scalar(source: &str, bits: u64) -> Tensor {
    let dtype: DType = source.parse().expect("a dtype");
    let size = dtype.byte_len(1).expect("a size");
    Tensor::from_bytes(dtype, &[], bits.to_le_bytes()[..size].to_vec()).expect("a scalar")
}

/// The dtype and options that a column's name asks for.
fn target(column: &str) -> (DType, CastOptions) {
    let (name, mode) = column.split_once(':').unwrap_or((column, ""));
    let mut options = CastOptions::default();
    match mode {
        "" => {}
        "saturate" => options.overflow = Overflow::Saturate,
        "up" | "down" | "nearest" => {
            options.overflow = Overflow::Saturate;
            options.e8m0_round = match mode {
                "up" => E8M0Round::Up,
                "down" => E8M0Round::Down,
                _ => E8M0Round::Nearest,
            };
        }
        _ => panic!("unknown mode in column {column}"),
    }
    (name.parse().expect("a dtype"), options)
}

#[test]
fn conversions_agree_with_other_software() {
    let mut columns: Vec<&str> = Vec::new();
    let mut compared: HashMap<String, usize> = HashMap::new();
    for line in GOLDEN.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "columns" => columns = words[2..].to_vec(),
            "decode" => {
                let value = scalar(words[1], hex(words[2])).load::<f32>().expect("load")[0];
                match words[3] {
                    "nan" => assert!(value.is_nan(), "{line}"),
                    bits => assert_eq!(u64::from(value.to_bits()), hex(bits), "{line}"),
                }
                *compared.entry("decode".to_owned()).or_default() += 1;
            }
            source => {
                let input = scalar(source, hex(words[1]));
                assert_eq!(columns.len(), words.len() - 2, "{line}");
                for (column, expected) in columns.iter().zip(&words[2..]) {
                    if *expected == "-" {
                        continue;
                    }
                    let (dtype, options) = target(column);
                    let bytes = input.cast_with(dtype, options).and_then(|t| t.to_bytes());
                    let mut bits = [0u8; 8];
                    let bytes = bytes.expect("cast");
                    bits[..bytes.len()].copy_from_slice(&bytes);
                    assert_eq!(u64::from_le_bytes(bits), hex(expected), "{column}: {line}");
                    *compared.entry(format!("{source} to {column}")).or_default() += 1;
                }
            }
        }
    }
    // A file that lost its rows would pass everything above.
    assert_eq!(compared["decode"], 4 * 256 + 16);
    for (pair, least) in [("f32 to bf16", 500), ("f64 to f16", 300), ("i64 to f8e5m2", 30), ("f32 to f8e8m0:up", 150)] {
        assert!(compared[pair] >= least, "{pair}: {}", compared[pair]);
    }
}
