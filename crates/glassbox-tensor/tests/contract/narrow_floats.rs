//! Every bit pattern of every 16-, 8- and 4-bit float: decoded, encoded back, and the points half way to
//! its neighbour and a hair to either side rounded.

use glassbox_tensor::{
    CastOptions, DType, E8M0Round, FloatFormat, Overflow, Tensor, Unpacked, bf16, decode_e8m0, encode_e8m0, f16,
};

const NARROW: [DType; 7] =
    [DType::F16, DType::BF16, DType::F8E4M3FN, DType::F8E4M3FNUZ, DType::F8E5M2, DType::F8E5M2FNUZ, DType::F4E2M1];

fn format(dtype: DType) -> &'static FloatFormat {
    FloatFormat::of(dtype).expect("a narrow float has a format")
}

/// All patterns of a dtype, in one tensor.
fn all_patterns(dtype: DType) -> Tensor {
    let bits = dtype.bits().expect("fixed size");
    let bytes = match bits {
        16 => (0..=u16::MAX).flat_map(u16::to_le_bytes).collect(),
        8 => (0..=u8::MAX).collect(),
        _ => (0..8u8).map(|pair| (2 * pair) | ((2 * pair + 1) << 4)).collect(),
    };
    Tensor::from_bytes(dtype, &[1 << bits], bytes).expect("all patterns are valid")
}

/// The patterns of a tensor's elements.
fn patterns(tensor: &Tensor) -> Vec<u32> {
    let bytes = tensor.to_bytes().expect("bytes");
    match tensor.dtype().bits() {
        Some(16) => bytes.chunks(2).map(|b| u32::from(u16::from_le_bytes([b[0], b[1]]))).collect(),
        Some(8) => bytes.into_iter().map(u32::from).collect(),
        _ => {
            let pairs = bytes.into_iter().flat_map(|b| [u32::from(b & 15), u32::from(b >> 4)]);
            pairs.take(tensor.len()).collect()
        }
    }
}

fn store<C: glassbox_tensor::Compute>(dtype: DType, values: &[C], overflow: Overflow) -> Vec<u32> {
    let tensor = Tensor::store(dtype, &[values.len()], values.to_vec(), overflow).expect("store");
    patterns(&tensor)
}

#[test]
fn every_pattern_survives_a_round_trip() {
    for dtype in NARROW {
        let format = format(dtype);
        let all = all_patterns(dtype);
        let singles = all.load::<f32>().expect("f32");
        let doubles = all.load::<f64>().expect("f64");
        for overflow in [Overflow::Wrap, Overflow::Saturate] {
            let from_f32 = store(dtype, &singles, overflow);
            let from_f64 = store(dtype, &doubles, overflow);
            for bits in 0..(1u32 << format.bits()) {
                let at = bits as usize;
                // Only a NaN's payload may change: it becomes quiet, which is its highest bit.
                let expected = match () {
                    () if format.is_nan(bits) && dtype != DType::F8E4M3FN && bits != 0x80 => {
                        bits | 1 << (format.mantissa_bits - 1)
                    }
                    () if singles[at].is_infinite() && overflow == Overflow::Saturate => {
                        if dtype == DType::F8E5M2 {
                            bits - 1
                        } else {
                            bits
                        }
                    }
                    () => bits,
                };
                assert_eq!(from_f32[at], expected, "{dtype} {bits:#x} by f32, {overflow:?}");
                assert_eq!(from_f64[at], expected, "{dtype} {bits:#x} by f64, {overflow:?}");
                assert_eq!(singles[at].is_nan(), format.is_nan(bits), "{dtype} {bits:#x}");
                assert_eq!(f64::from(singles[at]).to_bits(), doubles[at].to_bits());
                assert_eq!(format.decode(bits).to_bits(), doubles[at].to_bits(), "{dtype} {bits:#x}");
            }
        }
    }
}

#[test]
fn half_agrees_with_the_generic_routine_on_every_pattern() {
    for bits in 0..=u16::MAX {
        let (wide, half) = (u32::from(bits), f16::from_bits(bits));
        // half's constant functions are its software path, the others may be the machine's.
        for single in [half.to_f32(), half.to_f32_const()] {
            assert_eq!(single.to_bits(), FloatFormat::F16.decode_f32(wide).to_bits(), "{bits:#x}");
        }
        let brain = bf16::from_bits(bits).to_f32();
        assert_eq!(brain.to_bits(), FloatFormat::BF16.decode_f32(wide).to_bits(), "{bits:#x}");
    }
}

#[test]
fn midpoints_go_to_even_and_their_neighbours_to_the_nearer_value() {
    for dtype in NARROW {
        let format = format(dtype);
        let mut doubles = Vec::new();
        let mut singles = Vec::new();
        let mut expected = Vec::new();
        for low in 0..format.max_finite() {
            let middle = f64::midpoint(format.decode(low), format.decode(low + 1));
            let even = low + (low & 1);
            let single = middle as f32;
            assert_eq!(f64::from(single), middle, "every midpoint is a value of f32");
            for negative in [false, true] {
                let sign = if negative { -1.0 } else { 1.0 };
                let near = [(middle, even), (middle.next_up(), low + 1), (middle.next_down(), low)];
                doubles.extend(near.map(|(value, _)| value * sign));
                singles.extend([single, single.next_up(), single.next_down()].map(|v| v * sign as f32));
                expected.extend(near.map(|(_, magnitude)| {
                    let keeps_sign = magnitude != 0 || format.decode(1 << (format.bits() - 1)) == 0.0;
                    magnitude | u32::from(negative && keeps_sign) << (format.bits() - 1)
                }));
            }
        }
        assert_eq!(store(dtype, &doubles, Overflow::Wrap), expected, "{dtype} from f64");
        assert_eq!(store(dtype, &singles, Overflow::Wrap), expected, "{dtype} from f32");
        if dtype == DType::F16 {
            let software = singles.iter().map(|v| u32::from(f16::from_f32_const(*v).to_bits()));
            assert!(software.eq(expected.iter().copied()), "half's software path");
        }
    }
}

#[test]
fn overflow_begins_half_a_step_above_the_largest_value() {
    for dtype in NARROW {
        let format = format(dtype);
        let max = format.max_finite();
        let step = format.decode(max) - format.decode(max - 1);
        let edge = format.decode(max) + step / 2.0;
        let inside = store(dtype, &[edge.next_down(), -edge.next_down()], Overflow::Wrap);
        let sign = 1 << (format.bits() - 1);
        assert_eq!(inside, [max, max | sign], "{dtype}");
        let outside = [edge.next_up(), -edge.next_up(), f64::INFINITY, f64::NEG_INFINITY, 1e300];
        let wrapped = Tensor::store(dtype, &[5], outside.to_vec(), Overflow::Wrap).expect("store");
        let values = wrapped.load::<f64>().expect("load");
        match dtype {
            DType::F4E2M1 => assert_eq!(*values, [6.0, -6.0, 6.0, -6.0, 6.0]),
            DType::F16 | DType::BF16 | DType::F8E5M2 => {
                assert_eq!(*values, outside.map(|v| v.signum() * f64::INFINITY), "{dtype}");
            }
            _ => assert!(values.iter().all(|v| v.is_nan()), "{dtype}"),
        }
        let saturated = store(dtype, &outside, Overflow::Saturate);
        match dtype {
            DType::F16 | DType::BF16 => assert_eq!(saturated, patterns(&wrapped), "{dtype}"),
            _ => assert_eq!(saturated, [max, max | sign, max, max | sign, max], "{dtype}"),
        }
        // At the edge itself the largest value wins if its pattern is even.
        let tie = store(dtype, &[edge], Overflow::Wrap)[0];
        assert_eq!(tie == max, max.is_multiple_of(2) || dtype == DType::F4E2M1, "{dtype}");
    }
}

#[test]
fn a_mantissa_that_rounds_up_carries_into_the_exponent() {
    for dtype in [DType::F8E5M2, DType::F8E5M2FNUZ, DType::F4E2M1] {
        let tensor = Tensor::from_vec(&[2], vec![1.9f32, -1.9]).expect("vec");
        let cast = tensor.cast(dtype, Overflow::Saturate).expect("cast");
        assert_eq!(*cast.load::<f32>().expect("load"), [2.0, -2.0], "{dtype}");
    }
    for dtype in [DType::F8E4M3FN, DType::F8E4M3FNUZ] {
        let tensor = Tensor::from_vec(&[3], vec![1.9f32, 1.95, -3.99]).expect("vec");
        let cast = tensor.cast(dtype, Overflow::Saturate).expect("cast");
        assert_eq!(*cast.load::<f32>().expect("load"), [1.875, 2.0, -4.0], "{dtype}");
    }
}

#[test]
fn f64_is_not_rounded_twice() {
    // By way of f32 these would land on a tie and go to even, the wrong way.
    let hair = 1.0 + 2f64.powi(-11) + 2f64.powi(-40);
    assert_eq!(store(DType::F16, &[hair], Overflow::Wrap), [0x3c01]);
    let hair = 1.0 + 2f64.powi(-8) + 2f64.powi(-40);
    assert_eq!(store(DType::BF16, &[hair], Overflow::Wrap), [0x3f81]);
    let hair = 1.0 + 2f64.powi(-4) + 2f64.powi(-40);
    assert_eq!(store(DType::F8E4M3FN, &[hair], Overflow::Wrap), [0x39]);
    // The same for integers, which f64 or f32 would round first.
    let number = (0x101i64 << 54) + 1;
    assert_eq!(store(DType::BF16, &[number], Overflow::Wrap), [0x5e81]);
    assert_eq!(store(DType::F32, &[(0x1000001u64 << 39) + 1], Overflow::Wrap).len(), 1);
    let single = Tensor::store(DType::F32, &[], vec![(0x1000001u64 << 39) + 1], Overflow::Wrap);
    let single = single.and_then(|t| t.item::<f32>()).expect("f32");
    assert_eq!(single, (0x1000002u64 << 39) as f32);
}

#[test]
fn nan_keeps_its_sign_and_never_becomes_a_number() {
    let payloads = [0x7fc0_0000u32, 0xffc0_0000, 0x7f80_0001, 0xff80_0001, 0x7fff_ffff];
    let values: Vec<f32> = payloads.into_iter().map(f32::from_bits).collect();
    for dtype in NARROW.into_iter().chain([DType::F64, DType::F8E8M0]) {
        let tensor = Tensor::store(dtype, &[5], values.clone(), Overflow::Saturate).expect("store");
        let back = tensor.load::<f64>().expect("load");
        match dtype {
            DType::F4E2M1 => assert_eq!(patterns(&tensor), [8; 5]),
            _ => assert!(back.iter().all(|v| v.is_nan()), "{dtype}: {back:?}"),
        }
        if matches!(dtype, DType::F16 | DType::BF16 | DType::F8E4M3FN | DType::F8E5M2) {
            let signs: Vec<bool> = back.iter().map(|v| v.is_sign_negative()).collect();
            assert_eq!(signs, [false, true, false, true, false], "{dtype}");
        }
    }
}

#[test]
fn e8m0_is_exact_on_every_pattern_and_rounds_as_asked() {
    assert!(decode_e8m0(255).is_nan());
    for bits in 0..255u8 {
        let value = f64::from(decode_e8m0(bits));
        assert_eq!(value, 2f64.powi(i32::from(bits) - 127), "{bits}");
        for round in [E8M0Round::Up, E8M0Round::Down, E8M0Round::Nearest] {
            for overflow in [Overflow::Wrap, Overflow::Saturate] {
                let options = CastOptions { overflow, e8m0_round: round };
                let encode = |value: f64| encode_e8m0(Unpacked::from_f64(value), options);
                assert_eq!(encode(value), bits);
                if bits == 254 {
                    continue;
                }
                let next = bits + 1;
                let [low, middle, high] = match round {
                    E8M0Round::Up => [next, next, next],
                    E8M0Round::Down => [bits, bits, bits],
                    E8M0Round::Nearest => [bits, next, next],
                };
                let tie = value * 1.5;
                assert_eq!(encode(tie), middle, "{bits} {round:?}");
                assert_eq!(encode(tie.next_down()), low, "{bits} {round:?}");
                assert_eq!(encode(tie.next_up()), high, "{bits} {round:?}");
            }
        }
    }
}

#[test]
fn e8m0_follows_the_table_of_onnx_cast() {
    let [smallest, largest] = [2f32.powi(-127), 2f32.powi(127)];
    let rows = [
        (0.0, 0, 255),
        (-0.0, 0, 255),
        (f32::NAN, 255, 255),
        (f32::INFINITY, 254, 255),
        (f32::NEG_INFINITY, 255, 255),
        (-1.0, 255, 255),
        (largest * 1.5, 254, 255),
        (smallest / 2.0, 0, 255),
        (smallest, 0, 0),
        (largest, 254, 254),
    ];
    for (value, saturate_up, nearest) in rows {
        let tensor = Tensor::scalar(value);
        let up = tensor.cast(DType::F8E8M0, Overflow::Saturate).expect("cast");
        assert_eq!(patterns(&up), [saturate_up], "{value}");
        let options = CastOptions { overflow: Overflow::Wrap, e8m0_round: E8M0Round::Nearest };
        let cast = tensor.cast_with(DType::F8E8M0, options).expect("cast");
        assert_eq!(patterns(&cast), [nearest], "{value}");
    }
}
