//! The loops of a tile: one for each operation, over places in memory.

use half::{bf16, f16};

use super::program::{Format, Operation};
use crate::math;
use crate::simd::{MAX_LANES, Simd};

/// Where a value of a tile lies: `step` is 1 where numbers follow on each other, and 0 where the first
/// [`MAX_LANES`] are all the same and count for everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) pointer: *mut f32,
    pub(super) step: usize,
}

impl Place {
    pub(super) const NOWHERE: Place = Place { pointer: std::ptr::null_mut(), step: 0 };
}

/// `to[i] = f(x[i], y[i], z[i])` for i below `count`, `UNROLL` vectors at a time.
///
/// # Safety
/// Every place can be read and `to` written for `count` numbers; `to` may be one of the operands, but overlaps none
/// otherwise.
#[inline(always)]
unsafe fn map3<S: Simd, const UNROLL: usize>(
    simd: S,
    count: usize,
    to: *mut f32,
    operands: [Place; 3],
    f: impl Fn(S::F32, S::F32, S::F32) -> S::F32,
) {
    let [x, y, z] = operands;
    let mut at = 0;
    // SAFETY: `at` and what follows it in a vector are below `count`.
    unsafe {
        if UNROLL > 1 {
            while at + UNROLL * S::LANES <= count {
                for vector in 0..UNROLL {
                    let at = at + vector * S::LANES;
                    let x = simd.load_at(x.pointer.add(at * x.step));
                    let y = simd.load_at(y.pointer.add(at * y.step));
                    let z = simd.load_at(z.pointer.add(at * z.step));
                    simd.store_at(to.add(at), f(x, y, z));
                }
                at += UNROLL * S::LANES;
            }
        }
        while at < count {
            let rest = count - at;
            let (x, y, z) = (x.pointer.add(at * x.step), y.pointer.add(at * y.step), z.pointer.add(at * z.step));
            if rest >= S::LANES {
                simd.store_at(to.add(at), f(simd.load_at(x), simd.load_at(y), simd.load_at(z)));
            } else {
                let (x, y) = (simd.load_part_at(x, rest), simd.load_part_at(y, rest));
                simd.store_part_at(to.add(at), rest, f(x, y, simd.load_part_at(z, rest)));
            }
            at += S::LANES;
        }
    }
}

/// As [`map3`], of fewer operands; the compiler drops the loads that aren't used.
///
/// # Safety
/// As for [`map3`].
#[inline(always)]
unsafe fn light<S: Simd>(
    simd: S,
    count: usize,
    to: *mut f32,
    operands: [Place; 3],
    f: impl Fn(S::F32, S::F32, S::F32) -> S::F32,
) {
    // SAFETY: as the caller says.
    unsafe { map3::<S, 4>(simd, count, to, operands, f) }
}

/// # Safety
/// As for [`map3`].
#[inline(always)]
unsafe fn heavy<S: Simd>(
    simd: S,
    count: usize,
    to: *mut f32,
    x: Place,
    y: Place,
    f: impl Fn(S::F32, S::F32) -> S::F32,
) {
    let mut at = 0;
    // SAFETY: as the caller says. What has fewer numbers than a vector goes through one with zeros.
    unsafe {
        while at < count {
            let rest = count - at;
            let (from_x, from_y) = (x.pointer.add(at * x.step), y.pointer.add(at * y.step));
            if rest >= S::LANES {
                let result = f(simd.load_at(from_x), simd.load_at(from_y));
                simd.store_at(to.add(at), result);
            } else {
                let result = f(simd.load_part_at(from_x, rest), simd.load_part_at(from_y, rest));
                simd.store_part_at(to.add(at), rest, result);
            }
            at += S::LANES;
        }
    }
}

/// x < y ? x : y, but NaN where x is NaN; where y is, the minimum gives y.
#[inline(always)]
pub(super) fn minimum<S: Simd>(simd: S, x: S::F32, y: S::F32) -> S::F32 {
    simd.select(simd.ne(x, x), x, simd.min(x, y))
}

/// x > y ? x : y, but NaN where x is NaN; where y is, the maximum gives y.
#[inline(always)]
pub(super) fn maximum<S: Simd>(simd: S, x: S::F32, y: S::F32) -> S::F32 {
    simd.select(simd.ne(x, x), x, simd.max(x, y))
}

#[inline(always)]
fn round_f16<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let mut halves = [0u16; MAX_LANES];
    // SAFETY: there is room for every lane.
    unsafe {
        simd.store_f16_at(halves.as_mut_ptr(), x);
        simd.load_f16_at(halves.as_ptr())
    }
}

#[inline(always)]
fn round_bf16<S: Simd>(simd: S, x: S::F32) -> S::F32 {
    let mut halves = [0u16; MAX_LANES];
    // SAFETY: there is room for every lane.
    unsafe {
        simd.store_bf16_at(halves.as_mut_ptr(), x);
        simd.load_bf16_at(halves.as_ptr())
    }
}

/// One step over `count` numbers.
///
/// # Safety
/// As for [`map3`], of as many operands as the operation has.
#[inline(always)]
pub(super) unsafe fn step<S: Simd>(simd: S, operation: Operation, count: usize, to: *mut f32, operands: [Place; 3]) {
    let (one, zero) = (simd.splat(1.0), simd.zero());
    let truth = |mask| simd.select(mask, one, zero);
    let is = |x| simd.ne(x, zero);
    let [x, y, _] = operands;
    macro_rules! light {
        ($f:expr) => {
            // SAFETY: as the caller says.
            unsafe { light(simd, count, to, operands, $f) }
        };
    }
    macro_rules! heavy {
        ($f:ident) => {
            // SAFETY: as the caller says.
            unsafe { heavy(simd, count, to, x, x, |x, _| math::$f(simd, x)) }
        };
    }
    match operation {
        Operation::Add => light!(|x, y, _| simd.add(x, y)),
        Operation::Sub => light!(|x, y, _| simd.sub(x, y)),
        Operation::Mul => light!(|x, y, _| simd.mul(x, y)),
        Operation::Div => light!(|x, y, _| simd.div(x, y)),
        Operation::Min => light!(|x, y, _| minimum(simd, x, y)),
        Operation::Max => light!(|x, y, _| maximum(simd, x, y)),
        Operation::Fma => light!(|x, y, z| simd.fma(x, y, z)),
        Operation::Neg => light!(|x, _, _| simd.neg(x)),
        Operation::Abs => light!(|x, _, _| simd.abs(x)),
        Operation::Sign => {
            light!(|x, _, _| simd.select(simd.lt(zero, x), one, simd.select(simd.lt(x, zero), simd.splat(-1.0), x)))
        }
        Operation::Floor => light!(|x, _, _| simd.floor(x)),
        Operation::Ceil => light!(|x, _, _| simd.ceil(x)),
        Operation::Trunc => light!(|x, _, _| simd.trunc(x)),
        Operation::RoundEven => light!(|x, _, _| simd.round_even(x)),
        Operation::RoundF16 => light!(|x, _, _| round_f16(simd, x)),
        Operation::RoundBf16 => light!(|x, _, _| round_bf16(simd, x)),
        Operation::Sqrt => light!(|x, _, _| simd.sqrt(x)),
        Operation::Reciprocal => light!(|x, _, _| simd.div(one, x)),
        Operation::Less => light!(|x, y, _| truth(simd.lt(x, y))),
        Operation::LessOrEqual => light!(|x, y, _| truth(simd.le(x, y))),
        Operation::Greater => light!(|x, y, _| truth(simd.lt(y, x))),
        Operation::GreaterOrEqual => light!(|x, y, _| truth(simd.le(y, x))),
        Operation::Equal => light!(|x, y, _| truth(simd.eq(x, y))),
        Operation::And => light!(|x, y, _| truth(simd.and_mask(is(x), is(y)))),
        Operation::Or => light!(|x, y, _| truth(simd.or_mask(is(x), is(y)))),
        Operation::Xor => light!(|x, y, _| simd.select(is(x), truth(simd.eq(y, zero)), truth(is(y)))),
        Operation::Not => light!(|x, _, _| truth(simd.eq(x, zero))),
        Operation::IsNan => light!(|x, _, _| truth(simd.ne(x, x))),
        Operation::IsInfinite => light!(|x, _, _| truth(simd.eq(simd.abs(x), simd.splat(f32::INFINITY)))),
        Operation::Where => light!(|x, y, z| simd.select(is(x), y, z)),
        // SAFETY: as the caller says.
        Operation::Pow => unsafe { heavy(simd, count, to, x, y, |x, y| math::pow(simd, x, y)) },
        Operation::Exp => heavy!(exp),
        Operation::Exp2 => heavy!(exp2),
        Operation::Expm1 => heavy!(expm1),
        Operation::Log => heavy!(log),
        Operation::Log2 => heavy!(log2),
        Operation::Log1p => heavy!(log1p),
        Operation::Tanh => heavy!(tanh),
        Operation::Sigmoid => heavy!(sigmoid),
        Operation::Softplus => heavy!(softplus),
        Operation::Sinh => heavy!(sinh),
        Operation::Cosh => heavy!(cosh),
        Operation::Erf => heavy!(erf),
        Operation::Sin => heavy!(sin),
        Operation::Cos => heavy!(cos),
        Operation::Atan => heavy!(atan),
        Operation::RowSum | Operation::RowMean | Operation::RowMax | Operation::RowMin => {}
    }
}

/// `to[i]` = the number at `from + i · stride`, as f32.
///
/// # Safety
/// `from` has `count` numbers of the format with this stride between them; `to` has room for as many and doesn't overlap.
#[inline(always)]
pub(super) unsafe fn load<S: Simd>(
    simd: S,
    format: Format,
    from: *const u8,
    stride: isize,
    count: usize,
    to: *mut f32,
) {
    macro_rules! each {
        ($ty:ty, $convert:expr) => {{
            let (from, convert) = (from.cast::<$ty>(), $convert);
            if stride == 1 {
                for at in 0..count {
                    // SAFETY: as the caller says.
                    unsafe { *to.add(at) = convert(from.add(at).read()) }
                }
            } else {
                for at in 0..count {
                    // SAFETY: as the caller says.
                    unsafe { *to.add(at) = convert(from.offset(at as isize * stride).read()) }
                }
            }
        }};
    }
    macro_rules! halves {
        ($load:ident) => {{
            let from = from.cast::<u16>();
            let mut at = 0;
            // SAFETY: as the caller says; what has fewer numbers than a vector is copied first.
            unsafe {
                while at < count {
                    let rest = count - at;
                    if stride == 1 && rest >= S::LANES {
                        simd.store_at(to.add(at), simd.$load(from.add(at)));
                    } else {
                        let mut part = [0u16; MAX_LANES];
                        for (lane, half) in part.iter_mut().enumerate().take(rest.min(S::LANES)) {
                            *half = from.offset((at + lane) as isize * stride).read();
                        }
                        simd.store_part_at(to.add(at), rest.min(S::LANES), simd.$load(part.as_ptr()));
                    }
                    at += S::LANES;
                }
            }
        }};
    }
    match format {
        Format::F32 => each!(f32, |x: f32| x),
        Format::F16 => halves!(load_f16_at),
        Format::Bf16 => halves!(load_bf16_at),
        Format::F64 => each!(f64, |x: f64| x as f32),
        Format::Bool => each!(u8, |x: u8| f32::from(u8::from(x != 0))),
        Format::U8 => each!(u8, f32::from),
        Format::I8 => each!(i8, f32::from),
        Format::I32 => each!(i32, |x: i32| x as f32),
        Format::I64 => each!(i64, |x: i64| x as f32),
    }
}

/// One number, as f32.
///
/// # Safety
/// `from` has a number of the format.
pub(super) unsafe fn load_one(format: Format, from: *const u8) -> f32 {
    // SAFETY: as the caller says.
    unsafe {
        match format {
            Format::F32 => from.cast::<f32>().read(),
            Format::F16 => f16::from_bits(from.cast::<u16>().read()).to_f32(),
            Format::Bf16 => bf16::from_bits(from.cast::<u16>().read()).to_f32(),
            Format::F64 => from.cast::<f64>().read() as f32,
            Format::Bool => f32::from(u8::from(from.read() != 0)),
            Format::U8 => f32::from(from.read()),
            Format::I8 => f32::from(from.cast::<i8>().read()),
            Format::I32 => from.cast::<i32>().read() as f32,
            Format::I64 => from.cast::<i64>().read() as f32,
        }
    }
}

/// The number at `to + i · stride` = `from[i]`, in a format.
///
/// # Safety
/// `to` has room for `count` numbers of the format with this stride between them; `from` has as many, and doesn't overlap
/// but where it is `to`.
#[inline(always)]
pub(super) unsafe fn store<S: Simd>(simd: S, format: Format, to: *mut u8, stride: isize, count: usize, from: Place) {
    macro_rules! each {
        ($ty:ty, $convert:expr) => {{
            let (to, convert) = (to.cast::<$ty>(), $convert);
            if stride == 1 && from.step == 1 {
                for at in 0..count {
                    // SAFETY: as the caller says.
                    unsafe { to.add(at).write(convert(*from.pointer.add(at))) }
                }
            } else {
                for at in 0..count {
                    // SAFETY: as the caller says.
                    unsafe { to.offset(at as isize * stride).write(convert(*from.pointer.add(at * from.step))) }
                }
            }
        }};
    }
    macro_rules! halves {
        ($store:ident) => {{
            let to = to.cast::<u16>();
            let mut at = 0;
            // SAFETY: as the caller says; what has fewer numbers than a vector goes through one.
            unsafe {
                while at < count {
                    let rest = count - at;
                    let from = from.pointer.add(at * from.step);
                    if stride == 1 && rest >= S::LANES {
                        simd.$store(to.add(at), simd.load_at(from));
                    } else {
                        let mut part = [0u16; MAX_LANES];
                        simd.$store(part.as_mut_ptr(), simd.load_part_at(from, rest.min(S::LANES)));
                        for (lane, half) in part.into_iter().enumerate().take(rest.min(S::LANES)) {
                            to.offset((at + lane) as isize * stride).write(half);
                        }
                    }
                    at += S::LANES;
                }
            }
        }};
    }
    match format {
        Format::F32 => each!(f32, |x: f32| x),
        Format::F16 => halves!(store_f16_at),
        Format::Bf16 => halves!(store_bf16_at),
        Format::F64 => each!(f64, f64::from),
        Format::Bool => each!(u8, |x: f32| u8::from(x != 0.0)),
        // A program with such a store isn't compiled.
        Format::U8 | Format::I8 | Format::I32 | Format::I64 => {}
    }
}
