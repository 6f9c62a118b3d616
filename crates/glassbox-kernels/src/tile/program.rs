//! Tile programs as data, and how they print.

use std::fmt::{self, Display, Formatter};

/// What is computed for every element of a space of rows and columns: numbers are loaded, go through steps, and are
/// stored. Every value is an f32, or one f32 for each row, which counts for all columns.
///
/// ```
/// use glassbox_kernels::tile::{Format, Operation, Program};
/// let mut program = Program::default();
/// let (x, bias) = (program.load(Format::F32), program.load(Format::Bf16));
/// let sum = program.step(Operation::Add, &[x, bias]);
/// let positive = program.step(Operation::Max, &[sum, 0.0.into()]);
/// program.store(positive, Format::F16);
/// assert_eq!(
///     program.to_string(),
///     "l0 = load f32\nl1 = load bf16\ns0 = add l0, l1\ns1 = max s0, 0\nstore s1 as f16\n"
/// );
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// What is read.
    pub loads: Vec<Load>,
    /// What is computed, each from loads and from steps before it.
    pub steps: Vec<Step>,
    /// What is written.
    pub stores: Vec<Store>,
}

/// Numbers that are read. Where they lie, and along which dims they repeat, is said when the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Load {
    /// How they are stored.
    pub format: Format,
}

/// One operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Which.
    pub operation: Operation,
    /// As many as [`Operation::arity`] says.
    pub operands: Vec<Operand>,
}

/// Numbers that are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Store {
    /// A load or a step.
    pub value: Operand,
    /// How they are stored; [`Format::is_stored`] says which are possible.
    pub format: Format,
}

/// What a step reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    /// The load of this number.
    Load(usize),
    /// The result of the step of this number.
    Step(usize),
    /// The same everywhere.
    Constant(f32),
}

impl From<f32> for Operand {
    fn from(constant: f32) -> Operand {
        Operand::Constant(constant)
    }
}

/// How numbers are stored. A program computes in f32: of f64, i32 and i64 a load gives the nearest f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// IEEE binary32.
    F32,
    /// IEEE binary16; stores round to nearest even.
    F16,
    /// The upper half of an f32; stores round to nearest even.
    Bf16,
    /// IEEE binary64; loads round to nearest even.
    F64,
    /// A byte: loads give 0 or 1, stores write 0 for zero and 1 for everything else.
    Bool,
    /// A byte, loaded exactly.
    U8,
    /// A signed byte, loaded exactly.
    I8,
    /// Loads round to nearest even.
    I32,
    /// Loads round to nearest even.
    I64,
}

impl Format {
    /// Whether a [`Store`] may have it: the floats and [`Format::Bool`].
    pub fn is_stored(self) -> bool {
        matches!(self, Format::F32 | Format::F16 | Format::Bf16 | Format::F64 | Format::Bool)
    }

    /// Bytes of a number.
    pub fn size(self) -> usize {
        match self {
            Format::Bool | Format::U8 | Format::I8 => 1,
            Format::F16 | Format::Bf16 => 2,
            Format::F32 | Format::I32 => 4,
            Format::F64 | Format::I64 => 8,
        }
    }

    /// The name that programs print.
    pub fn name(self) -> &'static str {
        match self {
            Format::F32 => "f32",
            Format::F16 => "f16",
            Format::Bf16 => "bf16",
            Format::F64 => "f64",
            Format::Bool => "bool",
            Format::U8 => "u8",
            Format::I8 => "i8",
            Format::I32 => "i32",
            Format::I64 => "i64",
        }
    }
}

/// One line for each operation: its variant, the name that programs print, how many operands it has, its meaning.
macro_rules! operations {
    ($($variant:ident $name:literal $arity:literal $meaning:literal;)*) => {
        /// What a step computes, in f32 and rounded once where nothing else is said. Truth is 1 and falsehood 0; where truth
        /// is read, everything but zero is true, NaN too. Nothing is contracted: a product and a sum are rounded
        /// twice unless they are one [`Operation::Fma`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Operation {
            $(#[doc = $meaning] $variant,)*
        }

        impl Operation {
            /// Every operation.
            pub const ALL: &[Operation] = &[$(Operation::$variant,)*];

            /// The name that programs print.
            pub fn name(self) -> &'static str {
                match self {
                    $(Operation::$variant => $name,)*
                }
            }

            /// How many operands it has.
            pub fn arity(self) -> usize {
                match self {
                    $(Operation::$variant => $arity,)*
                }
            }
        }
    };
}

operations! {
    Add "add" 2 "x + y.";
    Sub "sub" 2 "x − y.";
    Mul "mul" 2 "x · y.";
    Div "div" 2 "x / y.";
    Min "min" 2 "The smaller; NaN if either is.";
    Max "max" 2 "The larger; NaN if either is.";
    Pow "pow" 2 "[`pow`](crate::math::pow).";
    Fma "fma" 3 "x · y + z, rounded once.";
    Neg "neg" 1 "−x.";
    Abs "abs" 1 "|x|.";
    Sign "sign" 1 "1, −1, or x where it is zero or NaN.";
    Floor "floor" 1 "The next integer below.";
    Ceil "ceil" 1 "The next integer above.";
    Trunc "trunc" 1 "The next integer toward zero.";
    RoundEven "round_even" 1 "The nearest integer, of two the even one.";
    RoundF16 "round_f16" 1 "The nearest f16, of two the even one.";
    RoundBf16 "round_bf16" 1 "The nearest bf16, of two the even one.";
    Sqrt "sqrt" 1 "√x.";
    Reciprocal "reciprocal" 1 "1 / x.";
    Exp "exp" 1 "[`exp`](crate::math::exp).";
    Exp2 "exp2" 1 "[`exp2`](crate::math::exp2).";
    Expm1 "expm1" 1 "[`expm1`](crate::math::expm1).";
    Log "log" 1 "[`log`](crate::math::log).";
    Log2 "log2" 1 "[`log2`](crate::math::log2).";
    Log1p "log1p" 1 "[`log1p`](crate::math::log1p).";
    Tanh "tanh" 1 "[`tanh`](crate::math::tanh).";
    Sigmoid "sigmoid" 1 "[`sigmoid`](crate::math::sigmoid).";
    Softplus "softplus" 1 "[`softplus`](crate::math::softplus).";
    Sinh "sinh" 1 "[`sinh`](crate::math::sinh).";
    Cosh "cosh" 1 "[`cosh`](crate::math::cosh).";
    Erf "erf" 1 "[`erf`](crate::math::erf).";
    Sin "sin" 1 "[`sin`](crate::math::sin).";
    Cos "cos" 1 "[`cos`](crate::math::cos).";
    Atan "atan" 1 "[`atan`](crate::math::atan).";
    Less "less" 2 "Whether x < y.";
    LessOrEqual "less_or_equal" 2 "Whether x ≤ y.";
    Greater "greater" 2 "Whether x > y.";
    GreaterOrEqual "greater_or_equal" 2 "Whether x ≥ y.";
    Equal "equal" 2 "Whether x = y.";
    And "and" 2 "Whether both are true.";
    Or "or" 2 "Whether one is true, or both.";
    Xor "xor" 2 "Whether one is true, not both.";
    Not "not" 1 "Whether x is zero.";
    IsNan "is_nan" 1 "Whether x is NaN.";
    IsInfinite "is_infinite" 1 "Whether x is infinite.";
    Where "where" 3 "y where x is true, otherwise z.";
    RowSum "row_sum" 1 "The sum over the columns of the row: see [`crate::tile`] for its order. Zero without columns.";
    RowMean "row_mean" 1 "The sum over the columns of the row, divided by their number before it is rounded to f32.";
    RowMax "row_max" 1 "The largest of the row, NaN if one is; −∞ without columns.";
    RowMin "row_min" 1 "The smallest of the row, NaN if one is; ∞ without columns.";
}

impl Operation {
    /// Whether it goes over the columns of a row, and gives one number for each row.
    pub fn is_reduction(self) -> bool {
        matches!(self, Operation::RowSum | Operation::RowMean | Operation::RowMax | Operation::RowMin)
    }

    /// Roughly how long it takes, an addition being 1.
    pub(super) fn cost(self) -> usize {
        use Operation::*;
        match self {
            Pow => 30,
            Exp | Exp2 | Expm1 | Log | Log2 | Log1p | Atan => 6,
            Tanh | Sigmoid | Sin | Cos | Sinh | Cosh | Erf => 10,
            Softplus => 16,
            Div | Sqrt | Reciprocal | RoundF16 | RoundBf16 => 2,
            _ => 1,
        }
    }
}

impl Program {
    /// Adds a load.
    pub fn load(&mut self, format: Format) -> Operand {
        self.loads.push(Load { format });
        Operand::Load(self.loads.len() - 1)
    }

    /// Adds a step.
    pub fn step(&mut self, operation: Operation, operands: &[Operand]) -> Operand {
        self.steps.push(Step { operation, operands: operands.to_vec() });
        Operand::Step(self.steps.len() - 1)
    }

    /// Adds a store.
    pub fn store(&mut self, value: Operand, format: Format) {
        self.stores.push(Store { value, format });
    }

    /// Whether no step goes over a row.
    pub fn is_elementwise(&self) -> bool {
        !self.steps.iter().any(|step| step.operation.is_reduction())
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Operand::Load(load) => write!(f, "l{load}"),
            Operand::Step(step) => write!(f, "s{step}"),
            Operand::Constant(constant) => write!(f, "{constant}"),
        }
    }
}

impl Display for Format {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Display for Operation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// `add l0, 1`.
impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation.name())?;
        for (place, operand) in self.operands.iter().enumerate() {
            write!(f, "{}{operand}", if place == 0 { " " } else { ", " })?;
        }
        Ok(())
    }
}

/// A line for each load, step and store.
impl Display for Program {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (number, load) in self.loads.iter().enumerate() {
            writeln!(f, "l{number} = load {}", load.format)?;
        }
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "s{number} = {step}")?;
        }
        for store in &self.stores {
            writeln!(f, "store {} as {}", store.value, store.format)?;
        }
        Ok(())
    }
}
