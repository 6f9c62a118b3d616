//! Mathematical ops where the official cases don't reach: dtypes, edges, and what is refused.

use glassbox_ir::text::parse_example;

use super::examples::run;

fn hold(examples: &[&str]) {
    let failures: Vec<String> =
        examples.iter().filter_map(|text| run(text).err().map(|error| format!("{text}\n    {error}"))).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Each use is refused, when it is built or when it runs, by the rule with this label.
fn are_refused(uses: &[(&str, &str)]) {
    for (rule, text) in uses {
        let error = match parse_example(text) {
            Err(error) => error.to_string(),
            Ok(_) => run(text).expect_err(text),
        };
        assert!(error.contains(rule), "{text}: {error}");
    }
}

#[test]
fn bits_of_every_width() {
    hold(&[
        "bitwise_not(u64[2] [0, 18446744073709551615]) -> u64[2] [18446744073709551615, 0]",
        "bitwise_not(i64[2] [0, -1]) -> i64[2] [-1, 0]",
        "bitwise_not(u4[3] [0, 5, 15]) -> u4[3] [15, 10, 0]",
        "bitwise_not(i1[2] [0, -1]) -> i1[2] [-1, 0]",
        "bitwise_xor(i8[2] [-1, 5], i8[] -128) -> i8[2] [127, -123]",
        "bit_shift(i8[5] [-128, 127, -1, 5, -5], i8[5] [8, 8, -1, -1, 7]) {direction = \"RIGHT\"} -> i8[5] [-1, 0, -1, 0, -1]",
        "bit_shift(i8[5] [-128, 127, -1, 5, 1], i8[5] [8, 8, -1, 100, 7]) {direction = \"LEFT\"} -> i8[5] [0, 0, 0, 0, -128]",
        "bit_shift(u64[2] [1, 3], u64[2] [63, 64]) {direction = \"LEFT\"} -> u64[2] [9223372036854775808, 0]",
        "bit_shift(u4[2] [15, 15], u4[2] [1, 4]) {direction = \"LEFT\"} -> u4[2] [14, 0]",
        "bit_cast(i4[3] [-1, 7, 1]) {to = u4} -> u4[3] [15, 7, 1]",
        "bit_cast(u8[2] [0, 1]) {to = bool} -> bool[2] [false, true]",
    ]);
    are_refused(&[
        ("bool", "bit_cast(u8[1] [2]) {to = bool} -> bool[1] [true]"),
        ("C1", "bit_cast(u8[1] [2]) {to = i16} -> i16[1] [2]"),
        ("dtype", "bitwise_and(t2[1] [1], t2[1] [1]) -> t2[1] [1]"),
    ]);
}

#[test]
fn remainders_have_the_sign_that_is_said() {
    hold(&[
        "mod(i32[4] [7, -7, 7, -7], i32[4] [3, 3, -3, -3]) -> i32[4] [1, 2, -2, -1]",
        "mod(i32[4] [7, -7, 7, -7], i32[4] [3, 3, -3, -3]) {fmod = true} -> i32[4] [1, -1, 1, -1]",
        "mod(i64[1] [-9223372036854775808], i64[] -1) -> i64[1] [0]",
        "mod(u8[2] [250, 7], u8[] 100) -> u8[2] [50, 7]",
        "mod(f32[4] [-0, 0, 3, -3], f32[4] [1, -1, inf, inf]) -> f32[4] [0, -0, 3, inf]",
        "mod(f32[2] [-5.5, 5.5], f32[] 2) {fmod = true} -> f32[2] [-1.5, 1.5]",
    ]);
    are_refused(&[("zero", "mod(i32[1] [1], i32[] 0) -> i32[1] [0]")]);
}

#[test]
fn reductions_of_nothing() {
    hold(&[
        "reduce_min(f32[0] []) {keepdims = false} -> f32[] inf",
        "reduce_min(i8[0] []) {keepdims = false} -> i8[] 127",
        "reduce_min(u16[0] []) {keepdims = false} -> u16[] 65535",
        "reduce_min(bool[0] []) {keepdims = false} -> bool[] true",
        "reduce_prod(i32[0] []) {keepdims = false} -> i32[] 1",
        "reduce_l2(f32[0] []) {keepdims = false} -> f32[] 0",
        "reduce_log_sum_exp(f32[0] []) {keepdims = false} -> f32[] -inf",
        "reduce_log_sum(f32[2, 0] [], i64[1] [1]) {keepdims = false} -> f32[2] [-inf, -inf]",
    ]);
    are_refused(&[("C2", "arg_max(f32[2, 0] []) {axis = 1} -> i64[2, 1] [0, 0]")]);
}

#[test]
fn no_axes_still_take_the_steps_of_each_element() {
    hold(&[
        "reduce_l1(f32[2] [-1, 2]) {noop_with_empty_axes = true} -> f32[2] [1, 2]",
        "reduce_sum_square(i8[2] [-3, 2]) {noop_with_empty_axes = true} -> i8[2] [9, 4]",
        "reduce_log_sum_exp(f32[2] [-1, 2]) {noop_with_empty_axes = true, keepdims = false} -> f32[2] [-1, 2]",
        "reduce_l2(i32[2] [30000, 40000]) {keepdims = false} -> i32[] 50000",
    ]);
}

#[test]
fn infinities_and_nan_in_formulas() {
    hold(&[
        "is_inf(f8e4m3fn[2] [448, nan]) -> bool[2] [false, false]",
        "is_inf(f8e5m2[2] [inf, 57344]) -> bool[2] [true, false]",
        "is_inf(f32[2] [inf, -inf]) {detect_positive = false, detect_negative = false} -> bool[2] [false, false]",
        "is_nan(f16[3] [nan, inf, 1]) -> bool[3] [true, false, false]",
        "clip(f32[3] [-inf, 5, inf], _, f32[1] [1]) -> f32[3] [-inf, 1, 1]",
        "clip(i8[3] [-100, 0, 100], i8[] 5, i8[] 3) -> i8[3] [3, 3, 3]",
        "softplus(f64[2] [-745, 800]) -> f64[2] [5e-324, 800]",
        "thresholded_relu(f32[1] [nan]) -> f32[1] [0]",
        "arg_max(f32[4] [1, nan, 3, nan]) {select_last_index = true} -> i64[1] [3]",
        "hardmax(f32[3] [1, nan, 3]) -> f32[3] [0, 1, 0]",
        "relu(i8[2] [-128, 127]) -> i8[2] [0, 127]",
        "shrink(i8[4] [-2, -1, 1, 2]) {lambd = 1.5, bias = 1} -> i8[4] [-1, 0, 0, 1]",
        "shrink(u8[3] [0, 1, 5]) {lambd = 1.5, bias = 1} -> u8[3] [0, 0, 4]",
    ]);
}

#[test]
fn running_totals_wrap_and_run_both_ways() {
    hold(&[
        "cum_sum(i8[3] [100, 100, 1], i32[] 0) -> i8[3] [100, -56, -55]",
        "cum_sum(f32[2, 2] [1, 2, 3, 4], i64[] -2) {reverse = true, exclusive = true} -> f32[2, 2] [3, 4, 0, 0]",
        "cum_prod(u8[3] [16, 16, 3], i64[1] [0]) -> u8[3] [16, 0, 0]",
        "cum_sum(f32[0, 2] [], i64[] 1) -> f32[0, 2] []",
    ]);
    are_refused(&[
        ("C1", "cum_sum(f32[2] [1, 2], i64[] 1) -> f32[2] [1, 3]"),
        ("C1", "cum_sum(f32[2] [1, 2], i64[2] [0, 0]) -> f32[2] [1, 3]"),
    ]);
}

#[test]
fn determinants_at_the_edges() {
    hold(&[
        "det(f32[2, 0, 0] []) -> f32[2] [1, 1]",
        "det(f64[3, 3] [0, 1, 0, 1, 0, 0, 0, 0, 2]) -> f64[] -2",
        "det(f32[2, 2] [0, 0, 0, 5]) -> f32[] 0",
    ]);
    are_refused(&[("C1", "det(f32[1] [1]) -> f32[] 1"), ("C2", "det(f32[1, 2] [1, 2]) -> f32[] 1")]);
}

#[test]
fn gemm_says_what_does_not_fit() {
    hold(&[
        "gemm(i32[1, 2] [1, 2], i32[2, 1] [3, 4], i32[1] [5]) {alpha = 2, beta = -1} -> i32[1, 1] [17]",
        "gemm(f32[0, 2] [], f32[2, 3] [1, 2, 3, 4, 5, 6]) -> f32[0, 3] []",
        "gemm(f32[1, 1] [2], f32[1, 1] [3], f32[] nan) {beta = 0} -> f32[1, 1] [6]",
    ]);
    are_refused(&[
        ("C1", "gemm(f32[2] [1, 2], f32[2, 1] [3, 4]) -> f32[1, 1] [11]"),
        ("C2", "gemm(f32[1, 2] [1, 2], f32[2, 1] [3, 4]) {transA = true} -> f32[1, 1] [11]"),
        ("C3", "gemm(f32[1, 2] [1, 2], f32[2, 1] [3, 4], f32[2, 1] [1, 2]) -> f32[1, 1] [11]"),
        ("C4", "gemm(i32[1, 1] [1], i32[1, 1] [3]) {alpha = 0.5} -> i32[1, 1] [1]"),
    ]);
}

#[test]
fn einsum_refuses_what_is_no_equation() {
    hold(&[
        "einsum(f32[] 2, f32[2] [1, 3]) {equation = \",i->i\"} -> f32[2] [2, 6]",
        "einsum(i8[2, 2] [1, 2, 3, 4]) {equation = \"ii\"} -> i8[] 5",
        "einsum(f32[1, 3] [1, 2, 3], f32[2, 3] [1, 1, 1, 2, 2, 2]) {equation = \"...i,...i\"} -> f32[2] [6, 12]",
    ]);
    are_refused(&[
        ("C1", "einsum(f32[1] [1]) {equation = \"i1->i\"} -> f32[1] [1]"),
        ("C1", "einsum(f32[1] [1]) {equation = \"......i\"} -> f32[1] [1]"),
        ("C1", "einsum(f32[1] [1]) {equation = \"i->é\"} -> f32[1] [1]"),
        ("C1", "einsum(f32[1] [1]) {equation = \"i->i->i\"} -> f32[1] [1]"),
        ("C2", "einsum(f32[1] [1]) {equation = \"i,i\"} -> f32[1] [1]"),
        ("C2", "einsum(f32[1] [1]) {equation = \"ij\"} -> f32[1, 1] [1]"),
        ("C2", "einsum(f32[1] [1]) {equation = \"ij...\"} -> f32[1, 1] [1]"),
        ("C3", "einsum(f32[1] [1]) {equation = \"i->j\"} -> f32[1] [1]"),
        ("C3", "einsum(f32[1] [1]) {equation = \"i->ii\"} -> f32[1, 1] [1]"),
        ("C3", "einsum(f32[1] [1]) {equation = \"...->\"} -> f32[] 1"),
        ("C4", "einsum(f32[2] [1, 2], f32[3] [1, 2, 3]) {equation = \"i,i\"} -> f32[] 1"),
        ("C4", "einsum(f32[1, 2] [1, 2]) {equation = \"ii\"} -> f32[] 1"),
    ]);
}

#[test]
fn text_and_numbers() {
    hold(&[
        "cast(string[4] [\"+INF\", \"-inf\", \" 1e2 \", \".5\"]) {to = f32} -> f32[4] [inf, -inf, 100, 0.5]",
        "cast(string[3] [\"100.9\", \"-7\", \"1E1\"]) {to = i8} -> i8[3] [100, -7, 10]",
        "cast(string[1] [\"18446744073709551615\"]) {to = u64} -> u64[1] [18446744073709551615]",
        "cast(string[4] [\"True\", \"false\", \"0\", \"2\"]) {to = bool} -> bool[4] [true, false, false, true]",
        "cast(f32[4] [0.1, -0, 1e-7, inf]) {to = string} -> string[4] [\"0.1\", \"-0\", \"0.0000001\", \"INF\"]",
        "cast(bool[2] [true, false]) {to = string} -> string[2] [\"True\", \"False\"]",
        "cast(u64[1] [18446744073709551615]) {to = string} -> string[1] [\"18446744073709551615\"]",
    ]);
    are_refused(&[
        ("number", "cast(string[1] [\"300\"]) {to = u8} -> u8[1] [44]"),
        ("number", "cast(string[1] [\"nan\"]) {to = i32} -> i32[1] [0]"),
        ("number", "cast(string[1] [\"Hello\"]) {to = f32} -> f32[1] [0]"),
    ]);
}

#[test]
fn slopes_and_gates_keep_the_shape() {
    hold(&["prelu(i32[2, 2] [-1, 2, -3, 4], i32[2] [2, 3]) -> i32[2, 2] [-2, 2, -6, 4]"]);
    are_refused(&[
        ("C1", "prelu(f32[2] [1, 2], f32[2, 2] [1, 2, 3, 4]) -> f32[2] [1, 2]"),
        ("C1", "prelu(f32[1] [1], f32[2] [1, 2]) -> f32[1] [1]"),
        ("C1", "shrink(u8[1] [1]) {bias = -1} -> u8[1] [1]"),
        ("C1", "swiglu(f32[1] [1], f32[2] [1, 2]) -> f32[2] [1, 2]"),
        ("C1", "clip(f32[2] [1, 2], f32[2] [1, 2]) -> f32[2] [1, 2]"),
    ]);
}
