//! Convolutions, pools, resizing and sampling where no official case reaches: other dtypes, odd sizes,
//! what stands outside, and operands that break a rule which only their contents show.

use super::examples::run;

fn check(examples: &[&str]) {
    let failures: Vec<String> =
        examples.iter().filter_map(|text| run(text).err().map(|error| format!("{text}\n    {error}"))).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Each is refused by the rule with this label.
fn check_refused(examples: &[(&str, &str)]) {
    for (rule, text) in examples {
        match run(text) {
            Ok(()) => panic!("{text}\n    is not refused"),
            Err(error) => assert!(error.contains(&format!("{rule}: ")), "{text}\n    is refused otherwise: {error}"),
        }
    }
}

#[test]
fn convolutions() {
    check(&[
        // Two groups, integers that wrap, a bias.
        "conv(i8[1, 2, 2] [100, 1, 2, 3], i8[2, 1, 2] [1, 100, 2, 3], i8[2] [56, 1]) {group = 2} \
         -> i8[1, 2, 1] [0, 14]",
        // The odd pad of SAME_LOWER is in front.
        "conv(f32[1, 1, 4] [1, 2, 3, 4], f32[1, 1, 2] [1, 10]) {auto_pad = \"SAME_LOWER\"} \
         -> f32[1, 1, 4] [10, 21, 32, 43]",
        "conv(f32[1, 1, 3] [1, 2, 3], f32[1, 1, 3] [1, 10, 100]) {auto_pad = \"SAME_UPPER\", strides = [2]} \
         -> f32[1, 1, 2] [210, 32]",
        // f16 accumulates in f32 and rounds once: 2048 + 1 + 1.
        "conv(f16[1, 1, 3] [2048, 1, 1], f16[1, 1, 3] [1, 1, 1]) -> f16[1, 1, 1] [2050]",
        // The padding is zeros, and a zero times an infinity is NaN.
        "conv(f32[1, 1, 2] [1, 2], f32[1, 1, 2] [inf, 1]) {pads = [1, 0]} -> f32[1, 1, 2] [nan, inf]",
        // The formula of ONNX gives no window.
        "conv(f32[1, 1, 2] [1, 2], f32[2, 1, 3] [1, 2, 3, 4, 5, 6]) -> f32[1, 2, 0] []",
        "conv(f32[1, 1, 2, 3] [1, 2, 3, 4, 5, 6], f32[1, 1, 4, 2] [1, 2, 3, 4, 5, 6, 7, 8]) {strides = [2, 1]} \
         -> f32[1, 1, 0, 2] []",
        "max_pool(f32[1, 1, 2] [1, 2]) {kernel_shape = [3]} -> f32[1, 1, 0] [], i64[1, 1, 0] []",
        "average_pool(f32[1, 1, 2, 2] [1, 2, 3, 4]) {kernel_shape = [3, 1]} -> f32[1, 1, 0, 2] []",
        "average_pool(f32[1, 1, 1] [1]) {kernel_shape = [4], strides = [2], ceil_mode = true} -> f32[1, 1, 0] []",
        "max_pool(f32[1, 1, 0] []) {kernel_shape = [1]} -> f32[1, 1, 0] [], i64[1, 1, 0] []",
        // No image, no channel.
        "conv(f32[0, 1, 2] [], f32[3, 1, 1] [1, 2, 3]) -> f32[0, 3, 2] []",
        "conv(f32[1, 0, 2] [], f32[2, 0, 1] [], f32[2] [5, 6]) -> f32[1, 2, 2] [5, 5, 6, 6]",
        "conv_integer(i8[1, 1, 2] [-128, 127], u8[2, 1, 1] [255, 3], i8[1] [127], u8[2] [0, 3]) \
         -> i32[1, 2, 2] [-65025, 0, 0, 0]",
    ]);
    check_refused(&[
        ("C4", "conv(f32[1, 1, 1] [1], f32[1, 1, 3] [1, 2, 3]) -> f32[1, 1, 0] []"),
        ("C6", "conv(f32[1, 3, 2] [1, 2, 3, 4, 5, 6], f32[2, 1, 1] [1, 2]) {group = 2} -> f32[1, 2, 2] [0, 0, 0, 0]"),
        ("C3", "conv(f32[1, 1, 1] [1], f32[1, 1, 1] [1]) {auto_pad = \"VALID\", pads = [1, 0]} -> f32[1, 1, 1] [1]"),
        ("C2", "conv(f32[1, 1, 1] [1], f32[1, 1, 1] [1]) {strides = [0]} -> f32[1, 1, 1] [1]"),
        ("C4", "conv(f32[1, 1, 1] [1], f32[1, 1, 2] [1, 2]) {dilations = [9223372036854775807]} -> f32[1, 1, 1] [1]"),
    ]);
}

#[test]
fn transposed_convolutions() {
    check(&[
        // Between the taps, and after them, there is only the bias.
        "conv_transpose(f32[1, 1, 2] [1, 2], f32[1, 1, 2] [1, 10], f32[1] [0.5]) {strides = [3], output_padding = [2]} \
         -> f32[1, 1, 7] [1.5, 10.5, 0.5, 2.5, 20.5, 0.5, 0.5]",
        // The odd one of three is taken off the front, or with SAME_UPPER the end.
        "conv_transpose(f32[1, 1, 2] [1, 2], f32[1, 1, 4] [1, 10, 100, 1000]) {output_shape = [2]} \
         -> f32[1, 1, 2] [120, 1200]",
        "conv_transpose(f32[1, 1, 2] [1, 2], f32[1, 1, 4] [1, 10, 100, 1000]) \
         {output_shape = [2], auto_pad = \"SAME_UPPER\"} -> f32[1, 1, 2] [12, 120]",
        // More than there is.
        "conv_transpose(f32[1, 1, 1] [3], f32[1, 1, 2] [1, 2]) {output_shape = [4]} -> f32[1, 1, 4] [3, 6, 0, 0]",
        // Two groups of one channel and two maps; an infinity meets no zero.
        "conv_transpose(f32[1, 2, 1] [1, 2], f32[2, 2, 1] [inf, 20, 30, 40]) {group = 2, strides = [2]} \
         -> f32[1, 4, 1] [inf, 20, 60, 80]",
        "conv_transpose(i32[1, 1, 2, 1] [1, 2], i32[1, 1, 1, 2] [3, 4]) {strides = [2, 1], dilations = [1, 2]} \
         -> i32[1, 1, 3, 3] [3, 0, 4, 0, 0, 0, 6, 0, 8]",
    ]);
    check_refused(&[("C4", "conv_transpose(f32[1, 1, 1] [1], f32[1, 1, 1] [1]) {pads = [1, 1]} -> f32[1, 1, 0] []")]);
}

#[test]
fn pools() {
    check(&[
        "max_pool(i8[1, 1, 3] [-128, -3, -7]) {kernel_shape = [2], pads = [1, 0]} \
         -> i8[1, 1, 3] [-128, -3, -3], i64[1, 1, 3] [0, 1, 1]",
        "max_pool(u64[1, 1, 2] [18446744073709551615, 9]) {kernel_shape = [2]} -> u64[1, 1, 1] [18446744073709551615]",
        // NaN is the largest, and the first one counts.
        "max_pool(f32[1, 1, 4] [5, nan, nan, 9]) {kernel_shape = [4]} -> f32[1, 1, 1] [nan], i64[1, 1, 1] [1]",
        "max_pool(f16[1, 1, 2, 3] [1, 2, 3, 4, 5, 6]) {kernel_shape = [1, 2], storage_order = 1} \
         -> f16[1, 1, 2, 2] [2, 3, 5, 6], i64[1, 1, 2, 2] [2, 4, 3, 5]",
        // A window in the padding alone.
        "max_pool(f32[1, 1, 1] [7]) {kernel_shape = [1], pads = [1, 0]} -> f32[1, 1, 2] [-inf, 7], i64[1, 1, 2] [-1, 0]",
        "average_pool(f32[1, 1, 1] [7]) {kernel_shape = [1], pads = [1, 0]} -> f32[1, 1, 2] [nan, 7]",
        // With ceil_mode the last window has taps beyond the pads, which don't count.
        "average_pool(f32[1, 1, 4] [1, 2, 3, 6]) {kernel_shape = [3], strides = [2], ceil_mode = true} \
         -> f32[1, 1, 2] [2, 4.5]",
        "average_pool(f32[1, 1, 4] [1, 2, 3, 6]) \
         {kernel_shape = [4], strides = [2], pads = [0, 1], ceil_mode = true, count_include_pad = true} \
         -> f32[1, 1, 2] [3, 3]",
        "lp_pool(f32[1, 1, 4] [1, -2, 3, 6]) {kernel_shape = [3], strides = [2], ceil_mode = true, p = 1} \
         -> f32[1, 1, 2] [6, 9]",
        "global_average_pool(f16[1, 1, 2] [65504, 65504]) -> f16[1, 1, 1] [65504]",
        "max_unpool(u8[1, 1, 2] [5, 6], i64[1, 1, 2] [3, 3], i64[3] [1, 1, 2]) {kernel_shape = [2], strides = [2]} \
         -> u8[1, 1, 2] [0, 0]",
        "col2im(i8[1, 2, 2] [100, 100, 100, 1], i64[1] [3], i64[1] [2]) -> i8[1, 1, 3] [100, -56, 1]",
        "col2im(bool[1, 2, 2] [true, false, false, true], i64[1] [3], i64[1] [2]) -> bool[1, 1, 3] [true, false, true]",
        "max_roi_pool(f32[1, 1, 1, 2] [1, 3], f32[2, 5] [0, 9, 9, 9, 9, 0, 0, 0, 1, 0]) {pooled_shape = [1, 2]} \
         -> f32[2, 1, 1, 2] [0, 0, 1, 3]",
    ]);
    check_refused(&[
        ("C6", "max_unpool(f32[1, 1, 1] [5], i64[1, 1, 1] [-1]) {kernel_shape = [2]} -> f32[1, 1, 2] [0, 0]"),
        ("C6", "max_unpool(f32[1, 1, 1] [5], i64[1, 1, 1] [2]) {kernel_shape = [2]} -> f32[1, 1, 2] [0, 0]"),
        (
            "C3",
            "max_roi_pool(f32[1, 1, 1, 1] [1], f32[1, 5] [1, 0, 0, 0, 0]) {pooled_shape = [1, 1]} -> f32[1, 1, 1, 1] [1]",
        ),
        ("C4", "roi_align(f32[1, 1, 1, 1] [1], f32[1, 4] [0, 0, 1, 1], i64[1] [-1]) -> f32[1, 1, 1, 1] [1]"),
        ("C5", "roi_align(f32[1, 1, 1, 1] [1], f32[1, 4] [0, 0, 1e9, 1], i64[1] [0]) -> f32[1, 1, 1, 1] [1]"),
        ("C3", "col2im(f32[1, 2, 3] [1, 2, 3, 4, 5, 6], i64[1] [3], i64[1] [2]) -> f32[1, 1, 3] [0, 0, 0]"),
    ]);
}

#[test]
fn resizing() {
    check(&[
        "resize(string[2] [\"a\", \"b\"], _, _, i64[1] [3]) {coordinate_transformation_mode = \"asymmetric\"} \
         -> string[3] [\"a\", \"b\", \"b\"]",
        "resize(i4[2] [-8, 7], _, f32[1] [2]) -> i4[4] [-8, -8, 7, 7]",
        "resize(i64[2] [9007199254740993, -9007199254740993], _, _, i64[1] [1]) {nearest_mode = \"floor\"} \
         -> i64[1] [9007199254740993]",
        // Integers round half to even; what a cubic gives beyond the range saturates.
        "resize(u8[2] [1, 4], _, _, i64[1] [3]) {mode = \"linear\"} -> u8[3] [1, 2, 4]",
        "resize(u8[4] [0, 0, 255, 255], _, f32[1] [2]) {mode = \"cubic\"} -> u8[8] [0, 0, 0, 58, 197, 255, 255, 255]",
        // What version 10 does where an axis shrinks.
        "resize(f32[4] [1, 2, 3, 4], _, f32[1] [0.6]) \
         {coordinate_transformation_mode = \"asymmetric\", nearest_mode = \"simple\"} -> f32[2] [1, 3]",
        // The product of extent and scale is taken in f32: 10 * 0.7 is 7 there.
        "resize(f32[10] [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], _, f32[1] [0.7]) {nearest_mode = \"floor\"} \
         -> f32[7] [0, 1, 3, 4, 5, 7, 8]",
        // An infinity with no weight doesn't count.
        "resize(f32[3] [1, inf, 2], _, _, i64[1] [5]) {mode = \"linear\", coordinate_transformation_mode = \"align_corners\"} \
         -> f32[5] [1, inf, inf, inf, 2]",
        "resize(f32[2] [1, 2], f32[2] [0, 2], _, i64[1] [3]) \
         {coordinate_transformation_mode = \"tf_crop_and_resize\", extrapolation_value = 9.0, mode = \"linear\"} \
         -> f32[3] [1, 2, 9]",
        "resize(bool[2] [true, true], f32[2] [0, 2], _, i64[1] [3]) \
         {coordinate_transformation_mode = \"tf_crop_and_resize\"} -> bool[3] [true, true, false]",
        "resize(f32[0] [], _, f32[1] [2]) -> f32[0] []",
    ]);
    check_refused(&[
        ("C2", "resize(f32[2] [1, 2]) -> f32[2] [1, 2]"),
        ("C2", "resize(f32[2] [1, 2], _, f32[1] [1], i64[1] [2]) -> f32[2] [1, 2]"),
        ("C3", "resize(f32[2] [1, 2], _, f32[1] [0]) -> f32[0] []"),
        ("C5", "resize(bool[2] [true, true], _, f32[1] [2]) {mode = \"linear\"} -> bool[4] [true, true, true, true]"),
        ("C6", "resize(f32[0] [], _, _, i64[1] [2]) -> f32[2] [0, 0]"),
    ]);
}

#[test]
fn sampling() {
    check(&[
        "grid_sample(string[1, 1, 2] [\"a\", \"b\"], f32[1, 3, 1] [-0.5, 0.5, 9]) {mode = \"nearest\"} \
         -> string[1, 1, 3] [\"a\", \"b\", \"\"]",
        // Mirrored far away, at the edges or at the centres.
        "grid_sample(f32[1, 1, 3] [1, 2, 3], f32[1, 3, 1] [1.5, 3, -5]) {mode = \"nearest\", padding_mode = \"reflection\"} \
         -> f32[1, 1, 3] [3, 1, 1]",
        "grid_sample(f32[1, 1, 3] [1, 2, 3], f32[1, 2, 1] [2, 4]) \
         {align_corners = true, padding_mode = \"reflection\"} -> f32[1, 1, 2] [2, 2]",
        "grid_sample(f32[1, 1, 2] [1, 3], f32[1, 3, 1] [nan, -inf, inf]) {padding_mode = \"border\"} \
         -> f32[1, 1, 3] [1, 1, 3]",
        "grid_sample(f32[1, 1, 2] [1, 3], f32[1, 3, 1] [nan, -inf, inf]) -> f32[1, 1, 3] [0, 0, 0]",
        "grid_sample(i32[1, 1, 2] [-1, -4], f32[1, 1, 1] [0]) -> i32[1, 1, 1] [-2]",
        // Each of the four of cubic is moved to the border by itself, on both sides of the edge alike. (With places in f32,
        // as PyTorch has them, they are -0.9378767 and -0.9371233.)
        "grid_sample(f32[1, 1, 4] [0, 10, 0, 0], f32[1, 2, 1] [-0.9999, -1.0001]) \
         {mode = \"cubic\", padding_mode = \"border\"} -> f32[1, 1, 2] [-0.9378749, -0.9371248]",
        "grid_sample(f32[1, 1, 2] [1, 3], f32[1, 4, 1] [nan, -inf, inf, 3e30]) \
         {mode = \"cubic\", padding_mode = \"border\"} -> f32[1, 1, 4] [1, 1, 3, 3]",
        // One element between mirrors.
        "grid_sample(f32[1, 1, 1] [5], f32[1, 1, 1] [0.3]) {align_corners = true, padding_mode = \"reflection\"} \
         -> f32[1, 1, 1] [5]",
        "affine_grid(f32[1, 2, 3] [1, 0, 0, 0, 1, 0], i64[4] [1, 1, 0, 1000000000000]) -> f32[1, 0, 1000000000000, 2] []",
        "deform_conv(f32[1, 1, 2] [1, 3], f32[1, 1, 1] [1], f32[1, 1, 2] [-1, inf]) -> f32[1, 1, 2] [0, 0]",
    ]);
    check_refused(&[(
        "C4",
        "grid_sample(f32[1, 1, 0] [], f32[1, 1, 1] [0]) {padding_mode = \"border\"} -> f32[1, 1, 1] [0]",
    )]);
}

#[test]
fn normalising() {
    check(&[
        // The first stage of f16 is f32; its square would overflow f16.
        "layer_normalization(f16[2] [300, -300], f16[2] [1, 1]) -> f16[2] [1, -1]",
        "rms_normalization(f64[2] [3, 4], f32[2] [1, 1]) {epsilon = 0.0} -> f32[2] [0.84852815, 1.1313709]",
        "lp_normalization(f32[2, 1] [0, 5]) -> f32[2, 1] [0, 1]",
        "batch_normalization(f32[2] [3, 5], f32[1] [2], f32[1] [1], f32[1] [4], f32[1] [1]) {epsilon = 0.0} -> f32[2] [-1, 3]",
        "batch_normalization(f32[2, 1] [3, 5], f32[1] [1], f32[1] [0], f64[1] [0], f64[1] [0]) \
         {epsilon = 0.0, momentum = 0.5, training_mode = true} -> f32[2, 1] [-1, 1], f64[1] [2], f64[1] [0.5]",
        "lrn(f16[1, 1] [300]) {size = 1000, alpha = 1000.0, beta = 0.5, bias = 0.0} -> f16[1, 1] [1]",
    ]);
    check_refused(&[
        ("C2", "layer_normalization(f32[1, 2] [1, 2], f32[2, 2] [1, 1, 1, 1]) -> f32[1, 2] [0, 0]"),
        (
            "C4",
            "group_normalization(f32[1, 3] [1, 2, 3], f32[3] [1, 1, 1], f32[3] [0, 0, 0]) {num_groups = 2} -> f32[1, 3] [0, 0, 0]",
        ),
        ("C2", "dropout(f32[1] [1], f32[] 1, bool[] true) -> f32[1] [1]"),
    ]);
}
