//! The stack machine: one arm of [`Machine::step`] per opcode.
//!
//! It makes nodes and never values, imports nothing and calls nothing. How strict it is was measured on CPython
//! 3.11's C unpickler: items are not popped across a mark, `POP` just above a mark removes the mark, keys must
//! be hashable. What calls mean is in `reduce.rs`; text arguments are parsed in `literal.rs`.

use crate::global::{self, Global, Known, Renamed};
use crate::literal::{self, IntLine, Number};
use crate::memo::Memo;
use crate::node::{Arena, Data, Links, Node, NodeId, Text, next_index};
use crate::opaque::How;
use crate::reader::{MAX_NAME, Reader};
use crate::{Policy, keys, opcode as op};
use hyperslab_core::{Error, Limits, Result};
use std::collections::HashMap;

/// Most values on the stack.
const MAX_STACK: usize = 1 << 20;

/// Most open marks.
const MAX_MARKS: usize = 1 << 20;

/// Highest protocol.
const HIGHEST: u8 = 5;

pub(crate) struct Machine<'a> {
    input: Reader<'a>,
    pub(crate) arena: Arena<'a>,
    stack: Vec<NodeId>,
    /// Stack heights at the open marks.
    marks: Vec<usize>,
    memo: Memo,
    /// Bytes nodes of long texts that were encoded.
    pub(crate) encoded: HashMap<NodeId, NodeId>,
    protocol: u8,
    policy: Policy,
    /// Where the opcode that is being performed stands.
    at: usize,
}

/// What a run leaves.
pub(crate) struct Loaded<'a> {
    pub(crate) arena: Arena<'a>,
    pub(crate) root: NodeId,
    pub(crate) protocol: u8,
    pub(crate) consumed: usize,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(input: &'a [u8], policy: Policy, limits: &Limits) -> Self {
        Machine {
            input: Reader::new(input),
            arena: Arena::new(input.len(), limits),
            stack: Vec::with_capacity(32),
            marks: Vec::with_capacity(8),
            memo: Memo::with_capacity(
                (input.len() / if input.len() < 4096 { 12 } else { 24 }).clamp(8, 1 << 20),
            ),
            encoded: HashMap::new(),
            protocol: 0,
            policy,
            at: 0,
        }
    }

    /// Runs to `STOP` and settles what is settled in the end.
    pub(crate) fn run(mut self) -> Result<Loaded<'a>> {
        let root = self.execute()?;
        keys::merge_equal(&mut self.arena)?;
        let (protocol, consumed) = (self.protocol, self.position());
        Ok(Loaded { arena: self.arena, root, protocol, consumed })
    }

    /// Runs to `STOP`.
    pub(crate) fn execute(&mut self) -> Result<NodeId> {
        loop {
            self.at = self.input.position();
            let byte = match self.input.u8() {
                Ok(byte) => byte,
                Err(e) => return Err(e.reading("pickle").at(self.at as u64)),
            };
            match self.step(byte) {
                // Nearly everything is memorized as soon as it is made.
                Ok(None) if self.input.next_is(op::MEMOIZE) => {
                    self.at = self.input.position();
                    let stored = self.input.u8().and_then(|_| self.memorize());
                    stored.map_err(|e| self.misread(op::MEMOIZE, e))?;
                }
                Ok(None) => {}
                Ok(Some(root)) => {
                    self.arena.settle()?;
                    return Ok(root);
                }
                Err(e) => return Err(self.misread(byte, e)),
            }
        }
    }

    /// Bytes consumed so far.
    pub(crate) fn position(&self) -> usize {
        self.input.position()
    }

    #[cold]
    fn misread(&self, byte: u8, e: Error) -> Error {
        match op::describe(byte) {
            Some((name, _)) => e.reading(format!("pickle opcode {name}")).at(self.at as u64),
            None => e.reading("pickle").at(self.at as u64),
        }
    }

    /// Performs one opcode; `STOP` gives the result.
    #[inline(always)]
    fn step(&mut self, byte: u8) -> Result<Option<NodeId>> {
        match byte {
            op::PROTO => {
                let n = self.input.u8()?;
                if n > HIGHEST {
                    return Err(Error::unsupported(format!("pickle protocol {n}, above {HIGHEST}")));
                }
                self.protocol = n;
            }
            op::FRAME => {
                let n = self.input.u64()?;
                if n > self.input.remaining() as u64 {
                    let left = self.input.remaining();
                    return Err(Error::invalid(format!("a frame of {n} bytes where {left} are left")));
                }
            }
            op::STOP => return self.pop().map(Some),

            op::MARK => {
                if self.marks.len() >= MAX_MARKS {
                    return Err(Error::limit(format!("more than {MAX_MARKS} marks")));
                }
                self.marks.push(self.stack.len());
            }
            op::POP => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            op::POP_MARK => {
                let mark = self.pop_mark()?;
                self.stack.truncate(mark);
            }
            op::DUP => {
                let top = self.top()?;
                self.push_id(top)?;
            }

            op::PUT => {
                let index = self.slot()?;
                self.put(index)?;
            }
            op::BINPUT => {
                let index = self.input.u8()?;
                self.put(index.into())?;
            }
            op::LONG_BINPUT => {
                let index = self.input.u32()?;
                self.put(index.into())?;
            }
            op::MEMOIZE => self.memorize()?,
            op::GET => {
                let index = self.slot()?;
                self.get(index)?;
            }
            op::BINGET => {
                let index = self.input.u8()?;
                self.get(index.into())?;
            }
            op::LONG_BINGET => {
                let index = self.input.u32()?;
                self.get(index.into())?;
            }

            op::NONE => self.push_id(NodeId::NONE)?,
            op::NEWTRUE => self.push_id(NodeId::TRUE)?,
            op::NEWFALSE => self.push_id(NodeId::FALSE)?,
            op::INT => match literal::int_line(self.input.short_line()?)? {
                IntLine::Bool(b) => self.push_id(if b { NodeId::TRUE } else { NodeId::FALSE })?,
                IntLine::Int(n) => self.push_number(n)?,
            },
            op::BININT => {
                let v = self.input.i32()?;
                self.push(Node::Int(v.into()))?;
            }
            op::BININT1 => {
                let v = self.input.u8()?;
                self.push(Node::Int(v.into()))?;
            }
            op::BININT2 => {
                let v = self.input.u16()?;
                self.push(Node::Int(v.into()))?;
            }
            op::LONG => {
                let n = literal::long_line(self.input.short_line()?)?;
                self.push_number(n)?;
            }
            op::LONG1 => {
                let n = self.input.u8()?;
                self.push_long(n.into())?;
            }
            op::LONG4 => {
                let n = self.input.i32()?;
                let n = u64::try_from(n).map_err(|_| negative(n))?;
                self.push_long(n)?;
            }
            op::FLOAT => {
                let v = literal::float_line(self.input.short_line()?)?;
                self.push(Node::Float(v))?;
            }
            op::BINFLOAT => {
                let v = self.input.f64_be()?;
                self.push(Node::Float(v))?;
            }

            op::STRING => {
                let line = self.input.line()?;
                let data = match literal::string_line(line)? {
                    std::borrow::Cow::Borrowed(b) => Data::Input(b),
                    std::borrow::Cow::Owned(b) => self.arena.make_bytes(&b)?,
                };
                self.push(Node::Py2Str(data))?;
            }
            op::BINSTRING => {
                let n = self.input.i32()?;
                let n = u64::try_from(n).map_err(|_| negative(n))?;
                self.push_py2(n)?;
            }
            op::SHORT_BINSTRING => {
                let n = self.input.u8()?;
                self.push_py2(n.into())?;
            }
            op::UNICODE => {
                let line = self.input.line()?;
                match literal::unicode_line(line)? {
                    std::borrow::Cow::Borrowed(b) => self.push_text(b)?,
                    std::borrow::Cow::Owned(b) => match std::str::from_utf8(&b) {
                        Ok(s) => {
                            let text = self.arena.make_text(s)?;
                            self.push(Node::Str(text))?;
                        }
                        Err(_) => {
                            let data = self.arena.make_bytes(&b)?;
                            self.push(Node::Surrogates(data))?;
                        }
                    },
                }
            }
            op::BINUNICODE => {
                let n = self.input.u32()?;
                self.push_unicode(n.into())?;
            }
            op::SHORT_BINUNICODE => {
                let n = self.input.u8()?;
                self.push_unicode(n.into())?;
            }
            op::BINUNICODE8 => {
                let n = self.input.u64()?;
                self.push_unicode(n)?;
            }
            op::BINBYTES => {
                let n = self.input.u32()?;
                self.push_bytes(n.into())?;
            }
            op::SHORT_BINBYTES => {
                let n = self.input.u8()?;
                self.push_bytes(n.into())?;
            }
            op::BINBYTES8 => {
                let n = self.input.u64()?;
                self.push_bytes(n)?;
            }
            op::BYTEARRAY8 => {
                let n = self.input.u64()?;
                let b = self.input.take(n)?;
                self.push(Node::ByteArray(Data::Input(b)))?;
            }
            op::NEXT_BUFFER | op::READONLY_BUFFER => {
                return Err(Error::unsupported("a buffer outside the pickle"));
            }

            op::EMPTY_TUPLE => self.push_id(NodeId::EMPTY_TUPLE)?,
            op::TUPLE => {
                let mark = self.pop_mark()?;
                self.push_tuple(mark)?;
            }
            op::TUPLE1 => self.push_tuple_of(1)?,
            op::TUPLE2 => self.push_tuple_of(2)?,
            op::TUPLE3 => self.push_tuple_of(3)?,
            op::EMPTY_LIST => self.push(Node::List(Links::default()))?,
            op::LIST => {
                let items = self.pop_to_mark()?;
                self.push(Node::List(items))?;
            }
            op::APPEND => {
                let item = self.pop()?;
                let list = self.top()?;
                self.append(list, &[item])?;
            }
            op::APPENDS => self.over_mark(|m, list, items| m.append(list, items))?,
            op::EMPTY_DICT => self.push(Node::Dict(Links::default()))?,
            op::DICT => {
                let pairs = self.pop_to_mark()?;
                let dict = self.arena.push(Node::Dict(Links::default()))?;
                let items = self.arena.links(pairs).to_vec();
                self.set_items(dict, &items)?;
                self.push_id(dict)?;
            }
            op::SETITEM => {
                let value = self.pop()?;
                let key = self.pop()?;
                let dict = self.top()?;
                self.set_items(dict, &[key, value])?;
            }
            op::SETITEMS => self.over_mark(|m, dict, items| m.set_items(dict, items))?,
            op::EMPTY_SET => self.push(Node::Set(Links::default()))?,
            op::ADDITEMS => self.over_mark(|m, set, items| m.add_items(set, items))?,
            op::FROZENSET => {
                let items = self.pop_to_mark()?;
                self.arena.links(items).iter().try_for_each(|&i| self.check_key(i))?;
                self.push(Node::FrozenSet(items))?;
            }

            op::GLOBAL => {
                let (module, name) = self.global_lines()?;
                let id = self.global(module, name)?;
                self.push_id(id)?;
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Node::Str(name), Node::Str(module)) = (self.arena.node(name), self.arena.node(module))
                else {
                    return Err(Error::invalid("a global whose module or name is not text"));
                };
                let id = self.global(module, name)?;
                self.push_id(id)?;
            }
            op::REDUCE => {
                let (args, callable) = (self.pop()?, self.pop()?);
                let id = self.reduce(callable, args)?;
                self.push_id(id)?;
            }
            op::BUILD => {
                let state = self.pop()?;
                let object = self.top()?;
                self.build(object, state)?;
            }
            op::INST => {
                let (module, name) = self.global_lines()?;
                let args = self.pop_to_mark()?;
                let class = self.global(module, name)?;
                self.push_instance(class, args)?;
            }
            op::OBJ => {
                let mark = self.pop_mark()?;
                let class = *self.stack.get(mark).ok_or_else(underflow)?;
                let args = self.arena.link(self.stack.get(mark + 1..).unwrap_or_default())?;
                self.stack.truncate(mark);
                self.push_instance(class, args)?;
            }
            op::NEWOBJ => {
                let (args, class) = (self.pop()?, self.pop()?);
                let id = self.new_object(class, How::NewObj, args, None)?;
                self.push_id(id)?;
            }
            op::NEWOBJ_EX => {
                let (kwargs, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                let id = self.new_object(class, How::NewObjEx, args, Some(kwargs))?;
                self.push_id(id)?;
            }
            op::PERSID | op::BINPERSID => {
                return Err(Error::unsupported("a persistent id, which only its own program understands"));
            }
            op::EXT1 | op::EXT2 | op::EXT4 => {
                return Err(Error::unsupported("an extension code, which only its own program understands"));
            }
            other => return Err(Error::invalid(format!("{other:#04x} is not a pickle opcode"))),
        }
        Ok(None)
    }

    /// The stack height below which nothing may be popped: that of the innermost open mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<NodeId> {
        match self.stack.last() {
            Some(&id) if self.stack.len() > self.floor() => Ok(id),
            _ => Err(underflow()),
        }
    }

    #[inline]
    fn memorize(&mut self) -> Result<()> {
        let top = self.top()?;
        self.memo.append(top)
    }

    fn pop(&mut self) -> Result<NodeId> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    fn pop_mark(&mut self) -> Result<usize> {
        self.marks.pop().ok_or_else(|| Error::invalid("no mark is open"))
    }

    fn pop_to_mark(&mut self) -> Result<Links> {
        let mark = self.pop_mark()?;
        let links = self.arena.link(self.stack.get(mark..).unwrap_or_default())?;
        self.stack.truncate(mark);
        Ok(links)
    }

    /// Takes the items above the mark away and gives them to `f` with the container below it.
    fn over_mark(&mut self, f: impl FnOnce(&mut Self, NodeId, &[NodeId]) -> Result<()>) -> Result<()> {
        let mark = self.pop_mark()?;
        let container = match mark.checked_sub(1).and_then(|i| self.stack.get(i)) {
            Some(&id) if mark > self.floor() => id,
            _ => return Err(underflow()),
        };
        // The items are lent from the stack while `f` borrows the machine.
        let stack = std::mem::take(&mut self.stack);
        let done = f(self, container, stack.get(mark..).unwrap_or_default());
        self.stack = stack;
        self.stack.truncate(mark);
        done
    }

    #[inline(always)]
    fn push_id(&mut self, id: NodeId) -> Result<()> {
        if self.stack.len() >= MAX_STACK {
            return Err(overflow());
        }
        self.stack.push(id);
        Ok(())
    }

    #[inline(always)]
    fn push(&mut self, node: Node<'a>) -> Result<()> {
        let id = self.arena.push(node)?;
        self.push_id(id)
    }

    fn push_number(&mut self, n: Number) -> Result<()> {
        match n {
            Number::Small(v) => self.push(Node::Int(v)),
            Number::Big(b) => {
                let i = next_index(&self.arena.big_ints)?;
                self.arena.big_ints.push(b);
                self.push(Node::BigInt(i))
            }
        }
    }

    fn push_long(&mut self, n: u64) -> Result<()> {
        if n > literal::MAX_LONG {
            return Err(Error::limit(format!(
                "an integer of {n} bytes is longer than {}",
                literal::MAX_LONG
            )));
        }
        let number = literal::long_bytes(self.input.take(n)?);
        self.push_number(number)
    }

    fn push_bytes(&mut self, n: u64) -> Result<()> {
        let b = self.input.take(n)?;
        self.push(Node::Bytes(Data::Input(b)))
    }

    fn push_py2(&mut self, n: u64) -> Result<()> {
        let b = self.input.take(n)?;
        self.push(Node::Py2Str(Data::Input(b)))
    }

    fn push_unicode(&mut self, n: u64) -> Result<()> {
        let b = self.input.take(n)?;
        self.push_text(b)
    }

    #[inline]
    fn push_text(&mut self, b: &'a [u8]) -> Result<()> {
        match std::str::from_utf8(b) {
            Ok(s) => self.push(Node::Str(Text::Input(s))),
            Err(_) if literal::is_utf8_with_surrogates(b) => self.push(Node::Surrogates(Data::Input(b))),
            Err(e) => Err(Error::invalid(format!(
                "text of {} bytes is not UTF-8 from {} on",
                b.len(),
                e.valid_up_to()
            ))),
        }
    }

    fn push_tuple_of(&mut self, n: usize) -> Result<()> {
        match self.stack.len().checked_sub(n) {
            Some(start) if start >= self.floor() => self.push_tuple(start),
            _ => Err(underflow()),
        }
    }

    /// Makes a tuple of the stack from `start` on.
    fn push_tuple(&mut self, start: usize) -> Result<()> {
        let items = self.stack.get(start..).unwrap_or_default();
        if items.is_empty() {
            return self.push_id(NodeId::EMPTY_TUPLE);
        }
        let hashable = items.iter().all(|&i| keys::is_hashable(&self.arena, i));
        let items = self.arena.link(items)?;
        self.stack.truncate(start);
        self.push(Node::Tuple { items, hashable })
    }

    fn push_instance(&mut self, class: NodeId, args: Links) -> Result<()> {
        let args = self.arena.push(Node::Tuple { items: args, hashable: false })?;
        let id = self.new_object(class, How::Inst, args, None)?;
        self.push_id(id)
    }

    fn global_lines(&mut self) -> Result<(Text<'a>, Text<'a>)> {
        let mut line = || {
            let line = self.input.short_line()?;
            std::str::from_utf8(line).map(Text::Input).map_err(|_| Error::invalid("a name that is not UTF-8"))
        };
        Ok((line()?, line()?))
    }

    fn global(&mut self, module: Text<'a>, name: Text<'a>) -> Result<NodeId> {
        let (m, n) = (self.arena.text(module), self.arena.text(name));
        if m.len().max(n.len()) > MAX_NAME {
            return Err(Error::limit(format!("a name longer than {MAX_NAME} bytes")));
        }
        let renamed = if self.protocol < 3 { global::modernize(m, n) } else { None };
        let new = |r: Renamed<'_>, old| match r {
            Renamed::To(s) => Text::Input(s),
            Renamed::Same(_) => old,
        };
        let (module, name) = renamed.map_or((module, name), |(m, n)| (new(m, module), new(n, name)));
        let (m, n) = (self.arena.text(module), self.arena.text(name));
        let known = global::lookup(m, n);
        if known == Known::Unknown && self.policy == Policy::Strict {
            return Err(Error::unsupported(format!("{m}.{n} is not among the types that are read"))
                .hint("inspect the pickle to see what it is made of; nothing in it was run"));
        }
        let i = next_index(&self.arena.globals)?;
        self.arena.globals.push(Global { module, name, known, at: self.at as u64 });
        self.arena.push(Node::Global(i))
    }

    /// The decimal memo index of `PUT` and `GET`.
    fn slot(&mut self) -> Result<u64> {
        match literal::long_line(self.input.short_line()?)? {
            Number::Small(v) => {
                u64::try_from(v).map_err(|_| Error::invalid(format!("memo slot {v} is negative")))
            }
            Number::Big(_) => Err(Error::invalid("a memo slot beyond 2^63")),
        }
    }

    fn put(&mut self, index: u64) -> Result<()> {
        let top = self.top()?;
        self.memo.put(index, top)
    }

    fn get(&mut self, index: u64) -> Result<()> {
        let id = self.memo.get(index)?;
        self.push_id(id)
    }
}

#[cold]
fn overflow() -> Error {
    Error::limit(format!("more than {MAX_STACK} values on the stack"))
}

fn underflow() -> Error {
    Error::invalid("the stack has too few values above its mark")
}

fn negative(n: i32) -> Error {
    Error::invalid(format!("a length of {n} is negative"))
}
