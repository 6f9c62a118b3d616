//! The loops of a tile: one for each operation, over places in memory.

use half::{bf16, f16};

use super::compile::Work;
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

/// `to[i]` = the expression of vectors x, y, z of the operands, for i below `count`, so many vectors in a turn. It is a
/// macro because closures aren't `#[inline(always)]`: compiled for itself, one would lack the instructions of its level.
macro_rules! vectors {
    ($simd:ident, $count:ident, $to:ident, $operands:ident, $in_a_turn:literal, |$x:ident, $y:ident, $z:ident| $f:expr) => {{
        let lanes = S::LANES;
        let [from_x, from_y, from_z] = $operands;
        // Numbers from turn to turn: none where the first vector counts for everything.
        let (step_x, step_y, step_z) = (from_x.step * lanes, from_y.step * lanes, from_z.step * lanes);
        let (mut from_x, mut from_y, mut from_z) = (from_x.pointer, from_y.pointer, from_z.pointer);
        let mut at = 0;
        // SAFETY: the caller says that operands and result have room for `count` numbers; `at` and what follows it are below.
        unsafe {
            while $in_a_turn > 1 && at + $in_a_turn * lanes <= $count {
                for _ in 0..$in_a_turn {
                    let ($x, $y, $z) = ($simd.load_at(from_x), $simd.load_at(from_y), $simd.load_at(from_z));
                    $simd.store_at($to.add(at), $f);
                    (from_x, from_y, from_z) = (from_x.add(step_x), from_y.add(step_y), from_z.add(step_z));
                    at += lanes;
                }
            }
            while at < $count {
                let rest = $count - at;
                let ($x, $y, $z) = if rest >= lanes {
                    ($simd.load_at(from_x), $simd.load_at(from_y), $simd.load_at(from_z))
                } else {
                    (
                        $simd.load_part_at(from_x, rest),
                        $simd.load_part_at(from_y, rest),
                        $simd.load_part_at(from_z, rest),
                    )
                };
                let result = $f;
                if rest >= lanes {
                    $simd.store_at($to.add(at), result);
                } else {
                    $simd.store_part_at($to.add(at), rest, result);
                    break;
                }
                (from_x, from_y, from_z) = (from_x.add(step_x), from_y.add(step_y), from_z.add(step_z));
                at += lanes;
            }
        }
    }};
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
/// Every operand can be read and `to` written for `count` numbers; `to` may be where an operand is, but overlaps none
/// otherwise. What the operation has no operand for can be read too.
#[inline(always)]
pub(super) unsafe fn step<S: Simd>(simd: S, work: Work, count: usize, to: *mut f32, operands: [Place; 3]) {
    let (one, zero) = (simd.splat(1.0), simd.zero());
    macro_rules! light {
        (|$x:ident, $y:ident, $z:ident| $f:expr) => {
            vectors!(simd, count, to, operands, 4, |$x, $y, $z| $f)
        };
    }
    macro_rules! truth {
        (|$x:ident, $y:ident| $f:expr) => {
            light!(|$x, $y, _z| simd.select($f, one, zero))
        };
    }
    macro_rules! heavy {
        ($f:ident) => {
            vectors!(simd, count, to, operands, 1, |x, _y, _z| math::$f(simd, x))
        };
    }
    macro_rules! second {
        ($operation:ident, $first:ident) => {
            match $operation {
                Operation::Add => light!(|x, y, z| simd.add(simd.$first(x, y), z)),
                Operation::Sub => light!(|x, y, z| simd.sub(simd.$first(x, y), z)),
                Operation::Mul => light!(|x, y, z| simd.mul(simd.$first(x, y), z)),
                // The only other one that is joined.
                _ => light!(|x, y, z| maximum(simd, simd.$first(x, y), z)),
            }
        };
    }
    let operation = match work {
        Work::One(operation) => operation,
        Work::Two(Operation::Add, second) => return second!(second, add),
        Work::Two(Operation::Sub, second) => return second!(second, sub),
        Work::Two(_, second) => return second!(second, mul),
        Work::Subtracted(Operation::Add) => return light!(|x, y, z| simd.sub(z, simd.add(x, y))),
        Work::Subtracted(Operation::Sub) => return light!(|x, y, z| simd.sub(z, simd.sub(x, y))),
        Work::Subtracted(_) => return light!(|x, y, z| simd.sub(z, simd.mul(x, y))),
    };
    match operation {
        Operation::Add => light!(|x, y, _z| simd.add(x, y)),
        Operation::Sub => light!(|x, y, _z| simd.sub(x, y)),
        Operation::Mul => light!(|x, y, _z| simd.mul(x, y)),
        Operation::Div => light!(|x, y, _z| simd.div(x, y)),
        Operation::Min => light!(|x, y, _z| minimum(simd, x, y)),
        Operation::Max => light!(|x, y, _z| maximum(simd, x, y)),
        Operation::Fma => light!(|x, y, z| simd.fma(x, y, z)),
        Operation::Neg => light!(|x, _y, _z| simd.neg(x)),
        Operation::Abs => light!(|x, _y, _z| simd.abs(x)),
        Operation::Sign => {
            light!(|x, _y, _z| simd.select(simd.lt(zero, x), one, simd.select(simd.lt(x, zero), simd.splat(-1.0), x)))
        }
        Operation::Floor => light!(|x, _y, _z| simd.floor(x)),
        Operation::Ceil => light!(|x, _y, _z| simd.ceil(x)),
        Operation::Trunc => light!(|x, _y, _z| simd.trunc(x)),
        Operation::RoundEven => light!(|x, _y, _z| simd.round_even(x)),
        Operation::RoundF16 => light!(|x, _y, _z| round_f16(simd, x)),
        Operation::RoundBf16 => light!(|x, _y, _z| round_bf16(simd, x)),
        Operation::Sqrt => light!(|x, _y, _z| simd.sqrt(x)),
        Operation::Reciprocal => light!(|x, _y, _z| simd.div(one, x)),
        Operation::Less => truth!(|x, y| simd.lt(x, y)),
        Operation::LessOrEqual => truth!(|x, y| simd.le(x, y)),
        Operation::Greater => truth!(|x, y| simd.lt(y, x)),
        Operation::GreaterOrEqual => truth!(|x, y| simd.le(y, x)),
        Operation::Equal => truth!(|x, y| simd.eq(x, y)),
        Operation::And => truth!(|x, y| simd.and_mask(simd.ne(x, zero), simd.ne(y, zero))),
        Operation::Or => truth!(|x, y| simd.or_mask(simd.ne(x, zero), simd.ne(y, zero))),
        Operation::Xor => truth!(|x, y| simd.or_mask(
            simd.and_mask(simd.ne(x, zero), simd.eq(y, zero)),
            simd.and_mask(simd.eq(x, zero), simd.ne(y, zero))
        )),
        Operation::Not => truth!(|x, _y| simd.eq(x, zero)),
        Operation::IsNan => truth!(|x, _y| simd.ne(x, x)),
        Operation::IsInfinite => truth!(|x, _y| simd.eq(simd.abs(x), simd.splat(f32::INFINITY))),
        Operation::Where => light!(|x, y, z| simd.select(simd.ne(x, zero), y, z)),
        Operation::Pow => vectors!(simd, count, to, operands, 1, |x, y, _z| math::pow(simd, x, y)),
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
