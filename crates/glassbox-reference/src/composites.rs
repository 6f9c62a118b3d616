//! Value tests of composites, where the official cases of ONNX don't reach.

use glassbox_exec::{Options, Precision};
use glassbox_ir::{Attrs, OpDef, attrs, ops};
use glassbox_tensor::{DType, Overflow, Tensor};

use crate::kernels::check::{run, run_with};

/// Numbers that look random, in [-1, 1).
fn numbers(dtype: DType, shape: &[usize], seed: usize) -> Tensor {
    let count: usize = shape.iter().product();
    let number = |index: usize| ((index * 7919 + seed * 104_729 + 13) % 2003) as f64 / 1001.5 - 1.0;
    Tensor::store(dtype, shape, (0..count).map(number).collect(), Overflow::Wrap).unwrap()
}

fn all(op: &'static OpDef, operands: &[Option<Tensor>], attrs: Attrs) -> Result<Vec<Tensor>, String> {
    run_with(op, operands, attrs, op.outputs.len(), Options::default())
}

fn assert_near(a: &Tensor, b: &Tensor, tolerance: f64, what: &str) {
    assert_eq!(a.shape(), b.shape(), "{what}");
    let (a, b) = (a.load::<f64>().unwrap(), b.load::<f64>().unwrap());
    let worst = a.iter().zip(b.iter()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst <= tolerance && a.iter().all(|x| x.is_finite()), "{what}: {worst:e}");
}

/// Extents `start..start + count` along an axis.
fn part(x: &Tensor, axis: usize, start: usize, count: usize) -> Tensor {
    x.slice_axis(axis, start, count, 1).unwrap().contiguous().unwrap()
}

const LAYERS: [(&OpDef, usize); 3] = [(&ops::rnn::OP, 1), (&ops::gru::OP, 3), (&ops::lstm::OP, 4)];

/// x, w, r, b of a layer with 2 sequences of 3 inputs, 2 hidden elements and both directions.
fn weights(gates: usize, steps: usize) -> [Tensor; 4] {
    let float = |shape: &[usize], seed| numbers(DType::F32, shape, seed);
    [float(&[steps, 2, 3], 1), float(&[2, gates * 2, 3], 2), float(&[2, gates * 2, 2], 3), float(&[2, gates * 4], 4)]
}

#[test]
fn a_sequence_that_ends_early_is_as_if_it_stood_alone() {
    for (op, gates) in LAYERS {
        let [x, w, r, b] = weights(gates, 4);
        let layer = |x: &Tensor, lengths: Option<Tensor>| {
            let operands = [x.clone(), w.clone(), r.clone(), b.clone()].map(Some);
            let operands: Vec<_> = operands.into_iter().chain([lengths]).collect();
            all(op, &operands, attrs! { direction: "bidirectional" }).unwrap()
        };
        let together = layer(&x, Some(Tensor::from_vec(&[2], vec![4i32, 2]).unwrap()));
        for (sequence, length) in [4, 2].into_iter().enumerate() {
            let alone = layer(&part(&part(&x, 1, sequence, 1), 0, 0, length), None);
            let mine = part(&together[0], 2, sequence, 1);
            assert_near(&part(&mine, 0, 0, length), &alone[0], 0.0, op.name);
            assert!(part(&mine, 0, length, 4 - length).load::<f64>().unwrap().iter().all(|x| *x == 0.0), "{}", op.name);
            for (state, alone) in together[1..].iter().zip(&alone[1..]) {
                assert_near(&part(state, 1, sequence, 1), alone, 0.0, op.name);
            }
        }
    }
}

#[test]
fn with_layout_1_the_batch_comes_first() {
    for (op, gates) in LAYERS {
        let [x, w, r, b] = weights(gates, 3);
        let h = numbers(DType::F32, &[2, 2, 2], 5);
        let swapped = |x: &Tensor| x.permute(&[1, 0, 2]).unwrap();
        let attrs = |layout: i64| attrs! { direction: "bidirectional", layout: layout };
        let operands = |x, h| [Some(x), Some(w.clone()), Some(r.clone()), Some(b.clone()), None, Some(h)];
        let plain = all(op, &operands(x.clone(), h.clone()), attrs(0)).unwrap();
        let batched = all(op, &operands(swapped(&x), swapped(&h)), attrs(1)).unwrap();
        assert_near(&batched[0].permute(&[1, 2, 0, 3]).unwrap(), &plain[0], 0.0, op.name);
        assert_near(&swapped(&batched[1]), &plain[1], 0.0, op.name);
    }
}

#[test]
fn recurrent_layers_refuse_what_does_not_fit() {
    let [x, w, r, b] = weights(1, 2);
    let refused = |operands: [&Tensor; 4], attrs, rule: &str| {
        let error = run(&ops::rnn::OP, &operands.map(Tensor::clone), attrs).unwrap_err();
        assert!(error.contains(rule), "{error}");
    };
    let both = || attrs! { direction: "bidirectional" };
    refused([&x, &w, &r, &part(&b, 1, 0, 3)], both(), "C1");
    refused([&x, &w, &r, &b], attrs! {}, "C1");
    refused([&x, &w, &r, &b], attrs! { direction: "bidirectional", hidden_size: 3 }, "C2");
    refused([&x, &w, &r, &b], attrs! { direction: "bidirectional", layout: 2 }, "C2");
    let sine = vec!["Sine".to_owned(); 2];
    refused([&x, &w, &r, &b], attrs! { direction: "bidirectional", activations: sine }, "C3");
}

#[test]
fn attention_of_narrow_floats_sums_in_f32() {
    // In bf16 a sum of ones stops at 256.
    for dtype in [DType::BF16, DType::F16] {
        let ones = |keys| Tensor::full(dtype, &[1, 1, keys, 1], &Tensor::scalar(1f32)).unwrap();
        let operands = [Tensor::zeros(dtype, &[1, 1, 1, 1]).unwrap(), ones(1000), ones(1000)];
        let y = run(&ops::attention::OP, &operands, attrs! {}).unwrap();
        assert_eq!(y[0].item::<f64>().unwrap(), 1.0, "{dtype}");
    }
}

#[test]
fn attention_refuses_what_does_not_fit() {
    let of = |dims: &[usize]| numbers(DType::F32, dims, 1);
    let refused = |operands: &[Option<Tensor>], attrs, rule: &str| {
        let error = all(&ops::attention::OP, operands, attrs).unwrap_err();
        assert!(error.contains(rule), "{rule}: {error}");
    };
    let qkv = |heads: usize, keys: usize| {
        vec![Some(of(&[1, heads, 2, 4])), Some(of(&[1, 2, keys, 4])), Some(of(&[1, 2, keys, 4]))]
    };
    let with = |extra: Vec<Option<Tensor>>| qkv(2, 3).into_iter().chain(extra).collect::<Vec<_>>();
    refused(&[Some(of(&[1, 2, 4])), Some(of(&[1, 2, 4])), Some(of(&[1, 2, 4]))], attrs! {}, "C1");
    refused(&qkv(3, 3), attrs! {}, "C2");
    refused(&[Some(of(&[1, 2, 2, 4])), Some(of(&[1, 2, 3, 4])), Some(of(&[1, 2, 2, 4]))], attrs! {}, "C3");
    refused(&with(vec![None, Some(of(&[1, 2, 1, 4]))]), attrs! {}, "C4");
    refused(&with(vec![Some(of(&[2, 4]))]), attrs! {}, "C5");
    refused(&qkv(2, 3), attrs! { left_window_size: -2 }, "C6");
    refused(&qkv(2, 3), attrs! { softmax_precision: DType::I32 }, "C7");
}

#[test]
fn linear_attention_in_pieces_is_the_same_as_in_one() {
    let operands = |first: usize, count: usize, state: Option<Tensor>| {
        let of = |width: usize, seed| Some(part(&numbers(DType::F32, &[2, 4, width], seed), 1, first, count));
        [of(4 * 2, 1), of(2 * 2, 2), of(2 * 3, 3), state, of(2, 4), of(1, 5)]
    };
    let attrs = || attrs! { q_num_heads: 4, kv_num_heads: 2 };
    let linear = |operands: &[Option<Tensor>]| all(&ops::linear_attention::OP, operands, attrs()).unwrap();
    let whole = linear(&operands(0, 4, None));
    let first = linear(&operands(0, 3, None));
    let rest = linear(&operands(3, 1, Some(first[1].clone())));
    assert_near(&part(&whole[0], 1, 0, 3), &first[0], 0.0, "output");
    assert_near(&part(&whole[0], 1, 3, 1), &rest[0], 0.0, "output");
    assert_near(&whole[1], &rest[1], 0.0, "state");
}

#[test]
fn positions_without_a_row_in_the_cache_are_an_error() {
    let caches = numbers(DType::F32, &[4, 1], 2);
    let x = numbers(DType::F32, &[1, 1, 2, 2], 1);
    let places = |place: i64| Tensor::from_vec(&[1, 2], vec![0i64, place]).unwrap();
    let turned =
        |place| run(&ops::rotary_embedding::OP, &[x.clone(), caches.clone(), caches.clone(), places(place)], attrs! {});
    assert!(turned(3).is_ok());
    assert!(turned(4).is_err());
}

#[test]
fn targets_that_are_no_class_are_an_error_unless_ignored() {
    let x = numbers(DType::F32, &[2, 3], 1);
    let loss = |target: i64, attrs| {
        let target = Tensor::from_vec(&[2], vec![0i64, target]).unwrap();
        run(&ops::negative_log_likelihood_loss::OP, &[x.clone(), target], attrs)
    };
    assert!(loss(2, attrs! {}).is_ok());
    assert!(loss(3, attrs! {}).is_err() && loss(-1, attrs! {}).is_err());
    let only_the_first = loss(-1, attrs! { ignore_index: -1 }).unwrap();
    assert_eq!(only_the_first[0].item::<f64>().unwrap(), -x.load::<f64>().unwrap()[0]);
}

#[test]
fn zero_points_may_be_one_for_each_row_or_column() {
    let a = Tensor::from_vec(&[2, 2], vec![1u8, 2, 3, 4]).unwrap();
    let b = Tensor::from_vec(&[2, 2], vec![1i8, -1, 2, -2]).unwrap();
    let zeros = [Tensor::from_vec(&[2], vec![1u8, 3]).unwrap(), Tensor::from_vec(&[2], vec![1i8, -1]).unwrap()];
    let product = run(&ops::matmul_integer::OP, &[&[a.clone(), b.clone()][..], &zeros].concat(), attrs! {}).unwrap();
    assert_eq!(product[0].to_vec::<i32>().unwrap(), [1, -1, 1, -1]);
    let three = Tensor::from_vec(&[3], vec![1u8; 3]).unwrap();
    let error = run(&ops::matmul_integer::OP, &[a, b, three], attrs! {}).unwrap_err();
    assert!(error.contains("C4"), "{error}");
}

#[test]
fn a_quantised_matrix_may_be_multiplied_with_a_vector() {
    let scalar = |value: f32| Tensor::scalar(value);
    let a = Tensor::from_vec(&[2, 2], vec![1u8, 2, 3, 4]).unwrap();
    let rows = Tensor::from_vec(&[2], vec![1f32, 10.0]).unwrap();
    let zeros = Tensor::from_vec(&[2], vec![0u8, 1]).unwrap();
    let b = Tensor::from_vec(&[2], vec![1u8, 2]).unwrap();
    let (zero, one) = (Tensor::scalar(0u8), scalar(1.0));
    let y =
        run(&ops::qlinear_matmul::OP, &[a, rows, zeros, b, one.clone(), zero.clone(), one, zero], attrs! {}).unwrap();
    assert_eq!(y[0].to_vec::<u8>().unwrap(), [5, 80]);
}

#[test]
fn windows_of_no_and_of_one_point() {
    for op in [&ops::hann_window::OP, &ops::hamming_window::OP, &ops::blackman_window::OP] {
        let of = |size: i64| run(op, &[Tensor::scalar(size)], attrs! { periodic: false });
        assert_eq!(of(0).unwrap()[0].shape(), [0]);
        assert_eq!(of(1).unwrap()[0].to_vec::<f32>().unwrap(), [1.0]);
        assert!(of(-1).unwrap_err().contains("C1"));
        assert!(of(1 << 50).unwrap_err().contains("limit"));
    }
}

#[test]
fn an_edge_beyond_the_spectrum_is_an_error() {
    let count = |count: i64| Tensor::scalar(count);
    let mel = |upper: f32| {
        let operands = [count(4), count(16), count(8000), Tensor::scalar(0f32), Tensor::scalar(upper)];
        run(&ops::mel_weight_matrix::OP, &operands, attrs! {})
    };
    assert_eq!(mel(4000.0).unwrap()[0].shape(), [9, 4]);
    assert!(mel(80_000.0).unwrap_err().contains("C3"));
    assert!(mel(f32::NAN).unwrap_err().contains("C3"));
}

#[test]
fn in_precise_mode_the_same_comes_out_but_for_rounding() {
    let float = |shape: &[usize], seed| Some(numbers(DType::F32, shape, seed));
    let cases: Vec<(&OpDef, Vec<Option<Tensor>>, Attrs)> = vec![
        (&ops::lstm::OP, weights(4, 3).map(Some).to_vec(), attrs! { direction: "bidirectional" }),
        (&ops::attention::OP, [1, 2, 3].map(|seed| float(&[1, 2, 3, 4], seed)).to_vec(), attrs! { is_causal: true }),
        (&ops::dft::OP, vec![float(&[2, 6, 1], 1)], attrs! {}),
        (
            &ops::softmax_cross_entropy_loss::OP,
            vec![float(&[2, 3], 1), Some(Tensor::from_vec(&[2], vec![0i64, 2]).unwrap())],
            attrs! {},
        ),
        (&ops::dynamic_quantize_linear::OP, vec![float(&[9], 1)], attrs! {}),
        (&ops::random_normal_like::OP, vec![float(&[9], 1)], attrs! { seed: 1.0 }),
    ];
    for (op, operands, attrs) in cases {
        let run = |precision| {
            let options = Options { precision, ..Options::default() };
            run_with(op, &operands, attrs.clone(), op.outputs.len(), options).unwrap()
        };
        let (declared, precise) = (run(Precision::Declared), run(Precision::Precise));
        for (a, b) in declared.iter().zip(&precise) {
            assert_near(a, b, 1e-5, op.name);
        }
    }
}

#[test]
fn relu_with_a_slope_and_bounds_is_what_its_formula_says() {
    let x = [f64::NEG_INFINITY, -3.0, -0.25, -0.0, 0.0, 0.1, 5.0, f64::INFINITY];
    let relu = |dtype, attrs: Attrs| {
        let x = Tensor::store(dtype, &[x.len()], x.to_vec(), Overflow::Wrap).unwrap();
        run(&ops::relu::OP, &[x], attrs).unwrap()[0].load::<f64>().unwrap().to_vec()
    };
    for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16] {
        // What the dtype has of the constants, which are computed with in f32 where it is narrower.
        let [slope, high, tenth] = [0.01, 2.7, 0.1].map(|value| {
            let constant = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
            Tensor::store(constant, &[], vec![value], Overflow::Wrap).unwrap().item::<f64>().unwrap()
        });
        let round = |value: f64| {
            let value = if dtype == DType::F64 { value } else { f64::from(value as f32) };
            Tensor::store(dtype, &[], vec![value], Overflow::Wrap).unwrap().item::<f64>().unwrap()
        };
        let sloped =
            [f64::NEG_INFINITY, -3.0 * slope, -0.25 * slope, -0.0, 0.0, round(tenth), 5.0, f64::INFINITY].map(round);
        assert_eq!(relu(dtype, attrs! { negative_slope: 0.01 }), sloped, "{dtype}");
        let clamped = [-1.0, -1.0, -0.25, -0.0, 0.0, round(tenth), round(high), round(high)];
        assert_eq!(relu(dtype, attrs! { negative_slope: 1.0, clamp_min: -1.0, clamp_max: 2.7 }), clamped, "{dtype}");
        let bounded = [0.0, 0.0, 0.0, 0.0, 0.0, round(tenth), 5.0, f64::INFINITY];
        assert_eq!(relu(dtype, attrs! { clamp_min: f64::NEG_INFINITY, clamp_max: f64::INFINITY }), bounded, "{dtype}");
        assert_eq!(relu(dtype, attrs! { clamp_max: f64::NEG_INFINITY }), [f64::NEG_INFINITY; 8], "{dtype}");
    }
    let nan = |attrs| run(&ops::relu::OP, &[Tensor::scalar(f32::NAN)], attrs).unwrap()[0].item::<f32>().unwrap();
    assert!(nan(attrs! {}).is_nan() && nan(attrs! { negative_slope: 2.0, clamp_min: 0.0, clamp_max: 1.0 }).is_nan());
    let bytes = Tensor::from_vec(&[4], vec![-128i8, -1, 3, 127]).unwrap();
    let y = run(&ops::relu::OP, &[bytes], attrs! { negative_slope: -2.0, clamp_min: -100.0, clamp_max: 5.0 }).unwrap();
    // -2 * -128 wraps to 0.
    assert_eq!(y[0].to_vec::<i8>().unwrap(), [0, 2, 3, 5]);
}

#[test]
fn relu_and_fill_refuse_what_an_integer_dtype_lacks() {
    let refused = |op: &'static OpDef, x: Tensor, attrs, text: &str| {
        let error = run(op, &[x], attrs).unwrap_err();
        assert!(error.contains(text), "{error}");
    };
    let relu = |x: Tensor, attrs, text: &str| refused(&ops::relu::OP, x, attrs, text);
    relu(Tensor::scalar(1u8), attrs! { negative_slope: -1.0 }, "C1: negative_slope is -1, which is no value of u8");
    relu(Tensor::scalar(1i8), attrs! { negative_slope: 0.5 }, "C1: negative_slope is 0.5, which is no value of i8");
    relu(Tensor::scalar(1i8), attrs! { clamp_max: 200.0 }, "C1: clamp_max is 200, which is no value of i8");
    relu(Tensor::scalar(1i8), attrs! { clamp_max: f64::NEG_INFINITY }, "C1: clamp_max is -inf");
    relu(Tensor::scalar(1f32), attrs! { clamp_min: 2.0, clamp_max: 1.0 }, "C2: clamp_min is 2, clamp_max is 1");
    relu(Tensor::scalar(1f32), attrs! { clamp_min: f64::NAN }, "C2: clamp_min is NaN");
    let fill = |x: Tensor, value: f64, text: &str| refused(&ops::fill::OP, x, attrs! { value: value }, text);
    fill(Tensor::scalar(1i64), 0.5, "C1: 0.5 is no value of i64");
    fill(Tensor::scalar(1i64), 2f64.powi(63), "C1: 9223372036854776000 is no value of i64");
    fill(Tensor::scalar(1u64), -1.0, "C1: -1 is no value of u64");
    fill(Tensor::scalar(1i32), f64::NAN, "C1: NaN is no value of i32");
    fill(Tensor::scalar(true), 2.0, "C1: 2 is no value of bool");
    fill(Tensor::zeros(DType::T1, &[1]).unwrap(), 0.0, "C1: 0 is no value of t1");
    fill(Tensor::zeros(DType::U4, &[1]).unwrap(), 16.0, "C1: 16 is no value of u4");
}

#[test]
fn a_fill_is_one_value_in_the_dims_of_another_tensor() {
    let fill = |x: &Tensor, value: f64| run(&ops::fill::OP, std::slice::from_ref(x), attrs! { value: value }).unwrap();
    for dtype in DType::ALL.iter().copied().filter(|dtype| dtype.is_float() || dtype.is_integer()) {
        // A signed integer of one bit has -1 and 0.
        let value = if dtype == DType::I1 { -1.0 } else { 1.0 };
        let y = fill(&Tensor::zeros(dtype, &[2, 0]).unwrap(), value);
        assert_eq!((y[0].dtype(), y[0].shape()), (dtype, &[2, 0][..]));
        let y = fill(&Tensor::zeros(dtype, &[3]).unwrap(), value);
        assert_eq!(y[0].load::<f64>().unwrap()[..], [value; 3], "{dtype}");
    }
    let least = fill(&Tensor::scalar(0i64), -(2f64.powi(63)));
    assert_eq!(least[0].item::<i64>().unwrap(), i64::MIN);
    assert!(fill(&Tensor::scalar(0f32), f64::NAN)[0].item::<f32>().unwrap().is_nan());
    assert!(fill(&Tensor::scalar(false), 1.0)[0].item::<bool>().unwrap());
}

#[test]
fn finite_is_neither_infinite_nor_nan_in_any_dtype() {
    let finite = |x: Tensor| run(&ops::is_finite::OP, &[x], attrs! {}).unwrap()[0].item::<bool>().unwrap();
    for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16, DType::F8E5M2] {
        let of = |values: [f64; 3]| Tensor::store(dtype, &[3, 1], values.to_vec(), Overflow::Wrap).unwrap();
        assert!(finite(of([0.0, -1.0, 50000.0])), "{dtype}");
        assert!(!finite(of([0.0, f64::INFINITY, 1.0])) && !finite(of([1.0, 1.0, f64::NEG_INFINITY])), "{dtype}");
        assert!(!finite(of([f64::NAN, 0.0, 1.0])), "{dtype}");
        assert!(finite(Tensor::zeros(dtype, &[0, 3]).unwrap()), "{dtype}");
    }
    assert!(!finite(Tensor::store(DType::F8E4M3FN, &[1], vec![f64::NAN], Overflow::Wrap).unwrap()));
    assert!(finite(Tensor::scalar(i64::MIN)) && finite(Tensor::scalar(false)));
}
