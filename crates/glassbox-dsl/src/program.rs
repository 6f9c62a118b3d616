//! Programs in block form, as data.
//!
//! A [`Program`] is made by [`Program::parse`] from text, by the `graph!` macro, or by hand with the functions
//! here; all three make the same thing. What it means is said in docs/language.md. Nothing is checked while it is
//! made: [`check`](crate::check) says what is wrong with a program, and lowering asks it first.

use glassbox_tensor::DType;

/// One step of a model.
///
/// ```
/// use glassbox_dsl::{Lower, NoModel, Program};
/// let text = "dynamic { x: f32[2]; } block entry { assign y: f32[2]; op relu(x) >> y; }";
/// let program = Program::parse("example", text)?;
/// assert!(program.find("x").is_some() && program.find_block("entry").is_some());
/// assert_eq!(program.lower(&NoModel)?.node_count(), 1);
/// # Ok::<(), glassbox_dsl::DslError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// The file that it stands in, for messages.
    pub file: String,
    /// The variables of all sections, in order.
    pub declarations: Vec<Declaration>,
    /// The blocks, in order.
    pub blocks: Vec<Block>,
}

/// Where something stands. Two programs are equal wherever their parts stand.
#[derive(Clone, Copy, Debug, Default)]
pub struct At {
    /// The line, from one; zero where there is none.
    pub line: u32,
    /// Which of the tokens that the parser has seen it is, for pointing at it; zero where there is none.
    pub(crate) token: u32,
}

impl PartialEq for At {
    fn eq(&self, _: &At) -> bool {
        true
    }
}

/// A name, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Name {
    /// The name.
    pub text: String,
    /// Where it stands.
    pub at: At,
}

/// The memory that a variable is in: which section declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// Inserted before each step.
    Dynamic,
    /// Taken from the package at each step, or empty.
    Volatile,
    /// Taken from the package, and never changed.
    Constant,
    /// Lives from step to step.
    Persistent,
}

/// A variable of a section.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// The section.
    pub memory: Memory,
    /// The name.
    pub name: Name,
    /// The names of the indices, of a table.
    pub indices: Vec<Name>,
    /// The type, of a table that of a cell.
    pub ty: Ty,
    /// `@init`
    pub init: Option<Literal>,
    /// `@ref`
    pub reference: Option<String>,
    /// `@pattern`
    pub pattern: Option<String>,
    /// `@table`
    pub table: bool,
    /// `@auto_dim`
    pub auto_dim: Vec<Name>,
    /// `@fixed`
    pub fixed: Vec<(Name, IntExpr)>,
    /// Where the attributes stand.
    pub marks: Marks,
}

/// Where the attributes of a declaration stand, as far as it has them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Marks {
    /// `@init`
    pub init: At,
    /// `@ref`
    pub reference: At,
    /// `@pattern`
    pub pattern: At,
    /// `@table`
    pub table: At,
    /// `@auto_dim`
    pub auto_dim: At,
    /// `@fixed`
    pub fixed: At,
}

/// A dtype with dims.
#[derive(Clone, Debug, PartialEq)]
pub struct Ty {
    /// The dtype.
    pub dtype: DType,
    /// The dims.
    pub dims: Vec<IntExpr>,
    /// Where it stands.
    pub at: At,
}

/// An integer expression: a dim, an index, a bound.
#[derive(Clone, Debug, PartialEq)]
pub enum IntExpr {
    /// An integer.
    Int(i64),
    /// `?`: an extent that isn't said, of what `assign` declares.
    Unknown,
    /// A size, a scalar or the index of a loop.
    Name(Name),
    /// The negative.
    Neg(Box<IntExpr>),
    /// Two together.
    Binary(Binary, Box<IntExpr>, Box<IntExpr>),
}

/// How two integers are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`, rounded down
    Div,
    /// `%`, the remainder of [`Binary::Div`]
    Mod,
    /// `min(a, b)`
    Min,
    /// `max(a, b)`
    Max,
}

/// A value that is written out.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `true`, `false`
    Bool(bool),
    /// An integer.
    Int(i128),
    /// A float; `inf`, `-inf` and `nan` too.
    Float(f64),
    /// Text.
    Text(String),
}

/// What stands in the place of an operand or of an attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Argument {
    /// `_`: left out.
    Skipped,
    /// A variable; as an attribute, a constant, an entry of the metadata or a size.
    Name(Name),
    /// An entry of a parameter table: `W[l]`.
    Entry(Name, Vec<IntExpr>),
    /// A literal.
    Literal(Literal),
    /// A list of literals.
    List(Vec<Literal>),
    /// A list of integer expressions that aren't all literals.
    Integers(Vec<IntExpr>),
    /// A dtype.
    DType(DType),
    /// A type.
    Type(Ty),
    /// A tensor: `f32[2] [1, 2]`.
    Tensor(Ty, Vec<Literal>),
}

/// A persistent variable, or a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheSlice {
    /// The variable.
    pub name: Name,
    /// The indices; `None` if no brackets stand there.
    pub indices: Option<Vec<Index>>,
}

/// One index of a region.
#[derive(Clone, Debug, PartialEq)]
pub enum Index {
    /// One cell; the axis is dropped.
    At(IntExpr),
    /// `a..b`, half-open; the axis stays.
    Slice(Option<IntExpr>, Option<IntExpr>),
}

/// A block.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The name.
    pub name: Name,
    /// The statements.
    pub statements: Vec<Statement>,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it does.
    pub kind: StatementKind,
    /// Where it stands.
    pub at: At,
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `assign h: f32[B];`
    Assign(Name, Ty),
    /// `op add(x, y) >> h;`
    Op(Op),
    /// `transfer x >> h;`
    Transfer(Argument, At, Name),
    /// `branch c a b;`
    Branch {
        /// The condition, if there is one.
        condition: Option<Name>,
        /// The block that is called where it is true, or always.
        then: Name,
        /// The block that is called where it is false.
        otherwise: Option<Name>,
    },
    /// `if c { … } else { … }`
    If {
        /// The condition.
        condition: Name,
        /// What runs where it is true.
        then: Vec<Statement>,
        /// What runs where it is false.
        otherwise: Vec<Statement>,
    },
    /// `loop layers (l in a..b) { … }`
    Loop {
        /// The name of the loop.
        name: Name,
        /// The name of the index.
        index: Name,
        /// Where it begins.
        start: IntExpr,
        /// Where it ends, not reached.
        end: IntExpr,
        /// What runs in each turn.
        body: Vec<Statement>,
    },
    /// `return;`
    Return,
    /// `barrier;`
    Barrier,
    /// `dep after(a) before(b);`
    Dep {
        /// What is done first.
        after: Name,
        /// What is done later.
        before: Name,
    },
    /// `yield x;`
    Yield(Vec<Name>),
    /// `await x;`
    Await(Vec<Name>),
    /// `cache.read K[l] >> k;`
    CacheRead(CacheSlice, Name),
    /// `cache.write k >> K[l];`
    CacheWrite(Argument, At, CacheSlice),
    /// `cache.increment n s;`, with a sign of -1 `cache.decrement`
    CacheAdd {
        /// The variable.
        name: Name,
        /// By how much; one if absent.
        by: Option<IntExpr>,
        /// Whether it is taken away.
        negative: bool,
    },
    /// `cache.reset K;`
    CacheReset(CacheSlice),
}

/// The use of an op.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// The op.
    pub name: Name,
    /// The operands by place.
    pub operands: Vec<(Argument, At)>,
    /// Attributes, and operands by name; then where the value stands.
    pub named: Vec<(Name, Argument, At)>,
    /// What the results are written to; `None` for `_`.
    pub targets: Vec<Option<Name>>,
    /// Advice to the compiler.
    pub hints: Vec<(Name, Literal)>,
}

impl Program {
    /// The empty program, that stands in `file`.
    pub fn new(file: impl Into<String>) -> Program {
        Program { file: file.into(), ..Program::default() }
    }

    /// With a variable more.
    pub fn declare(mut self, declaration: Declaration) -> Program {
        self.declarations.push(declaration);
        self
    }

    /// With a block more.
    pub fn block(mut self, block: Block) -> Program {
        self.blocks.push(block);
        self
    }

    /// The declaration of a variable.
    pub fn find(&self, name: &str) -> Option<&Declaration> {
        self.declarations.iter().find(|declaration| declaration.name.text == name)
    }

    /// The block of that name.
    pub fn find_block(&self, name: &str) -> Option<&Block> {
        self.blocks.iter().find(|block| block.name.text == name)
    }
}

impl At {
    /// A place in that line.
    pub fn line(line: u32) -> At {
        At { line, token: 0 }
    }
}

impl Marks {
    /// With `at` where nothing is known of the place of an attribute.
    pub(crate) fn or(&self, at: At) -> Marks {
        let or = |mark: At| if mark.line == 0 { at } else { mark };
        Marks {
            init: or(self.init),
            reference: or(self.reference),
            pattern: or(self.pattern),
            table: or(self.table),
            auto_dim: or(self.auto_dim),
            fixed: or(self.fixed),
        }
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Name {
        Name { text: text.to_owned(), at: At::default() }
    }
}

impl From<(&str, u32)> for Name {
    fn from((text, line): (&str, u32)) -> Name {
        Name { text: text.to_owned(), at: At::line(line) }
    }
}

impl Declaration {
    /// A variable of `memory`, with no attributes.
    pub fn new(memory: Memory, name: impl Into<Name>, ty: Ty) -> Declaration {
        Declaration {
            memory,
            name: name.into(),
            indices: Vec::new(),
            ty,
            init: None,
            reference: None,
            pattern: None,
            table: false,
            auto_dim: Vec::new(),
            fixed: Vec::new(),
            marks: Marks::default(),
        }
    }

    /// With one more index.
    pub fn index(mut self, name: impl Into<Name>) -> Declaration {
        self.indices.push(name.into());
        self
    }

    /// `@init(value)`
    pub fn init(self, value: Literal) -> Declaration {
        Declaration { init: Some(value), ..self }
    }

    /// `@ref("name")`
    pub fn reference(self, name: impl Into<String>) -> Declaration {
        Declaration { reference: Some(name.into()), ..self }
    }

    /// `@pattern("W.{l}")`
    pub fn pattern(self, pattern: impl Into<String>) -> Declaration {
        Declaration { pattern: Some(pattern.into()), ..self }
    }

    /// `@table`
    pub fn table(self) -> Declaration {
        Declaration { table: true, ..self }
    }

    /// `@auto_dim(name)`, one more
    pub fn auto_dim(mut self, name: impl Into<Name>) -> Declaration {
        self.auto_dim.push(name.into());
        self
    }

    /// `@fixed(name=extent)`, one more
    pub fn fixed(mut self, name: impl Into<Name>, extent: impl Into<IntExpr>) -> Declaration {
        self.fixed.push((name.into(), extent.into()));
        self
    }

    /// Whether it lives in cells or a growing matrix, and is read and written by place.
    pub fn is_place(&self) -> bool {
        self.memory == Memory::Persistent && !self.indices.is_empty()
    }

    /// Whether it is a family of parameters.
    pub fn is_parameter_table(&self) -> bool {
        self.memory != Memory::Persistent && !self.indices.is_empty()
    }
}

impl Ty {
    /// A dtype with dims.
    pub fn new(dtype: DType, dims: impl IntoIterator<Item = IntExpr>) -> Ty {
        Ty { dtype, dims: dims.into_iter().collect(), at: At::default() }
    }

    /// A scalar.
    pub fn scalar(dtype: DType) -> Ty {
        Ty::new(dtype, [])
    }

    /// Standing in `line`.
    pub fn at(self, line: u32) -> Ty {
        Ty { at: At::line(line), ..self }
    }
}

impl From<i64> for IntExpr {
    fn from(value: i64) -> IntExpr {
        IntExpr::Int(value)
    }
}

impl From<&str> for IntExpr {
    fn from(name: &str) -> IntExpr {
        IntExpr::Name(name.into())
    }
}

impl From<(&str, u32)> for IntExpr {
    fn from(name: (&str, u32)) -> IntExpr {
        IntExpr::Name(name.into())
    }
}

impl IntExpr {
    /// Two expressions together.
    pub fn binary(op: Binary, left: impl Into<IntExpr>, right: impl Into<IntExpr>) -> IntExpr {
        IntExpr::Binary(op, Box::new(left.into()), Box::new(right.into()))
    }

    /// The negative of an expression.
    pub fn negative(of: impl Into<IntExpr>) -> IntExpr {
        IntExpr::Neg(Box::new(of.into()))
    }

    /// Whether more than `most` expressions stand in each other, counted without recursion.
    pub(crate) fn is_deeper_than(&self, most: usize) -> bool {
        let mut open = vec![(self, 1)];
        while let Some((expr, depth)) = open.pop() {
            if depth > most {
                return true;
            }
            match expr {
                IntExpr::Int(_) | IntExpr::Name(_) | IntExpr::Unknown => {}
                IntExpr::Neg(inner) => open.push((inner, depth + 1)),
                IntExpr::Binary(_, left, right) => {
                    open.extend([(left.as_ref(), depth + 1), (right.as_ref(), depth + 1)])
                }
            }
        }
        false
    }

    /// Calls `visit` with every name in it.
    pub fn for_each_name<'e>(&'e self, visit: &mut dyn FnMut(&'e Name)) {
        match self {
            IntExpr::Int(_) | IntExpr::Unknown => {}
            IntExpr::Name(name) => visit(name),
            IntExpr::Neg(inner) => inner.for_each_name(visit),
            IntExpr::Binary(_, left, right) => {
                left.for_each_name(visit);
                right.for_each_name(visit);
            }
        }
    }
}

impl Index {
    /// The expressions in it.
    pub fn parts(&self) -> impl Iterator<Item = &IntExpr> {
        let (a, b) = match self {
            Index::At(at) => (Some(at), None),
            Index::Slice(start, end) => (start.as_ref(), end.as_ref()),
        };
        a.into_iter().chain(b)
    }
}

impl From<bool> for Literal {
    fn from(value: bool) -> Literal {
        Literal::Bool(value)
    }
}

impl From<i128> for Literal {
    fn from(value: i128) -> Literal {
        Literal::Int(value)
    }
}

impl From<f64> for Literal {
    fn from(value: f64) -> Literal {
        Literal::Float(value)
    }
}

impl From<&str> for Literal {
    fn from(value: &str) -> Literal {
        Literal::Text(value.to_owned())
    }
}

impl CacheSlice {
    /// All of a variable.
    pub fn whole(name: impl Into<Name>) -> CacheSlice {
        CacheSlice { name: name.into(), indices: None }
    }

    /// A part of a variable.
    pub fn of(name: impl Into<Name>, indices: impl IntoIterator<Item = Index>) -> CacheSlice {
        CacheSlice { name: name.into(), indices: Some(indices.into_iter().collect()) }
    }
}

impl Block {
    /// A block without statements.
    pub fn new(name: impl Into<Name>) -> Block {
        Block { name: name.into(), statements: Vec::new() }
    }

    /// With one statement more, that stands in `line`.
    pub fn then(mut self, line: u32, kind: impl Into<StatementKind>) -> Block {
        self.statements.push(Statement::new(line, kind));
        self
    }
}

impl Statement {
    /// A statement that stands in `line`.
    pub fn new(line: u32, kind: impl Into<StatementKind>) -> Statement {
        Statement { kind: kind.into(), at: At::line(line) }
    }
}

impl From<Op> for StatementKind {
    fn from(op: Op) -> StatementKind {
        StatementKind::Op(op)
    }
}

impl Op {
    /// A use of the op `name`, with nothing yet.
    pub fn new(name: impl Into<Name>) -> Op {
        Op { name: name.into(), operands: Vec::new(), named: Vec::new(), targets: Vec::new(), hints: Vec::new() }
    }

    /// With one operand more.
    pub fn operand(mut self, argument: impl Into<Argument>) -> Op {
        self.operands.push((argument.into(), At::default()));
        self
    }

    /// With one operand more, that stands there.
    pub fn operand_at(mut self, argument: impl Into<Argument>, at: At) -> Op {
        self.operands.push((argument.into(), at));
        self
    }

    /// With an attribute, or an operand by its name, whose value stands there.
    pub fn named_at(mut self, name: impl Into<Name>, argument: impl Into<Argument>, at: At) -> Op {
        self.named.push((name.into(), argument.into(), at));
        self
    }

    /// With an attribute, or an operand by its name.
    pub fn named(mut self, name: impl Into<Name>, argument: impl Into<Argument>) -> Op {
        self.named.push((name.into(), argument.into(), At::default()));
        self
    }

    /// With one result more, written to a variable.
    pub fn to(mut self, name: impl Into<Name>) -> Op {
        self.targets.push(Some(name.into()));
        self
    }

    /// With one result more, that isn't wanted.
    pub fn unwanted(mut self) -> Op {
        self.targets.push(None);
        self
    }

    /// With a hint.
    pub fn hint(mut self, name: impl Into<Name>, value: impl Into<Literal>) -> Op {
        self.hints.push((name.into(), value.into()));
        self
    }
}

impl From<&str> for Argument {
    fn from(name: &str) -> Argument {
        Argument::Name(name.into())
    }
}

impl From<(&str, u32)> for Argument {
    fn from(name: (&str, u32)) -> Argument {
        Argument::Name(name.into())
    }
}

impl From<Literal> for Argument {
    fn from(literal: Literal) -> Argument {
        Argument::Literal(literal)
    }
}

impl From<DType> for Argument {
    fn from(dtype: DType) -> Argument {
        Argument::DType(dtype)
    }
}
