//! Every option and many sizes against a plain evaluation in f64, and bits against bits.

use super::*;

/// Numbers between -1 and 1, the same for the same seed.
fn numbers(seed: usize, count: usize) -> Vec<f32> {
    let mut state = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(12345);
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Numbers for all of the operands.
struct Case {
    sizes: Sizes,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
}

impl Case {
    fn new(sizes: Sizes) -> Case {
        let Sizes { batch, heads, kv_heads, queries, keys, size, value_size } = sizes;
        let count = batch * kv_heads * keys;
        let q = numbers(1, batch * heads * queries * size).into_iter().map(|x| x * 3.0).collect();
        Case { sizes, q, k: numbers(2, count * size), v: numbers(3, count * value_size) }
    }

    /// All axes one behind the other.
    fn attention(&self) -> Attention<'_> {
        let Sizes { batch, heads, kv_heads, queries, keys, size, value_size } = self.sizes;
        Attention::new(
            self.sizes,
            View::dense(&self.q, [batch, heads, queries, size]),
            View::dense(&self.k, [batch, kv_heads, keys, size]),
            View::dense(&self.v, [batch, kv_heads, keys, value_size]),
        )
    }
}

fn sizes(batch: usize, [heads, kv_heads]: [usize; 2], [queries, keys]: [usize; 2], size: usize) -> Sizes {
    Sizes { batch, heads, kv_heads, queries, keys, size, value_size: size }
}

fn at<T: Copy>(view: &View<T>, place: [usize; 4]) -> T {
    view.data[view.strides.iter().zip(place).map(|(stride, index)| stride * index).sum::<usize>()]
}

/// One element of the result in f64 and the most that it may be off: by formulas alone.
fn exact(attention: &Attention, [b, h, t]: [usize; 3]) -> Vec<(f64, f64)> {
    let sizes = attention.sizes;
    let group = h / (sizes.heads / sizes.kv_heads);
    let (mut scores, mut biases, mut largest) = (vec![], vec![], 0f64);
    for j in 0..sizes.keys {
        let length = attention.lengths.map_or(sizes.keys, |lengths| lengths[b]);
        let position = t as i64
            + match attention.offset {
                Offset::Keys(offset) => offset as i64,
                Offset::Last => length as i64 - sizes.queries as i64,
            };
        let mut seen = j < length;
        seen &= !attention.causal || j as i64 <= position;
        seen &= attention.left.is_none_or(|left| j as i64 >= position - left as i64);
        seen &= attention.right.is_none_or(|right| j as i64 <= position + right as i64);
        let mask = match &attention.mask {
            Mask::None => 0.0,
            Mask::Add(view) => f64::from(at(view, [b, h, t, j])),
            Mask::Allow(view) if at(view, [b, h, t, j]) != 0 => 0.0,
            Mask::Allow(_) => f64::NEG_INFINITY,
        };
        let products: Vec<f64> = (0..sizes.size)
            .map(|c| f64::from(at(&attention.q, [b, h, t, c])) * f64::from(at(&attention.k, [b, group, j, c])))
            .collect();
        let mut score = products.iter().sum::<f64>() * f64::from(attention.scale);
        let terms = products.iter().map(|x| x.abs()).sum::<f64>() * f64::from(attention.scale.abs());
        if attention.softcap > 0.0 {
            let cap = f64::from(attention.softcap);
            score = cap * (score / cap).tanh();
        }
        let bias = if seen { mask } else { f64::NEG_INFINITY };
        biases.push(bias);
        scores.push(if seen { score + bias } else { f64::NEG_INFINITY });
        if bias.is_finite() {
            largest = largest.max(terms + bias.abs());
        }
    }
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let nothing = biases.iter().all(|bias| *bias == f64::NEG_INFINITY);
    let weights: Vec<f64> = scores.iter().map(|score| (score - highest).exp()).collect();
    let sum = weights.iter().sum::<f64>();
    // A score is off by less than one rounding for each of its terms, of the scale, the cap's function and the bias; a
    // weight by twice that, for the largest score is off too, and by the exponential; sums by a rounding for each term.
    let unit = (-24f64).exp2();
    let relative = unit * (2.0 * (sizes.size as f64 + 8.0) * largest + 2.0 * sizes.keys as f64 + 16.0);
    (0..sizes.value_size)
        .map(|c| {
            let value = |j: usize| f64::from(at(&attention.v, [b, group, j, c]));
            let seen = (0..sizes.keys).filter(|j| weights[*j] != 0.0);
            let mixed = seen.clone().map(|j| weights[j] * value(j)).sum::<f64>() / sum;
            let terms = seen.map(|j| weights[j] * value(j).abs()).sum::<f64>() / sum;
            if nothing { (0.0, 0.0) } else { (mixed, terms * relative) }
        })
        .collect()
}

fn result(attention: &Attention, level: Level) -> Vec<f32> {
    let Sizes { batch, heads, queries, value_size, .. } = attention.sizes;
    let shape = [batch, heads, queries, value_size];
    let mut out = vec![f32::NAN; shape.iter().product()];
    attention.run_at(level, &mut out, dense(shape));
    out
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

/// Holds the result of every level against f64, and those of all levels against each other.
fn check(attention: &Attention, what: &str) {
    let Sizes { batch, heads, queries, value_size, .. } = attention.sizes;
    let found = result(attention, Level::Portable);
    // All of up to 40 rows; of more, about 40 that are spread over groups and pieces.
    let rows = batch * heads * queries;
    for place in (0..rows).step_by(rows / 41 + 1).chain([rows - 1]) {
        let expected = exact(attention, [place / queries / heads, place / queries % heads, place % queries]);
        for (c, (expected, allowed)) in expected.into_iter().enumerate() {
            let found = f64::from(found[place * value_size + c]);
            let near = (found - expected).abs() <= allowed || found.is_nan() && expected.is_nan();
            assert!(near, "{what}: row {place}, element {c} is {found}, not {expected} within {allowed:e}");
        }
    }
    for level in Level::available() {
        assert_eq!(bits(&result(attention, level)), bits(&found), "{what}: {}", level.name());
    }
}

#[test]
fn many_sizes() {
    let mut turn = 0;
    for size in [1, 8, 17, 64, 80, 128, 256] {
        for queries in [1, 2, 7, 65] {
            for keys in [1, 3, 130, 515] {
                let heads = [[1, 1], [2, 1], [8, 1], [2, 2], [6, 3]][turn % 5];
                let mut sizes = sizes(1 + turn % 2, heads, [queries, keys], size);
                if turn % 3 == 0 {
                    sizes.value_size = [1, 24, 40, 64, 129][turn % 5];
                }
                check(&Case::new(sizes).attention(), &format!("{sizes:?}"));
                turn += 1;
            }
        }
    }
}

#[test]
fn nothing_at_all() {
    for empty in 0..7 {
        let mut all = [2, 2, 2, 3, 5, 4, 6];
        all[empty] = 0;
        if empty == 2 {
            all[1] = 0;
        }
        let [batch, heads, kv_heads, queries, keys, size, value_size] = all;
        let sizes = Sizes { batch, heads, kv_heads, queries, keys, size, value_size };
        let case = Case::new(sizes);
        let found = result(&Attention { scale: 1.0, ..case.attention() }, Level::best());
        if keys == 0 {
            assert_eq!(found, vec![0.0; batch * heads * queries * value_size]);
        }
        if size == 0 {
            check(&Attention { scale: 1.0, ..case.attention() }, "no size");
        }
    }
}

/// Sizes of which some are few rows, some many, some split over the keys.
fn shapes() -> Vec<Case> {
    let all = [
        sizes(2, [4, 2], [3, 40], 16),
        sizes(1, [2, 2], [70, 300], 24),
        sizes(1, [3, 1], [1, 1500], 64),
        sizes(2, [2, 1], [200, 200], 8),
        sizes(1, [1, 1], [5, 1100], 130),
    ];
    all.into_iter().map(Case::new).collect()
}

#[test]
fn positions_and_windows() {
    for case in shapes() {
        let plain = case.attention();
        let Sizes { queries, keys, batch, .. } = case.sizes;
        let last = keys as isize - queries as isize;
        let lengths: Vec<usize> = (0..batch).map(|row| keys * (row + 1) / (batch + 1)).collect();
        for offset in [Offset::Keys(0), Offset::Keys(last), Offset::Keys(-2), Offset::Last, Offset::Keys(isize::MAX)] {
            let seen = [(true, None, None), (false, Some(7), None), (false, None, Some(0)), (true, Some(270), Some(3))];
            for (causal, left, right) in seen {
                let attention = Attention { causal, left, right, offset, ..plain };
                if offset != Offset::Keys(isize::MAX) {
                    check(&attention, &format!("{:?} {causal} {left:?} {right:?} {offset:?}", case.sizes));
                    let attention = Attention { lengths: Some(&lengths), ..attention };
                    check(&attention, &format!("{:?} {causal} {left:?} {right:?} {offset:?} lengths", case.sizes));
                } else {
                    result(&attention, Level::best());
                }
            }
        }
        check(&Attention { lengths: Some(&vec![0; batch]), ..plain }, "no keys");
        check(&Attention { lengths: Some(&vec![usize::MAX; batch]), ..plain }, "more keys than there are");
    }
}

#[test]
fn scales_and_caps() {
    for case in shapes() {
        let plain = case.attention();
        for (scale, softcap) in [(1.0, 0.0), (-0.7, 0.0), (0.0, 0.0), (0.3, 2.0), (2.0, 50.0)] {
            check(&Attention { scale, softcap, ..plain }, &format!("{:?} {scale} {softcap}", case.sizes));
            check(&Attention { scale, softcap, causal: true, ..plain }, &format!("{:?} {scale} causal", case.sizes));
        }
    }
}

#[test]
fn masks() {
    for case in shapes() {
        let plain = case.attention();
        let Sizes { batch, heads, queries, keys, .. } = case.sizes;
        let whole = [batch, heads, queries, keys];
        let mut added = numbers(4, whole.iter().product());
        let mut allowed: Vec<u8> = added.iter().map(|x| u8::from(*x > 0.0) * 255).collect();
        // Some keys are shut out, and some queries see none, or none of a block.
        added.iter_mut().step_by(3).for_each(|x| *x = f32::NEG_INFINITY);
        for row in (0..batch * heads * queries).step_by(3) {
            added[row * keys..][..keys].fill(f32::NEG_INFINITY);
            allowed[row * keys..][..keys].fill(0);
            let later = (row + 1) % (batch * heads * queries) * keys;
            added[later..][..keys.min(256)].fill(f32::NEG_INFINITY);
            allowed[later..][..keys.min(256)].fill(0);
        }
        let strides = [
            dense(whole),
            [0, 0, keys, 1],
            [queries * keys, 0, keys, 1],
            [0, 0, 0, 1],
            [0, 0, 1, 0],
            [0; 4],
            [0, 0, 1, queries],
            [1, 0, 0, 2],
        ];
        for strides in strides {
            let what = format!("{:?} {strides:?}", case.sizes);
            let add = Attention { mask: Mask::Add(View { data: &added, strides }), ..plain };
            check(&add, &what);
            check(&Attention { causal: true, left: Some(300), softcap: 3.0, ..add }, &what);
            let allow = Attention { mask: Mask::Allow(View { data: &allowed, strides }), ..plain };
            check(&allow, &what);
            check(&Attention { causal: true, lengths: Some(&vec![keys / 2; batch]), ..allow }, &what);
        }
        // The lowest number there is, which a whole row may be masked with, is not -inf.
        let lowest = vec![f32::MIN; keys];
        let view = View { data: &lowest, strides: [0, 0, 0, 1] };
        let found = result(&Attention { mask: Mask::Add(view), scale: 0.0, ..plain }, Level::best());
        assert!(found.iter().all(|x| x.is_finite()) && found.iter().any(|x| *x != 0.0));
    }
}

#[test]
fn numbers_that_are_none() {
    for case in shapes() {
        let plain = case.attention();
        let Sizes { batch, heads, queries, keys, value_size, .. } = case.sizes;
        let whole = [batch, heads, queries, keys];
        for number in [f32::NAN, f32::INFINITY] {
            // In the first query, one key is added NaN or infinity, which is NaN for this query and no other.
            let mut added = vec![0.0; whole.iter().product()];
            added[keys - 1] = number;
            let attention = Attention { mask: Mask::Add(View::dense(&added, whole)), ..plain };
            for level in Level::available() {
                let found = result(&attention, level);
                assert!(found[..value_size].iter().all(|x| x.is_nan()), "{:?} {number}", case.sizes);
                assert!(found[value_size..].iter().all(|x| x.is_finite()), "{:?} {number}", case.sizes);
            }
            // A key that the mask lets nobody see is still added; what isn't there isn't.
            let mut k = case.k.clone();
            let size = case.sizes.size;
            k[(keys - 1) * size..][..size].fill(number);
            let attention = Attention { k: View { data: &k, ..plain.k }, ..plain };
            for level in Level::available() {
                let found = result(&attention, level);
                assert!(found[..value_size].iter().all(|x| x.is_nan()), "{:?} {number}", case.sizes);
                let found = result(&Attention { lengths: Some(&vec![keys - 1; batch]), ..attention }, level);
                assert!(found.iter().all(|x| x.is_finite()), "{:?} {number}", case.sizes);
            }
        }
    }
}

/// The elements in another order of the axes, with gaps.
fn laid_out(x: &View, sizes: [usize; 4], order: [usize; 4], gap: usize) -> (Vec<f32>, [usize; 4]) {
    let mut strides = [0; 4];
    let mut step = gap;
    for axis in order.into_iter().rev() {
        strides[axis] = step;
        step = step * sizes[axis] + gap - 1;
    }
    let mut data = vec![f32::NAN; step + 1];
    for place in 0..sizes.iter().product() {
        let c = place % sizes[3];
        let t = place / sizes[3] % sizes[2];
        let h = place / sizes[3] / sizes[2] % sizes[1];
        let b = place / sizes[3] / sizes[2] / sizes[1];
        data[b * strides[0] + h * strides[1] + t * strides[2] + c * strides[3]] = at(x, [b, h, t, c]);
    }
    (data, strides)
}

#[test]
fn other_layouts_give_the_same_bits() {
    for case in shapes() {
        let plain = Attention { causal: true, offset: Offset::Last, ..case.attention() };
        let Sizes { batch, heads, kv_heads, queries, keys, size, value_size } = case.sizes;
        let expected = result(&plain, Level::Portable);
        for (order, gap) in [([0, 2, 1, 3], 1), ([0, 1, 3, 2], 1), ([3, 2, 1, 0], 1), ([0, 1, 2, 3], 3)] {
            let (q, q_strides) = laid_out(&plain.q, [batch, heads, queries, size], order, gap);
            let (k, k_strides) = laid_out(&plain.k, [batch, kv_heads, keys, size], order, gap);
            let (v, v_strides) = laid_out(&plain.v, [batch, kv_heads, keys, value_size], order, gap);
            let attention = Attention {
                q: View { data: &q, strides: q_strides },
                k: View { data: &k, strides: k_strides },
                v: View { data: &v, strides: v_strides },
                ..plain
            };
            let shape = [batch, heads, queries, value_size];
            let (wanted, strides) = laid_out(&View::dense(&expected, shape), shape, order, gap);
            for level in Level::available() {
                let mut out = vec![f32::NAN; wanted.len()];
                attention.run_at(level, &mut out, strides);
                assert_eq!(bits(&out), bits(&wanted), "{:?} {order:?} {gap} {}", case.sizes, level.name());
            }
        }
    }
}

#[test]
fn threads_do_not_change_bits() {
    for case in shapes() {
        let attention = Attention { causal: true, offset: Offset::Last, ..case.attention() };
        let expected = glassbox_tensor::on_one_thread(|| result(&attention, Level::best()));
        for threads in [1, 2, 7] {
            let found = glassbox_tensor::with_threads(threads, || result(&attention, Level::best()));
            assert_eq!(bits(&found), bits(&expected), "{:?} {threads}", case.sizes);
        }
    }
}

#[test]
fn a_query_alone_has_the_same_bits() {
    for keys in [1, 130, 1111] {
        for size in [40, 64, 160] {
            let case = Case::new(sizes(2, [4, 2], [67, keys], size));
            let offset = 5 - 67 + keys as isize;
            let all = Attention { causal: true, left: Some(500), offset: Offset::Keys(offset), ..case.attention() };
            let expected = result(&all, Level::best());
            for (b, h, t) in [(0, 0, 0), (0, 3, 66), (1, 2, 31)] {
                let begin = b * all.q.strides[0] + h * all.q.strides[1] + t * all.q.strides[2];
                let kv = b * all.k.strides[0] + h / 2 * all.k.strides[1];
                let alone = Attention {
                    sizes: sizes(1, [1, 1], [1, keys], size),
                    q: View { data: &case.q[begin..], ..all.q },
                    k: View { data: &case.k[kv..], ..all.k },
                    v: View { data: &case.v[kv..], ..all.v },
                    offset: Offset::Keys(offset + t as isize),
                    ..all
                };
                let found = result(&alone, Level::best());
                assert_eq!(bits(&found), bits(&expected[begin..][..size]), "{keys} {size} {b} {h} {t}");
            }
        }
    }
}

/// Scales each score and adds what a mask has for it.
struct Finishing<'a> {
    scale: f32,
    mask: &'a [f32],
    keys: usize,
}

impl Epilogue for Finishing<'_> {
    fn finish(&self, row: usize, column: usize, values: &mut [f32]) {
        let mask = &self.mask[row * self.keys + column..];
        values.iter_mut().zip(mask).for_each(|(value, added)| *value = value.mul_add(self.scale, *added));
    }
}

#[test]
fn what_is_done_with_scores_is_as_a_mask() {
    for case in shapes() {
        let Sizes { batch, heads, queries, keys, .. } = case.sizes;
        let mut mask = numbers(7, batch * heads * queries * keys);
        mask.iter_mut().step_by(3).for_each(|x| *x = f32::NEG_INFINITY);
        let masked = Mask::Add(View::dense(&mask, [batch, heads, queries, keys]));
        let finishing = Finishing { scale: 0.3, mask: &mask, keys };
        for causal in [false, true] {
            let plain = Attention { causal, ..case.attention() };
            let want = Attention { scale: 0.3, mask: masked, ..plain };
            let finished = Attention { scale: 1.0, finish: Some(Finish(&finishing)), ..plain };
            for level in Level::available() {
                let (want, found) = (result(&want, level), result(&finished, level));
                assert!(want.iter().zip(&found).all(|(a, b)| (a - b).abs() <= 1e-5), "{:?} {level:?}", case.sizes);
            }
        }
    }
}

#[test]
fn without_a_score_a_query_gives_nan_where_that_is_asked_for() {
    let case = Case::new(sizes(1, [2, 2], [3, 300], 8));
    let mask = vec![f32::NEG_INFINITY; 2 * 3 * 300];
    let masked = Attention { mask: Mask::Add(View::dense(&mask, [1, 2, 3, 300])), ..case.attention() };
    assert!(result(&masked, Level::best()).iter().all(|x| *x == 0.0));
    let finishing = Finishing { scale: 1.0, mask: &mask, keys: 300 };
    let finished = Attention { finish: Some(Finish(&finishing)), nan_unseen: true, ..case.attention() };
    for level in Level::available() {
        assert!(result(&finished, level).iter().all(|x| x.is_nan()));
        assert!(result(&Attention { finish: None, ..finished }, level).iter().all(|x| x.is_finite()));
    }
}

#[test]
fn bad_sizes_are_refused() {
    let case = Case::new(sizes(1, [2, 1], [2, 3], 4));
    let plain = case.attention();
    let refused = |attention: Attention, length: usize, strides: [usize; 4]| {
        let run = || attention.run(&mut vec![0.0; length], strides);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
    };
    refused(plain, 15, [16, 8, 4, 1]);
    refused(plain, 100, [16, 8, 3, 1]);
    refused(plain, 100, [16, 0, 4, 1]);
    refused(Attention { q: View { data: &case.q[1..], ..plain.q }, ..plain }, 16, [16, 8, 4, 1]);
    refused(Attention { k: View { strides: [0, 0, 5, 1], ..plain.k }, ..plain }, 16, [16, 8, 4, 1]);
    refused(Attention { v: View { strides: [0, 0, usize::MAX, 1], ..plain.v }, ..plain }, 16, [16, 8, 4, 1]);
    refused(Attention { lengths: Some(&[1, 2]), ..plain }, 16, [16, 8, 4, 1]);
    refused(Attention { sizes: Sizes { heads: 3, kv_heads: 2, ..plain.sizes }, ..plain }, 100, [24, 8, 4, 1]);
    refused(Attention { mask: Mask::Allow(View::dense(&[1; 11], [1, 2, 2, 3])), ..plain }, 16, [16, 8, 4, 1]);
}
