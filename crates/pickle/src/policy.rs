//! What happens to a global that is not on the allow-list.

/// How to treat names that this crate does not know.
///
/// Under either policy nothing is imported and nothing is called: a name is only a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Policy {
    /// An unknown global is an error that names it and its byte offset.
    #[default]
    Strict,
    /// An unknown global, and whatever is made from it, is an inert record of its name, arguments and state.
    Inspect,
}
