//! Objects of classes that are not on the allow-list, kept as records of how they would have been made.

use crate::node::{Links, NodeId};

/// Which way of making an object the pickle asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// A call: `callable(*args)`.
    Reduce,
    /// `cls.__new__(cls, *args)`.
    NewObj,
    /// `cls.__new__(cls, *args, **kwargs)`.
    NewObjEx,
    /// Protocol 0's instance of a class with arguments.
    Inst,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct OpaqueNode {
    /// The callable or class: a global, or the opaque result of `getattr` or `functools.partial`.
    pub(crate) class: NodeId,
    pub(crate) how: How,
    pub(crate) args: Links,
    pub(crate) kwargs: Option<NodeId>,
    pub(crate) state: Option<NodeId>,
    /// What was appended to it.
    pub(crate) items: Links,
    /// What was set in it, keys and values in turn.
    pub(crate) pairs: Links,
}

impl OpaqueNode {
    pub(crate) fn new(class: NodeId, how: How, args: Links) -> OpaqueNode {
        OpaqueNode {
            class,
            how,
            args,
            kwargs: None,
            state: None,
            items: Links::default(),
            pairs: Links::default(),
        }
    }
}
