//! Rust values into inputs, and variables into Rust values.
//!
//! A tensor is what it is: it must be of exactly the declared dtype and dims. Numbers of Rust, one or a list of
//! them, are like the literals of a program: they take the declared dtype if it is of their kind and has every
//! one of them exactly, and a list takes the declared dims. So `vec![42]`, which Rust makes of i32, fits an input
//! `i64[1, T]`, and 0.1, which Rust makes an f64, doesn't fit one of f32: that wants `0.1f32`.

use glassbox_exec::Value;
use glassbox_ir::{Dim, Shape, Type};
use glassbox_tensor::{DType, Element, Overflow, Tensor, TensorError, bf16, f16};

/// What can be inserted: a tensor or value of the graph, a number, a text, or a list of either.
#[derive(Clone, Debug)]
pub struct Inserted(Given);

#[derive(Clone, Debug)]
enum Given {
    /// Exactly this.
    Value(Value),
    /// A number or a text.
    One(Tensor),
    /// A list, as a vector.
    List(Tensor),
}

/// Why something that is given doesn't fit: what it is, and what would.
pub(super) struct Misfit {
    pub(super) given: String,
    pub(super) fits: String,
}

impl From<Tensor> for Inserted {
    fn from(tensor: Tensor) -> Inserted {
        Inserted(Given::Value(tensor.into()))
    }
}

impl From<&Tensor> for Inserted {
    fn from(tensor: &Tensor) -> Inserted {
        tensor.clone().into()
    }
}

impl From<Value> for Inserted {
    fn from(value: Value) -> Inserted {
        Inserted(Given::Value(value))
    }
}

/// A vector of `values`; there is nothing that could be wrong with it.
fn vector<T: Element>(values: Vec<T>) -> Given {
    Tensor::from_vec(&[values.len()], values).map_or_else(|_| Given::List(Tensor::scalar(false)), Given::List)
}

fn texts(values: Vec<String>) -> Tensor {
    Tensor::from_strings(&[values.len()], values).unwrap_or_else(|_| Tensor::scalar(false))
}

macro_rules! numbers {
    ($($type:ty => $element:ty),* $(,)?) => {$(
        impl From<$type> for Inserted {
            fn from(value: $type) -> Inserted {
                Inserted(Given::One(Tensor::scalar(value as $element)))
            }
        }

        impl From<Vec<$type>> for Inserted {
            fn from(values: Vec<$type>) -> Inserted {
                Inserted(vector(values.into_iter().map(|value| value as $element).collect::<Vec<$element>>()))
            }
        }

        impl From<&[$type]> for Inserted {
            fn from(values: &[$type]) -> Inserted {
                values.to_vec().into()
            }
        }

        impl<const N: usize> From<[$type; N]> for Inserted {
            fn from(values: [$type; N]) -> Inserted {
                values.to_vec().into()
            }
        }
    )*};
}
// `usize` has at most 64 bits.
numbers! {
    f64 => f64, f32 => f32, f16 => f16, bf16 => bf16, bool => bool,
    i64 => i64, i32 => i32, i16 => i16, i8 => i8, isize => i64,
    u64 => u64, u32 => u32, u16 => u16, u8 => u8, usize => u64,
}

impl From<&str> for Inserted {
    fn from(text: &str) -> Inserted {
        text.to_owned().into()
    }
}

impl From<String> for Inserted {
    fn from(text: String) -> Inserted {
        let scalar = Tensor::from_strings(&[], vec![text]);
        Inserted(Given::One(scalar.unwrap_or_else(|_| Tensor::scalar(false))))
    }
}

impl From<Vec<String>> for Inserted {
    fn from(values: Vec<String>) -> Inserted {
        Inserted(Given::List(texts(values)))
    }
}

impl From<Vec<&str>> for Inserted {
    fn from(values: Vec<&str>) -> Inserted {
        values.into_iter().map(str::to_owned).collect::<Vec<String>>().into()
    }
}

impl Inserted {
    /// The elements of a tensor as a list, which takes the declared dims whatever its own are.
    ///
    /// # Errors
    ///
    /// Where the elements must be copied and there isn't enough memory.
    pub fn list(elements: &Tensor) -> Result<Inserted, TensorError> {
        Ok(Inserted(Given::List(elements.reshape(&[elements.len()])?)))
    }

    /// The value for what is declared to be of type `declared`.
    pub(super) fn fit(self, declared: &Type) -> Result<Value, Misfit> {
        let (numbers, one) = match self.0 {
            Given::Value(value) if admits(declared, &value) => return Ok(value),
            Given::Value(value) => return Err(misfit_of_value(&value, declared)),
            Given::One(numbers) => (numbers, true),
            Given::List(numbers) => (numbers, false),
        };
        let given = match (one, numbers.len()) {
            (true, _) => format!("a single {}", numbers.dtype()),
            (false, 1) => format!("a list of one {}", numbers.dtype()),
            (false, count) => format!("a list of {count} {}", numbers.dtype()),
        };
        let misfit = |fits: String| Misfit { given: given.clone(), fits };
        let Type::Tensor(wanted) = declared else {
            return Err(misfit("it is no tensor: give a `Value`".to_owned()));
        };
        let dims = if one { single(&wanted.shape) } else { dims_of_list(numbers.len(), &wanted.shape) };
        let dims = dims.map_err(misfit)?;
        let numbers = exactly(numbers, wanted.dtype).map_err(misfit)?;
        numbers.reshape(&dims).map(Value::Tensor).map_err(|error| misfit(error.to_string()))
    }
}

/// Whether a value is of a type; for tensors without making the type that the value has.
fn admits(declared: &Type, value: &Value) -> bool {
    let (Type::Tensor(declared), Value::Tensor(tensor)) = (declared, value) else {
        return declared.admits(&value.ty());
    };
    let same = |(dim, size): (&Dim, &usize)| dim.as_int().is_none_or(|dim| usize::try_from(dim) == Ok(*size));
    declared.dtype == tensor.dtype()
        && declared.dims().is_none_or(|dims| dims.len() == tensor.rank() && dims.iter().zip(tensor.shape()).all(same))
}

fn misfit_of_value(value: &Value, declared: &Type) -> Misfit {
    let fits = match (value, declared) {
        (Value::Tensor(given), Type::Tensor(wanted)) if given.dtype() != wanted.dtype => {
            format!("a tensor must have the dtype {}; cast it before", wanted.dtype)
        }
        (Value::Tensor(given), Type::Tensor(wanted)) => match wanted.rank() {
            Some(rank) if rank != given.rank() => format!("a tensor must have {}", axes(rank)),
            _ => {
                let dims = wanted.dims().unwrap_or_default().iter().zip(given.shape());
                let wrong = dims.enumerate().find(|(_, (dim, size))| dim.as_size().is_some_and(|dim| dim != **size));
                wrong
                    .map_or_else(String::new, |(axis, (dim, size))| format!("axis {axis} must be {dim}, and is {size}"))
            }
        },
        _ => "it is of another kind".to_owned(),
    };
    Misfit { given: value.ty().to_string(), fits }
}

fn axes(rank: usize) -> String {
    match rank {
        0 => "no axes".to_owned(),
        1 => "one axis".to_owned(),
        _ => format!("{rank} axes"),
    }
}

/// The dims that a single number takes.
fn single(shape: &Shape) -> Result<Vec<usize>, String> {
    match shape.dims() {
        None | Some([]) => Ok(Vec::new()),
        Some(dims) => Err(format!("it has {}: give a list, such as `vec![…]`, or a `Tensor`", axes(dims.len()))),
    }
}

/// The dims that a list of `count` takes: the declared ones, of which at most one may be free.
fn dims_of_list(count: usize, shape: &Shape) -> Result<Vec<usize>, String> {
    let Some(dims) = shape.dims() else { return Ok(vec![count]) };
    let free: Vec<usize> = (0..dims.len()).filter(|axis| dims[*axis].as_size().is_none()).collect();
    let known = dims.iter().filter_map(Dim::as_size).try_fold(1usize, |product, size| product.checked_mul(size));
    let known = known.ok_or("it has more elements than a list can have")?;
    let mut sizes: Vec<usize> = dims.iter().map(|dim| dim.as_size().unwrap_or(0)).collect();
    match (free.as_slice(), known) {
        ([], _) if count == known => {}
        ([], 1) => return Err("one element is wanted".to_owned()),
        ([], _) => return Err(format!("{known} elements are wanted")),
        ([axis], 1..) if count.is_multiple_of(known) => sizes[*axis] = count / known,
        ([_], 1..) => return Err(format!("a multiple of {known} elements is wanted")),
        ([_], 0) => return Err("a list doesn't tell its dims: give a `Tensor`".to_owned()),
        _ => {
            let names: Vec<String> = free.iter().map(|axis| dims[*axis].to_string()).collect();
            return Err(format!("a list doesn't tell {}: give a `Tensor`", names.join(" and ")));
        }
    }
    Ok(sizes)
}

/// The numbers in another dtype of their kind that has all of them.
fn exactly(numbers: Tensor, dtype: DType) -> Result<Tensor, String> {
    let from = numbers.dtype();
    if from == dtype {
        return Ok(numbers);
    }
    let kind = |dtype: DType| match dtype {
        dtype if dtype.is_float() => "floats",
        dtype if dtype.is_integer() => "integers",
        DType::Bool => "truth values",
        DType::String => "texts",
        _ => "blocks of quantised weights",
    };
    let (given, wanted) = (kind(from), kind(dtype));
    if given != wanted {
        let how = match (given, wanted) {
            ("integers", "floats") => ", which are written with a point: `1.0`",
            (_, "truth values") => ": `true` or `false`",
            _ => "",
        };
        return Err(format!("{wanted} are wanted{how}"));
    }
    let failed = |error: glassbox_tensor::TensorError| error.to_string();
    let there = numbers.cast(dtype, Overflow::Saturate).map_err(failed)?;
    let back = there.cast(from, Overflow::Saturate).map_err(failed)?;
    let wrong = match from.is_float() {
        true => {
            let (a, b) = (numbers.load::<f64>().map_err(failed)?, back.load::<f64>().map_err(failed)?);
            let wrong = a.iter().zip(b.iter()).position(|(a, b)| a != b && !(a.is_nan() && b.is_nan()));
            wrong.map(|place| (place, format!("{:?}", a[place])))
        }
        false if from.is_unsigned_integer() => {
            let (a, b) = (numbers.load::<u64>().map_err(failed)?, back.load::<u64>().map_err(failed)?);
            a.iter().zip(b.iter()).position(|(a, b)| a != b).map(|place| (place, a[place].to_string()))
        }
        false => {
            let (a, b) = (numbers.load::<i64>().map_err(failed)?, back.load::<i64>().map_err(failed)?);
            a.iter().zip(b.iter()).position(|(a, b)| a != b).map(|place| (place, a[place].to_string()))
        }
    };
    match wrong {
        None => Ok(there),
        Some((_, number)) if numbers.rank() == 0 => Err(format!("{number} isn't exactly one of {dtype}")),
        Some((place, number)) => Err(format!("element {place}, {number}, isn't exactly one of {dtype}")),
    }
}

/// What a variable can be fetched as: a [`Tensor`], a [`Value`], a number or text where it has one element, or a
/// `Vec` of its elements in row-major order. Numbers are given as any type that has all values of the dtype.
pub trait Fetched: Sized {
    /// The value as this type, or else why not and what to fetch it as.
    fn from_value(value: &Value) -> Result<Self, String>;
}

impl Fetched for Value {
    fn from_value(value: &Value) -> Result<Value, String> {
        Ok(value.clone())
    }
}

impl Fetched for Tensor {
    fn from_value(value: &Value) -> Result<Tensor, String> {
        value.as_tensor().cloned().ok_or_else(|| "it is no tensor; fetch it as a `Value`".to_owned())
    }
}

/// Whether `wide` has every value of `dtype`.
fn holds(wide: DType, dtype: DType) -> bool {
    if wide == dtype {
        return true;
    }
    let (Some(room), Some(bits)) = (wide.bits(), dtype.bits()) else { return false };
    match (wide.is_unsigned_integer(), dtype.is_unsigned_integer()) {
        (true, true) => room >= bits,
        (false, true) if wide.is_integer() => room > bits,
        _ if wide.is_signed_integer() && dtype.is_signed_integer() => room >= bits,
        _ if wide.is_float() && dtype.is_float() => match wide {
            DType::F64 => true,
            DType::F32 => dtype != DType::F64,
            DType::BF16 => bits <= 8,
            DType::F16 => bits <= 8 && dtype != DType::F8E8M0,
            _ => false,
        },
        _ => false,
    }
}

/// The elements as `T`, where that has all values of the dtype.
fn elements<T: Element>(value: &Value, name: &str) -> Result<Vec<T>, String> {
    let tensor = Tensor::from_value(value)?;
    if !holds(T::DTYPE, tensor.dtype()) {
        let dtype = tensor.dtype();
        return Err(match dtype {
            DType::String => "it is text; fetch it as a `String` or a `Vec<String>`".to_owned(),
            _ => format!("{name} doesn't have all values of {dtype}; fetch it as a `Tensor`, or as a type that has"),
        });
    }
    let tensor = tensor.cast(T::DTYPE, Overflow::Wrap).map_err(|error| error.to_string())?;
    tensor.to_vec().map_err(|error| error.to_string())
}

fn only<T>(mut elements: Vec<T>) -> Result<T, String> {
    match (elements.pop(), elements.len()) {
        (Some(element), 0) => Ok(element),
        (None, _) => Err("it has no element; fetch it as a `Vec` or a `Tensor`".to_owned()),
        (Some(_), more) => Err(format!("it has {} elements; fetch it as a `Vec` or a `Tensor`", more + 1)),
    }
}

macro_rules! fetched {
    ($($type:ty),* $(,)?) => {$(
        impl Fetched for $type {
            fn from_value(value: &Value) -> Result<$type, String> {
                only(elements::<$type>(value, stringify!($type))?)
            }
        }

        impl Fetched for Vec<$type> {
            fn from_value(value: &Value) -> Result<Vec<$type>, String> {
                elements(value, stringify!($type))
            }
        }
    )*};
}
fetched! { f64, f32, f16, bf16, i64, i32, i16, i8, u64, u32, u16, u8, bool }

impl Fetched for Vec<String> {
    fn from_value(value: &Value) -> Result<Vec<String>, String> {
        let tensor = Tensor::from_value(value)?;
        tensor.to_strings().ok_or_else(|| format!("it is no text, but {}", tensor.dtype()))
    }
}

impl Fetched for String {
    fn from_value(value: &Value) -> Result<String, String> {
        only(Vec::from_value(value)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(dtype: DType, dims: &[Dim]) -> Type {
        Type::tensor(dtype, dims.iter().cloned())
    }

    fn fits(given: impl Into<Inserted>, declared: &Type) -> Result<Tensor, String> {
        let value = given.into().fit(declared).map_err(|misfit| format!("{}: {}", misfit.given, misfit.fits))?;
        Tensor::from_value(&value)
    }

    #[test]
    fn lists_take_the_declared_dims() {
        let free = declared(DType::F32, &[Dim::symbol("B"), Dim::Int(2)]);
        let tensor = fits(vec![1.0f32, 2.0, 3.0, 4.0], &free).unwrap();
        assert_eq!(tensor.shape(), [2, 2]);
        assert_eq!(fits(vec![1.0f32; 3], &free).unwrap_err(), "a list of 3 f32: a multiple of 2 elements is wanted");
        assert_eq!(fits([7i64], &declared(DType::I64, &[Dim::Int(1), Dim::symbol("T")])).unwrap().shape(), [1, 1]);
        let both = declared(DType::F32, &[Dim::symbol("B"), Dim::symbol("T")]);
        assert_eq!(
            fits(vec![1.0f32], &both).unwrap_err(),
            "a list of one f32: a list doesn't tell B and T: give a `Tensor`"
        );
        assert_eq!(fits(vec![1u8, 2], &Type::unranked(DType::U8)).unwrap().shape(), [2]);
        assert_eq!(fits(vec![5i32], &Type::scalar(DType::I32)).unwrap().rank(), 0);
        let error = fits(5i32, &declared(DType::I32, &[Dim::Int(1)])).unwrap_err();
        assert_eq!(error, "a single i32: it has one axis: give a list, such as `vec![…]`, or a `Tensor`");
    }

    #[test]
    fn numbers_take_the_declared_dtype_where_it_has_them() {
        assert_eq!(fits(42, &Type::scalar(DType::I64)).unwrap().dtype(), DType::I64);
        assert_eq!(fits(0.5, &Type::scalar(DType::BF16)).unwrap().dtype(), DType::BF16);
        assert_eq!(fits(7usize, &Type::scalar(DType::I4)).unwrap().dtype(), DType::I4);
        assert!(fits(f64::NAN, &Type::scalar(DType::F16)).is_ok());
        let refused: [(Inserted, DType, &str); 6] = [
            (0.1.into(), DType::F32, "0.1 isn't exactly one of f32"),
            (vec![1, 300].into(), DType::U8, "element 1, 300, isn't exactly one of u8"),
            ((-1).into(), DType::U64, "-1 isn't exactly one of u64"),
            (u64::MAX.into(), DType::I64, "18446744073709551615 isn't exactly one of i64"),
            (1.into(), DType::F32, "floats are wanted, which are written with a point: `1.0`"),
            (1.into(), DType::Bool, "truth values are wanted: `true` or `false`"),
        ];
        for (given, dtype, message) in refused {
            let declared = if matches!(given.0, Given::List(_)) { Type::unranked(dtype) } else { Type::scalar(dtype) };
            let error = fits(given, &declared).unwrap_err();
            assert!(error.ends_with(message), "{error}");
        }
    }

    #[test]
    fn a_type_has_all_values_of_a_dtype_or_not() {
        for wide in [DType::F64, DType::F32, DType::F16, DType::BF16] {
            for dtype in DType::ALL.iter().filter(|dtype| dtype.is_float()) {
                // Every bit pattern of the narrow ones goes there and comes back.
                let Some(bits @ ..=16) = dtype.bits() else { continue };
                let bytes: Vec<u8> = match bits {
                    16 => (0..=u16::MAX).flat_map(u16::to_le_bytes).collect(),
                    _ => (0..=u8::MAX).collect(),
                };
                let count = bytes.len() * 8 / bits;
                let all = Tensor::from_bytes(*dtype, &[count], bytes).unwrap();
                let there = all.cast(wide, Overflow::Wrap).unwrap().load::<f64>().unwrap().into_owned();
                let exact = all.load::<f64>().unwrap();
                let same = exact.iter().zip(&there).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
                assert_eq!(holds(wide, *dtype), same, "{dtype} in {wide}");
            }
        }
        assert!(holds(DType::I32, DType::U16) && !holds(DType::I32, DType::U32) && !holds(DType::U64, DType::I8));
        assert!(!holds(DType::F64, DType::I8) && !holds(DType::Bool, DType::U1) && holds(DType::I8, DType::T1));
    }
}
