//! A loaded pickle, looked at node by node.
//!
//! Nodes refer to one another by [`NodeId`]: equal ids are the same object, and a walk may meet cycles. What walks
//! a whole pickle keeps its own bounds, as `value.rs` and `repr.rs` do: a short pickle can describe a tree without
//! end.

use crate::node::{Arena, Node, NodeId, Text};
use crate::numpy::{ArrayNode, Elements, Layout};
use crate::opaque::How;
use crate::time::{self, Moment};
use hyperslab_core::{Dtype, Error, Result, Shape, View};
use num_bigint::BigInt;

/// A loaded pickle: nodes over its bytes.
pub struct Pickle<'a> {
    pub(crate) arena: Arena<'a>,
    pub(crate) root: NodeId,
    pub(crate) protocol: u8,
    pub(crate) consumed: usize,
}

/// One node, with what it refers to.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Item<'p> {
    /// `None`.
    None,
    /// A bool.
    Bool(bool),
    /// An integer of 64 bits.
    Int(i64),
    /// A larger integer.
    BigInt(&'p BigInt),
    /// A float.
    Float(f64),
    /// Real and imaginary part.
    Complex(f64, f64),
    /// Text.
    Str(&'p str),
    /// Text with lone surrogates, in UTF-8 extended to them.
    Surrogates(&'p [u8]),
    /// Bytes.
    Bytes(&'p [u8]),
    /// A byte array.
    ByteArray(&'p [u8]),
    /// A Python 2 `str`: bytes in an encoding that nothing tells.
    Py2Str(&'p [u8]),
    /// A list.
    List(&'p [NodeId]),
    /// A tuple.
    Tuple(&'p [NodeId]),
    /// A set.
    Set(&'p [NodeId]),
    /// A frozen set.
    FrozenSet(&'p [NodeId]),
    /// A dict; keys and values in turn.
    Dict(&'p [NodeId]),
    /// A `collections.OrderedDict`; keys and values in turn.
    OrderedDict(&'p [NodeId]),
    /// A `collections.defaultdict`: keys and values in turn, and its factory.
    DefaultDict(&'p [NodeId], NodeId),
    /// A value of `datetime`: its class, and its text as `isoformat` or, for a duration, as
    /// `days:seconds:microseconds`. The zone is separate.
    Time(TimeItem),
    /// A NumPy dtype.
    Dtype(&'p Dtype),
    /// A NumPy array; [`Pickle::view`] gives its elements.
    Array(&'p Dtype, &'p Shape),
    /// A NumPy array of Python objects, in C order.
    ObjectArray(&'p Dtype, &'p Shape, &'p [NodeId]),
    /// A NumPy scalar; [`Pickle::view`] gives it as an array of rank 0.
    Scalar(&'p Dtype, &'p [u8]),
    /// A name: module and name in it.
    Global(&'p str, &'p str),
    /// An object of a class that is not read, as the record of its making.
    Opaque(OpaqueItem<'p>),
}

/// A value of Python's `datetime` module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeItem(pub(crate) Moment);

/// How an unknown object would be made.
#[derive(Clone, Copy, Debug)]
pub struct OpaqueItem<'p> {
    /// Its class or the callable that makes it.
    pub class: NodeId,
    /// In which way.
    pub how: How,
    /// Positional arguments.
    pub args: &'p [NodeId],
    /// Keyword arguments, a dict.
    pub kwargs: Option<NodeId>,
    /// What it is then told to restore.
    pub state: Option<NodeId>,
    /// What is appended to it.
    pub items: &'p [NodeId],
    /// What is set in it, keys and values in turn.
    pub pairs: &'p [NodeId],
}

impl<'a> Pickle<'a> {
    /// The object that the pickle is of.
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// The protocol that the pickle announces; 0 when it does not.
    pub fn protocol(&self) -> u8 {
        self.protocol
    }

    /// Bytes read, up to and with `STOP`: another pickle may follow.
    pub fn consumed(&self) -> usize {
        self.consumed
    }

    /// Number of nodes; every [`NodeId::index`] is below it.
    pub fn node_count(&self) -> usize {
        self.arena.nodes.len()
    }

    /// A node. An id of another pickle gives some node or `None`, never a panic.
    #[inline]
    pub fn get(&self, id: NodeId) -> Item<'_> {
        let a = &self.arena;
        // What most nodes are is told where it is asked; the rest would make every place that asks large.
        match a.node(id) {
            Node::Int(i) => Item::Int(i),
            Node::Float(f) => Item::Float(f),
            Node::Str(Text::Input(text)) => Item::Str(text),
            Node::Tuple { items, .. } => Item::Tuple(a.links(items)),
            node => self.other(node),
        }
    }

    fn other(&self, node: Node<'a>) -> Item<'_> {
        let a = &self.arena;
        match node {
            Node::None => Item::None,
            Node::Bool(b) => Item::Bool(b),
            Node::Int(i) => Item::Int(i),
            Node::BigInt(i) => a.big_ints.get(i as usize).map_or(Item::None, Item::BigInt),
            Node::Float(f) => Item::Float(f),
            Node::Complex(i) => {
                let [re, im] = a.complexes.get(i as usize).copied().unwrap_or_default();
                Item::Complex(re, im)
            }
            Node::Str(t) => Item::Str(a.text(t)),
            Node::Surrogates(d) => Item::Surrogates(a.bytes(d)),
            Node::Bytes(d) => Item::Bytes(a.bytes(d)),
            Node::ByteArray(d) => Item::ByteArray(a.bytes(d)),
            Node::Py2Str(d) => Item::Py2Str(a.bytes(d)),
            Node::List(l) => Item::List(a.links(l)),
            Node::Tuple { items, .. } => Item::Tuple(a.links(items)),
            Node::Set(l) => Item::Set(a.links(l)),
            Node::FrozenSet(l) => Item::FrozenSet(a.links(l)),
            Node::Dict(l) => Item::Dict(a.links(l)),
            Node::OrderedDict(l) => Item::OrderedDict(a.links(l)),
            Node::DefaultDict(l, factory) => Item::DefaultDict(a.links(l), factory),
            Node::Time(i) => a.times.get(i as usize).map_or(Item::None, |t| Item::Time(TimeItem(*t))),
            Node::Dtype(i) => a.dtypes.get(i as usize).map_or(Item::None, |d| Item::Dtype(&d.dtype)),
            Node::Array(i) => match a.array(i) {
                Some(ArrayNode { dtype, shape, data: Elements::Objects(l), .. }) => {
                    Item::ObjectArray(dtype, shape, a.links(*l))
                }
                Some(n) => Item::Array(&n.dtype, &n.shape),
                None => Item::None,
            },
            Node::Scalar(i) => match a.scalars.get(i as usize) {
                Some(s) => Item::Scalar(&s.dtype, a.bytes(s.data)),
                None => Item::None,
            },
            Node::Global(i) => match a.globals.get(i as usize) {
                Some(g) => Item::Global(a.text(g.module), a.text(g.name)),
                None => Item::None,
            },
            Node::Opaque(i) => match a.opaques.get(i as usize) {
                Some(o) => Item::Opaque(OpaqueItem {
                    class: o.class,
                    how: o.how,
                    args: a.links(o.args),
                    kwargs: o.kwargs,
                    state: o.state,
                    items: a.links(o.items),
                    pairs: a.links(o.pairs),
                }),
                None => Item::None,
            },
        }
    }

    /// The value under a text key of a dict; `None` when there is none, and for what is no dict. Takes time by the
    /// number of keys.
    pub fn entry(&self, dict: NodeId, key: &str) -> Option<NodeId> {
        let (Item::Dict(pairs) | Item::OrderedDict(pairs) | Item::DefaultDict(pairs, _)) = self.get(dict)
        else {
            return None;
        };
        pairs.as_chunks::<2>().0.iter().find(|[k, _]| self.arena.as_text(*k) == Some(key)).map(|&[_, v]| v)
    }

    /// The elements of an array, or a scalar as an array of rank 0, over the pickle's bytes.
    ///
    /// # Errors
    /// `Usage` for any other node, `Unsupported` for an array of objects.
    pub fn view(&self, id: NodeId) -> Result<View<'_>> {
        match self.arena.node(id) {
            Node::Array(i) => match self.arena.array(i) {
                Some(array) => self.array_view(array),
                None => Err(Error::usage("not an array")),
            },
            Node::Scalar(i) => match self.arena.scalars.get(i as usize) {
                Some(s) => View::new(s.dtype.clone(), Shape::default(), self.arena.bytes(s.data)),
                None => Err(Error::usage("not a scalar")),
            },
            _ => Err(Error::usage("not an array")),
        }
    }

    /// The class of an unknown object as `module.Name`: what its maker makes, where the maker is one of Python's
    /// own go-betweens (`copyreg._reconstructor`, `getattr`, `functools.partial`, an array's `_reconstruct`).
    pub fn class_name(&self, object: OpaqueItem<'_>) -> String {
        let mut object = object;
        // A go-between may name another; a pickle can chain them without end.
        for _ in 0..4 {
            let first = object.args.first().map(|&a| self.get(a));
            let next = match (self.get(object.class), first) {
                (Item::Global("copyreg", "_reconstructor" | "__newobj__" | "__newobj_ex__"), Some(first)) => {
                    first
                }
                (Item::Global(_, "_reconstruct" | "_mareconstruct"), Some(first)) => first,
                (Item::Global("builtins", "getattr"), Some(Item::Global(m, n))) => {
                    let attribute = match object.args.get(1).map(|&a| self.get(a)) {
                        Some(Item::Str(s)) => s,
                        _ => "?",
                    };
                    return format!("{m}.{n}.{attribute}");
                }
                // The state of a partial is (function, arguments, keywords, attributes); the first argument of a
                // `__new__` is the class.
                (Item::Global("functools", "partial"), _) => match self.tuple(object.state).get(1) {
                    Some(&args) => match self.tuple(Some(args)).first() {
                        Some(&class) => self.get(class),
                        None => return "functools.partial".into(),
                    },
                    None => return "functools.partial".into(),
                },
                (class, _) => class,
            };
            match next {
                Item::Global(module, name) => return format!("{module}.{name}"),
                Item::Opaque(o) => object = o,
                _ => break,
            }
        }
        "unknown".into()
    }

    /// How many types a dtype mentions.
    pub(crate) fn dtype_weight(&self, id: NodeId) -> u64 {
        match self.arena.node(id) {
            Node::Dtype(i) => self.arena.dtypes.get(i as usize).map_or(1, |d| d.weight.into()),
            _ => 1,
        }
    }

    fn tuple(&self, id: Option<NodeId>) -> &[NodeId] {
        match id.map(|id| self.get(id)) {
            Some(Item::Tuple(items)) => items,
            _ => &[],
        }
    }

    fn array_view(&self, array: &ArrayNode<'a>) -> Result<View<'_>> {
        let Elements::Bytes(data) = array.data else {
            return Err(Error::unsupported("an array of Python objects has no bytes"));
        };
        let data = self.arena.bytes(data);
        let (dtype, shape) = (array.dtype.clone(), array.shape.clone());
        match &array.layout {
            Layout::Dense(order) => View::with_order(dtype, shape, *order, data),
            Layout::Permuted(axes) => {
                // The bytes lie in C order of the axes as named: dimension i of the array is dimension axes[i].
                let mut strides = vec![0i64; axes.len()];
                let mut step = dtype.itemsize();
                for dim in (0..axes.len()).rev() {
                    let i = axes.iter().position(|&a| usize::from(a) == dim);
                    if let Some((s, &d)) = i.and_then(|i| Some((strides.get_mut(i)?, shape.get(i)?))) {
                        *s = i64::try_from(step).map_err(|_| Error::invalid("an array too large"))?;
                        step = step.saturating_mul(d.max(1));
                    }
                }
                View::strided(dtype, shape, &strides, 0, data)
            }
        }
    }
}

impl std::fmt::Debug for Pickle<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pickle({} nodes)", self.node_count())
    }
}

impl TimeItem {
    /// The class in `datetime`.
    pub fn class(&self) -> &'static str {
        match self.0 {
            Moment::Date(_) => "date",
            Moment::Time(..) => "time",
            Moment::DateTime(..) => "datetime",
            Moment::Delta { .. } => "timedelta",
            Moment::Zone(..) => "timezone",
        }
    }

    /// As `isoformat` writes it, without the zone; `days:seconds:microseconds` for a duration; the offset for a
    /// zone.
    pub fn text(&self) -> String {
        match self.0 {
            Moment::Date(d) => d.to_string(),
            Moment::Time(c, _) => c.to_string(),
            Moment::DateTime(d, c, _) => format!("{d}T{c}"),
            Moment::Delta { days, seconds, microseconds } => format!("{days}:{seconds}:{microseconds}"),
            Moment::Zone(offset, _) => time::offset_text(offset),
        }
    }

    /// The zone of a time, the name of a zone.
    pub fn zone(&self) -> Option<NodeId> {
        match self.0 {
            Moment::Time(_, z) | Moment::DateTime(_, _, z) | Moment::Zone(_, z) => z,
            _ => None,
        }
    }

    /// Whether it is the second of two equal readings of a clock that was set back.
    pub fn fold(&self) -> bool {
        matches!(self.0, Moment::Time(c, _) | Moment::DateTime(_, c, _) if c.fold)
    }
}
