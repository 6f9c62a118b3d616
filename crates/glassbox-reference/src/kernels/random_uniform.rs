//! `random_uniform`.

use glassbox_tensor::{Overflow, Tensor};

use super::random::Stream;
use crate::call::{Call, Outcome, one};

pub(super) fn kernel(call: &Call) -> Outcome {
    let (stream, low, high) = (Stream::new(call), call.attr.float("low"), call.attr.float("high"));
    one(Tensor::build(call.dtype(0), &call.sizes(0)?, Overflow::Wrap, |start, out: &mut [f64]| {
        for (offset, out) in out.iter_mut().enumerate() {
            *out = low + stream.uniform((start + offset) as u64) * (high - low);
        }
    })?)
}

#[cfg(test)]
mod tests {
    use glassbox_exec::Options;
    use crate::kernels::check::{run, run_with};
    use glassbox_ir::{attrs, ops};

    #[test]
    fn draws_are_spread_as_the_distribution_says() {
        let count = 100_000i64;
        let moments = |op, attrs| {
            let x = run(op, &[], attrs).unwrap()[0].load::<f64>().unwrap().into_owned();
            let mean = x.iter().sum::<f64>() / count as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count as f64;
            (mean, variance, x.iter().copied().fold(f64::NAN, f64::min), x.iter().copied().fold(f64::NAN, f64::max))
        };
        let shape = vec![count];
        let attrs = attrs! { shape: shape.clone(), low: -1.0, high: 3.0, seed: 7.0 };
        let (mean, variance, least, greatest) = moments(&ops::random_uniform::OP, attrs);
        assert!((mean - 1.0).abs() < 0.02 && (variance - 16.0 / 12.0).abs() < 0.02, "{mean} {variance}");
        assert!((-1.0..-0.99).contains(&least) && (2.99..3.0).contains(&greatest), "{least} {greatest}");
        let attrs = attrs! { shape: shape, mean: 2.0, scale: 3.0, seed: 7.0 };
        let (mean, variance, ..) = moments(&ops::random_normal::OP, attrs);
        assert!((mean - 2.0).abs() < 0.05 && (variance - 9.0).abs() < 0.15, "{mean} {variance}");
    }

    #[test]
    fn a_seed_gives_the_same_numbers_and_each_run_seed_others() {
        let draw = |attrs, seed| {
            let options = Options { seed, ..Options::default() };
            run_with(&ops::random_uniform::OP, &[], attrs, 1, options).unwrap()[0].to_vec::<f32>().unwrap()
        };
        let seeded = || attrs! { shape: vec![4i64], seed: 1.0 };
        let free = || attrs! { shape: vec![4i64] };
        assert_eq!(draw(seeded(), 1), draw(seeded(), 2));
        assert_eq!(draw(free(), 1), draw(free(), 1));
        assert_ne!(draw(free(), 1), draw(free(), 2));
        assert_ne!(draw(seeded(), 1), draw(attrs! { shape: vec![4i64], seed: 2.0 }, 1));
    }
}
