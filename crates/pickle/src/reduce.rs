//! What the calls in a pickle mean: `REDUCE`, `NEWOBJ`, `BUILD` and their kin, for the names on the allow-list.
//!
//! Nothing is called. A name on the list (`global.rs`) has its meaning here, as nodes made from nodes; under
//! [`Policy::Inspect`](crate::Policy) every other name gives a record of the call.

use crate::global::Known;
use crate::machine::Machine;
use crate::node::{Data, Links, Node, NodeId, next_index};
use crate::opaque::{How, OpaqueNode};
use crate::time::{self, Clock, Date, Moment};
use hyperslab_core::{Error, Result};

impl<'a> Machine<'a> {
    /// `callable(*args)`.
    pub(crate) fn reduce(&mut self, callable: NodeId, args: NodeId) -> Result<NodeId> {
        let Node::Tuple { items, .. } = self.arena.node(args) else {
            return Err(Error::invalid("the arguments of a call are not a tuple"));
        };
        let known = match self.arena.global(callable) {
            Some(g) => g.known,
            None if self.is_class(callable) => Known::Unknown,
            None => return Err(Error::invalid("a call of something that is not a name")),
        };
        // Few arguments: a copy on the stack frees the arena for what they make.
        let mut few = [NodeId::NONE; 8];
        let args = self.arena.links(items);
        let n = args.len();
        let Some(slots) = few.get_mut(..n) else {
            return match known {
                Known::Unknown => self.opaque(callable, How::Reduce, items),
                _ => Err(Error::invalid(format!("a call of {} with {n} arguments", self.name_of(callable)))),
            };
        };
        slots.copy_from_slice(args);
        let args: &[NodeId] = slots;
        match known {
            Known::Unknown => self.opaque(callable, How::Reduce, items),
            Known::Bytes => self.bytes_call(args),
            Known::ByteArray => self.bytearray_call(args),
            Known::Complex => self.complex_call(args),
            Known::Encode => self.encode_call(args),
            Known::Set => {
                let items = self.items_of_argument(args)?;
                self.check_hashable(items)?;
                self.arena.push(Node::Set(items))
            }
            Known::FrozenSet => {
                let items = self.items_of_argument(args)?;
                self.check_hashable(items)?;
                self.arena.push(Node::FrozenSet(items))
            }
            Known::OrderedDict => {
                let pairs = self.pairs_of_argument(args)?;
                self.arena.push(Node::OrderedDict(pairs))
            }
            Known::DefaultDict => {
                let factory = match args {
                    [] => NodeId::NONE,
                    [f] => *f,
                    _ => return Err(Error::unsupported("a defaultdict made with its items")),
                };
                self.arena.push(Node::DefaultDict(Links::default(), factory))
            }
            Known::Date | Known::Time | Known::DateTime | Known::TimeDelta | Known::TimeZone => {
                let time = self.time_call(known, args)?;
                let i = next_index(&self.arena.times)?;
                self.arena.times.push(time);
                self.arena.push(Node::Time(i))
            }
            // A dtype over a class of scalars (`numpy.record`) is as unknown as the class.
            Known::Dtype if args.first().is_some_and(|&a| self.is_unknown(a)) => {
                self.opaque(callable, How::Reduce, items)
            }
            Known::Dtype => self.dtype(args),
            Known::NdArray => self.array_portable(args),
            Known::FromBuffer => self.array_from_buffer(args),
            Known::Reconstruct => match self.array_empty(args)? {
                Some(array) => Ok(array),
                None => self.opaque(callable, How::Reduce, items),
            },
            Known::Scalar => self.scalar(args),
            Known::ScalarType(descr) => self.scalar_of_type(descr, args),
            // A go-between is as unknown as the class that it is to make an object of.
            Known::Reconstructor | Known::NewObject if args.first().is_some_and(|&c| self.is_unmade(c)) => {
                self.opaque(callable, How::Reduce, items)
            }
            Known::NewObject => {
                let (&class, rest) =
                    args.split_first().ok_or_else(|| Error::invalid("copyreg.__newobj__ without a class"))?;
                let rest = self.arena.link(rest)?;
                let rest = self.arena.push(Node::Tuple { items: rest, hashable: false })?;
                self.new_object(class, How::NewObj, rest, None)
            }
            Known::Reconstructor | Known::Type => {
                Err(Error::unsupported(format!("a call of {}", self.name_of(callable))))
            }
        }
    }

    /// `cls.__new__(cls, *args)`, with keyword arguments or without.
    pub(crate) fn new_object(
        &mut self,
        class: NodeId,
        how: How,
        args: NodeId,
        kwargs: Option<NodeId>,
    ) -> Result<NodeId> {
        let Node::Tuple { items, .. } = self.arena.node(args) else {
            return Err(Error::invalid("the arguments of an object are not a tuple"));
        };
        if kwargs.is_some_and(|k| !matches!(self.arena.node(k), Node::Dict(_))) {
            return Err(Error::invalid("the keyword arguments of an object are not a dict"));
        }
        match self.arena.global(class).map(|g| g.known) {
            Some(Known::Unknown) => {}
            Some(_) if kwargs.is_none() => return self.reduce(class, args),
            Some(_) => return Err(Error::unsupported(format!("{} with keywords", self.name_of(class)))),
            None if self.is_class(class) => {}
            None => return Err(Error::invalid("the class of an object is not a name")),
        }
        let object = self.opaque(class, how, items)?;
        if let (Node::Opaque(i), Some(_)) = (self.arena.node(object), kwargs)
            && let Some(o) = self.arena.opaques.get_mut(i as usize)
        {
            o.kwargs = kwargs;
        }
        Ok(object)
    }

    /// `object.__setstate__(state)`.
    pub(crate) fn build(&mut self, object: NodeId, state: NodeId) -> Result<()> {
        match self.arena.node(object) {
            Node::Dtype(i) => self.build_dtype(i, state),
            Node::Array(i) => self.fill_array(i, state),
            Node::Opaque(i) => match self.arena.opaques.get_mut(i as usize) {
                Some(o) if o.state.is_none() => {
                    o.state = Some(state);
                    Ok(())
                }
                _ => Err(Error::unsupported("an object with two states")),
            },
            Node::OrderedDict(_) | Node::DefaultDict(..) | Node::Set(_) | Node::FrozenSet(_) => {
                Err(Error::unsupported("a container with attributes of its own"))
            }
            _ => Err(Error::invalid("a state for a value that has none")),
        }
    }

    /// Whether a node that is no global may stand for a class or callable: only what `getattr` (nested classes)
    /// and `functools.partial` (protocol 2's keyword arguments) would have given, and only to be recorded.
    fn is_class(&self, id: NodeId) -> bool {
        let Node::Opaque(i) = self.arena.node(id) else { return false };
        let class = self.arena.opaques.get(i as usize).and_then(|o| self.arena.global(o.class));
        class.is_some_and(|g| {
            matches!(
                (self.arena.text(g.module), self.arena.text(g.name)),
                ("builtins", "getattr") | ("functools", "partial")
            )
        })
    }

    /// Whether a node stands for a class that is not read.
    fn is_unmade(&self, id: NodeId) -> bool {
        self.is_unknown(id) || self.is_class(id)
    }

    fn is_unknown(&self, id: NodeId) -> bool {
        self.arena.global(id).is_some_and(|g| g.known == Known::Unknown)
    }

    fn opaque(&mut self, class: NodeId, how: How, args: Links) -> Result<NodeId> {
        let i = next_index(&self.arena.opaques)?;
        self.arena.opaques.push(OpaqueNode::new(class, how, args));
        self.arena.push(Node::Opaque(i))
    }

    fn name_of(&self, global: NodeId) -> String {
        match self.arena.global(global) {
            Some(g) => format!("{}.{}", self.arena.text(g.module), self.arena.text(g.name)),
            None => "an unnamed callable".into(),
        }
    }

    fn bytes_call(&mut self, args: &[NodeId]) -> Result<NodeId> {
        match *args {
            [] => self.arena.push(Node::Bytes(Data::Input(&[]))),
            [a] => match self.arena.node(a) {
                Node::Bytes(_) => Ok(a),
                Node::ByteArray(d) => self.arena.push(Node::Bytes(d)),
                _ => Err(Error::unsupported("bytes made from something else than bytes")),
            },
            _ => self.encode_call(args),
        }
    }

    fn bytearray_call(&mut self, args: &[NodeId]) -> Result<NodeId> {
        let data = match *args {
            [] => Data::Input(&[]),
            [a] => match self.arena.node(a) {
                Node::Bytes(d) | Node::ByteArray(d) | Node::Py2Str(d) => d,
                _ => return Err(Error::unsupported("a bytearray made from something else than bytes")),
            },
            _ => match self.encode_call(args).map(|id| self.arena.node(id))? {
                Node::Bytes(d) => d,
                _ => return Err(Error::invalid("no bytes")),
            },
        };
        self.arena.push(Node::ByteArray(data))
    }

    /// `_codecs.encode(text, 'latin1')`, the spelling of bytes in protocols 0 to 2.
    fn encode_call(&mut self, args: &[NodeId]) -> Result<NodeId> {
        let &[text, codec] = args else {
            return Err(Error::unsupported("an encoding with other arguments than text and codec"));
        };
        if !matches!(self.arena.as_text(codec), Some("latin1" | "latin-1" | "iso-8859-1")) {
            return Err(Error::unsupported("an encoding other than Latin-1"));
        }
        if let Some(&done) = self.encoded.get(&text) {
            return Ok(done);
        }
        let (data, long) = match self.arena.node(text) {
            Node::Py2Str(d) => (d, false),
            Node::Str(crate::node::Text::Input(s)) if s.is_ascii() => {
                (Data::Input(s.as_bytes()), s.len() > 64)
            }
            Node::Str(t) => {
                let bytes: Option<Vec<u8>> =
                    self.arena.text(t).chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
                let bytes = bytes.ok_or_else(|| Error::invalid("text that Latin-1 cannot hold"))?;
                (self.arena.make_bytes(&bytes)?, true)
            }
            _ => return Err(Error::invalid("an encoding of something that is not text")),
        };
        let id = self.arena.push(Node::Bytes(data))?;
        // The same text encoded again gives the same node: a short pickle cannot make much of one long string.
        if long {
            self.encoded.insert(text, id);
        }
        Ok(id)
    }

    fn complex_call(&mut self, args: &[NodeId]) -> Result<NodeId> {
        let &[re, im] = args else {
            return Err(Error::unsupported("a complex number not made from two parts"));
        };
        let parts = self.float(re).zip(self.float(im));
        let (re, im) = parts.ok_or_else(|| Error::invalid("a part of a complex number is not a number"))?;
        let i = next_index(&self.arena.complexes)?;
        self.arena.complexes.push([re, im]);
        self.arena.push(Node::Complex(i))
    }

    /// The items of the one sequence that a set is made from, copied: the sequence may change later.
    fn items_of_argument(&mut self, args: &[NodeId]) -> Result<Links> {
        match *args {
            [] => Ok(Links::default()),
            [a] => match self.arena.node(a) {
                Node::List(l) | Node::Tuple { items: l, .. } | Node::Set(l) | Node::FrozenSet(l) => {
                    self.arena.copy_links(l)
                }
                _ => Err(Error::unsupported("a set made from something else than a sequence")),
            },
            _ => Err(Error::invalid("a set made from several things")),
        }
    }

    /// The pairs of an ordered dict's argument: a list of pairs (Python 2), or nothing.
    fn pairs_of_argument(&mut self, args: &[NodeId]) -> Result<Links> {
        let bad = || Error::invalid("an OrderedDict not made from a list of pairs");
        let list = match *args {
            [] => return Ok(Links::default()),
            [a] => match self.arena.node(a) {
                Node::List(l) | Node::Tuple { items: l, .. } => l,
                _ => return Err(bad()),
            },
            _ => return Err(bad()),
        };
        let mut flat = Vec::new();
        for &pair in self.arena.links(list) {
            let (Node::List(l) | Node::Tuple { items: l, .. }) = self.arena.node(pair) else {
                return Err(bad());
            };
            let &[key, value] = self.arena.links(l) else { return Err(bad()) };
            self.check_key(key)?;
            flat.extend([key, value]);
        }
        let pairs = self.arena.link(&flat)?;
        self.arena.charge_links(pairs)?;
        Ok(pairs)
    }

    fn check_hashable(&self, items: Links) -> Result<()> {
        self.arena.links(items).iter().try_for_each(|&i| self.check_key(i))
    }

    fn time_call(&mut self, known: Known, args: &[NodeId]) -> Result<Moment> {
        let bad = || Error::invalid("a date or time not in its packed form");
        if known == Known::TimeDelta {
            let parts: Option<Vec<i64>> = args.iter().map(|&a| self.arena.as_int(a)).collect();
            return match parts.as_deref() {
                Some(&[d, s, us]) => time::delta(d, s, us),
                _ => Err(Error::unsupported("a timedelta not made from days, seconds and microseconds")),
            };
        }
        let (&first, rest) = args.split_first().ok_or_else(bad)?;
        let second = match *rest {
            [] => None,
            [second] => Some(second),
            _ => return Err(bad()),
        };
        if known == Known::TimeZone {
            let Node::Time(i) = self.arena.node(first) else { return Err(bad()) };
            let offset = self.arena.times.get(i as usize).copied().ok_or_else(bad)?;
            if second.is_some_and(|n| self.arena.as_text(n).is_none()) {
                return Err(bad());
            }
            return time::zone(offset, second);
        }
        let zone = second.filter(|&z| !matches!(self.arena.node(z), Node::None));
        let mut packed = [0u8; 10];
        let n = self.packed(first, &mut packed).ok_or_else(bad)?;
        let packed = packed.get(..n).unwrap_or_default();
        match known {
            Known::Date if second.is_none() => {
                Ok(Moment::Date(Date::unpack(packed.try_into().map_err(|_| bad())?)?))
            }
            Known::Time => Ok(Moment::Time(Clock::unpack(packed.try_into().map_err(|_| bad())?)?, zone)),
            Known::DateTime => {
                let (date, clock) = time::unpack_datetime(packed.try_into().map_err(|_| bad())?)?;
                Ok(Moment::DateTime(date, clock, zone))
            }
            _ => Err(bad()),
        }
    }

    /// Up to ten bytes, which Python 2 wrote as a string and Python 3 reads as Latin-1.
    fn packed(&self, id: NodeId, out: &mut [u8; 10]) -> Option<usize> {
        let mut n = 0;
        let mut push = |b: u8| {
            *out.get_mut(n)? = b;
            n += 1;
            Some(())
        };
        match self.arena.node(id) {
            Node::Bytes(d) | Node::Py2Str(d) => self.arena.bytes(d).iter().try_for_each(|&b| push(b))?,
            Node::Str(t) => {
                self.arena.text(t).chars().try_for_each(|c| push(u8::try_from(u32::from(c)).ok()?))?;
            }
            _ => return None,
        }
        Some(n)
    }
}
