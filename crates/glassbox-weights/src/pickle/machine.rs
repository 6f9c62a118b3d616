//! The machine that carries out a pickle's instructions. Each makes at most one object, so what a pickle
//! takes is bounded by its length; there is no recursion.

use std::collections::HashMap;

use super::LONGEST_PICKLE;
use super::node::{EMPTY_TUPLE, FALSE, Heap, Id, NONE, Node, TRUE};
use super::{ops, torch};
use crate::cursor::Cursor;
use crate::error::WeightsError;

/// What to do about a pickle that asks for too much.
const ADVICE: &str = "Save the tensors alone, with torch.save(model.state_dict(), …) or as safetensors";

/// A pickle that was carried out.
pub(super) struct Done {
    pub(super) heap: Heap,
    pub(super) result: Id,
    /// How many bytes it took.
    pub(super) length: usize,
}

/// Carries out the pickle at the beginning of `bytes`, which are at `base` in the file.
pub(super) fn run(bytes: &[u8], base: u64) -> Result<Done, WeightsError> {
    let bytes = &bytes[..bytes.len().min(LONGEST_PICKLE)];
    let cursor = Cursor::new(bytes, base, "the pickle");
    let mut machine =
        Machine { cursor, heap: Heap::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new(), at: base };
    loop {
        machine.at = machine.cursor.offset();
        let code = machine.cursor.u8()?;
        if code == ops::STOP {
            let result = machine.pop()?;
            return Ok(Done { length: machine.cursor.position(), heap: machine.heap, result });
        }
        machine.step(code)?;
    }
}

struct Machine<'a> {
    cursor: Cursor<'a>,
    heap: Heap,
    stack: Vec<Id>,
    /// How long the stack was at each mark.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
    /// Where the instruction is.
    at: u64,
}

impl Machine<'_> {
    fn step(&mut self, code: u8) -> Result<(), WeightsError> {
        match code {
            ops::PROTO => match self.cursor.u8()? {
                0..=5 => Ok(()),
                other => Err(self.wrong(format!("version {other} of pickles isn't known"))),
            },
            // Frames only help those who read in pieces.
            ops::FRAME => self.cursor.u64().map(drop),
            ops::MARK => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            ops::POP => match self.marks.last() {
                Some(mark) if *mark == self.stack.len() => self.pop_mark().map(drop),
                _ => self.pop().map(drop),
            },
            ops::POP_MARK => self.pop_mark().map(drop),
            ops::DUP => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }
            ops::NONE => self.push_id(NONE),
            ops::NEWTRUE => self.push_id(TRUE),
            ops::NEWFALSE => self.push_id(FALSE),
            ops::EMPTY_TUPLE => self.push_id(EMPTY_TUPLE),
            ops::INT | ops::LONG | ops::FLOAT | ops::STRING | ops::UNICODE => self.line_value(code),
            ops::BINFLOAT => {
                let value = f64::from_be_bytes(self.cursor.array()?);
                self.push(Node::Float(value))
            }
            ops::BININT => {
                let value = self.cursor.i32()?;
                self.push(Node::Int(value.into()))
            }
            ops::BININT1 => {
                let value = self.cursor.u8()?;
                self.push(Node::Int(value.into()))
            }
            ops::BININT2 => {
                let value = self.cursor.u16()?;
                self.push(Node::Int(value.into()))
            }
            ops::LONG1 => {
                let length = self.cursor.u8()?.into();
                self.long(length)
            }
            ops::LONG4 => {
                let length = self.cursor.u32()?.into();
                self.long(length)
            }
            ops::SHORT_BINSTRING | ops::SHORT_BINUNICODE => {
                let length = self.cursor.u8()?.into();
                self.text(length)
            }
            ops::BINSTRING | ops::BINUNICODE => {
                let length = self.cursor.u32()?.into();
                self.text(length)
            }
            ops::BINUNICODE8 => {
                let length = self.cursor.u64()?;
                self.text(length)
            }
            ops::SHORT_BINBYTES => {
                let length = self.cursor.u8()?.into();
                self.bytes(length)
            }
            ops::BINBYTES => {
                let length = self.cursor.u32()?.into();
                self.bytes(length)
            }
            ops::BINBYTES8 | ops::BYTEARRAY8 => {
                let length = self.cursor.u64()?;
                self.bytes(length)
            }
            ops::PUT | ops::BINPUT | ops::LONG_BINPUT | ops::MEMOIZE => self.put(code),
            ops::GET | ops::BINGET | ops::LONG_BINGET => self.get(code),
            ops::GLOBAL => {
                let (module, name) = (self.line()?.to_owned(), self.line()?.to_owned());
                self.global(&module, &name)
            }
            ops::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.heap.text(module), self.heap.text(name)) {
                    (Some(module), Some(name)) => {
                        let (module, name) = (module.to_owned(), name.to_owned());
                        self.global(&module, &name)
                    }
                    _ => Err(self.wrong("a function or class is named by two texts")),
                }
            }
            ops::REDUCE | ops::NEWOBJ => self.reduce(),
            ops::BINPERSID => {
                let id = self.pop()?;
                let storage = torch::persistent(&self.heap, id).map_err(|rule| self.wrong(rule))?;
                self.push(storage)
            }
            other => self.container(other),
        }
    }

    /// The instructions that make or fill lists, tuples and dicts.
    fn container(&mut self, code: u8) -> Result<(), WeightsError> {
        match code {
            ops::EMPTY_LIST => self.push(Node::List(Vec::new())),
            ops::EMPTY_DICT => self.push(Node::Dict(Vec::new())),
            ops::LIST => {
                let items = self.pop_mark()?;
                self.push(Node::List(items))
            }
            ops::TUPLE => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items))
            }
            ops::TUPLE1 | ops::TUPLE2 | ops::TUPLE3 => {
                let count = usize::from(code - ops::TUPLE1) + 1;
                let first = self.floor(count)?;
                let items = self.stack.split_off(first);
                self.push(Node::Tuple(items))
            }
            ops::DICT => {
                let pairs = self.pop_mark()?;
                let pairs = self.pairs(pairs)?;
                self.push(Node::Dict(pairs))
            }
            ops::APPEND => {
                let item = self.pop()?;
                self.append(vec![item])
            }
            ops::APPENDS => {
                let items = self.pop_mark()?;
                self.append(items)
            }
            ops::SETITEM => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set(vec![(key, value)])
            }
            ops::SETITEMS => {
                let pairs = self.pop_mark()?;
                let pairs = self.pairs(pairs)?;
                self.set(pairs)
            }
            ops::BUILD => {
                // What a dict has besides its entries, such as the versions of modules, no tensor needs.
                let (_, object) = (self.pop()?, self.top()?);
                match self.heap.get(object) {
                    Node::Dict(_) => Ok(()),
                    _ => Err(self.wrong(format!("{} can't be given a state", self.heap.kind(object)))),
                }
            }
            other => match ops::refused(other) {
                Some(name) => Err(WeightsError::Forbidden { offset: self.at, name: name.to_owned(), advice: ADVICE }),
                None => Err(self.wrong(format!("{other:#04x} is no instruction of pickles"))),
            },
        }
    }

    fn wrong(&self, rule: impl Into<String>) -> WeightsError {
        WeightsError::structure(self.at, "the pickle", rule)
    }

    fn push_id(&mut self, id: Id) -> Result<(), WeightsError> {
        self.stack.push(id);
        Ok(())
    }

    fn push(&mut self, node: Node) -> Result<(), WeightsError> {
        let id = self.heap.add(node).ok_or_else(|| self.wrong("it has more objects than a checkpoint needs"))?;
        self.push_id(id)
    }

    /// The length of the stack below its top `count` objects, which belong to the last mark.
    fn floor(&self, count: usize) -> Result<usize, WeightsError> {
        let lowest = self.marks.last().copied().unwrap_or(0);
        let floor = self.stack.len().checked_sub(count).filter(|floor| *floor >= lowest);
        floor.ok_or_else(|| self.wrong("it takes more objects than there are"))
    }

    fn pop(&mut self) -> Result<Id, WeightsError> {
        self.floor(1)?;
        self.stack.pop().ok_or_else(|| self.wrong("it takes more objects than there are"))
    }

    fn top(&self) -> Result<Id, WeightsError> {
        self.floor(1).map(|at| self.stack[at])
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, WeightsError> {
        let mark = self.marks.pop().ok_or_else(|| self.wrong("there is no mark"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    fn pairs(&self, items: Vec<Id>) -> Result<Vec<(Id, Id)>, WeightsError> {
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.wrong("a dict is made of keys and values in pairs"));
        }
        Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), WeightsError> {
        let list = self.top()?;
        match self.heap.get_mut(list) {
            Node::List(all) => {
                all.extend(items);
                Ok(())
            }
            _ => Err(self.wrong(format!("{} can't be appended to", self.heap.kind(list)))),
        }
    }

    fn set(&mut self, pairs: Vec<(Id, Id)>) -> Result<(), WeightsError> {
        let dict = self.top()?;
        match self.heap.get_mut(dict) {
            Node::Dict(all) => {
                all.extend(pairs);
                Ok(())
            }
            _ => Err(self.wrong(format!("{} has no entries to set", self.heap.kind(dict)))),
        }
    }

    fn line(&mut self) -> Result<&str, WeightsError> {
        let mut ahead = 0u64;
        let start = self.cursor.position();
        loop {
            let byte = self.cursor.u8()?;
            if byte == b'\n' {
                break;
            }
            ahead += 1;
        }
        self.cursor.back_to(start);
        let text = self.cursor.text(ahead)?;
        self.cursor.u8()?;
        Ok(text)
    }

    /// A number or text that is written as a line.
    fn line_value(&mut self, code: u8) -> Result<(), WeightsError> {
        let line = self.line()?.to_owned();
        let node = match (code, line.as_str()) {
            (ops::INT, "00") => Some(Node::Bool(false)),
            (ops::INT, "01") => Some(Node::Bool(true)),
            (ops::INT | ops::LONG, digits) => digits.trim_end_matches('L').parse().ok().map(Node::Int),
            (ops::FLOAT, number) => number.parse().ok().map(Node::Float),
            (ops::STRING, quoted) => {
                let plain = |quote| quoted.strip_prefix(quote)?.strip_suffix(quote);
                // Names need no escapes.
                let text = plain('\'').or_else(|| plain('"')).filter(|text| !text.contains('\\'));
                text.map(|text| Node::Text(text.to_owned()))
            }
            (_, text) if !text.contains('\\') => Some(Node::Text(text.to_owned())),
            _ => None,
        };
        match node {
            Some(node) => self.push(node),
            None => {
                Err(self
                    .wrong(format!("{:?} is no value that is read here", line.chars().take(40).collect::<String>())))
            }
        }
    }

    fn long(&mut self, length: u64) -> Result<(), WeightsError> {
        let digits = self.cursor.take(length)?;
        if digits.len() > 16 {
            return Err(self.wrong(format!("an int of {length} bytes is larger than any that a checkpoint needs")));
        }
        let negative = digits.last().is_some_and(|last| *last >= 0x80);
        let mut bytes = [if negative { 0xff } else { 0 }; 16];
        bytes[..digits.len()].copy_from_slice(digits);
        self.push(Node::Int(i128::from_le_bytes(bytes)))
    }

    fn text(&mut self, length: u64) -> Result<(), WeightsError> {
        let text = self.cursor.text(length)?.to_owned();
        self.push(Node::Text(text))
    }

    fn bytes(&mut self, length: u64) -> Result<(), WeightsError> {
        self.cursor.take(length)?;
        self.push(Node::Bytes)
    }

    fn number_line(&mut self) -> Result<u64, WeightsError> {
        let number = self.line()?.parse();
        number.map_err(|_| self.wrong("a place of the memo is a number"))
    }

    fn put(&mut self, code: u8) -> Result<(), WeightsError> {
        let place = match code {
            ops::PUT => self.number_line()?,
            ops::BINPUT => self.cursor.u8()?.into(),
            ops::LONG_BINPUT => self.cursor.u32()?.into(),
            _ => self.memo.len() as u64,
        };
        let top = self.top()?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn get(&mut self, code: u8) -> Result<(), WeightsError> {
        let place = match code {
            ops::GET => self.number_line()?,
            ops::BINGET => self.cursor.u8()?.into(),
            _ => self.cursor.u32()?.into(),
        };
        match self.memo.get(&place) {
            Some(id) => self.push_id(*id),
            None => Err(self.wrong(format!("the memo has nothing at {place}"))),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), WeightsError> {
        match torch::known(module, name) {
            Some(known) => self.push(Node::Known(known)),
            None => {
                let short = |text: &str| text.chars().take(80).collect::<String>();
                let name = format!("{}.{}", short(module), short(name));
                Err(WeightsError::Forbidden { offset: self.at, name, advice: ADVICE })
            }
        }
    }

    fn reduce(&mut self) -> Result<(), WeightsError> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let Node::Known(known) = *self.heap.get(callable) else {
            return Err(self.wrong(format!("{} can't be called", self.heap.kind(callable))));
        };
        let Node::Tuple(arguments) = self.heap.get(arguments) else {
            return Err(self.wrong("arguments are a tuple"));
        };
        let made = torch::call(&self.heap, known, arguments, self.at).map_err(|rule| self.wrong(rule))?;
        self.push(made)
    }
}
