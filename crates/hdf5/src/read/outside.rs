//! Links and attributes that lie outside their object's header, as the messages that they would be in it: for the
//! append machinery, which copies headers.

use super::File;
use super::dense::{FractalHeap, Records};
use hyperslab_core::{Error, Limits, Result, Source};

/// Calls `f` with the body of each message in dense storage and where it lies in the file.
pub(crate) fn messages(
    source: &dyn Source,
    heap: u64,
    tree: u64,
    limits: &Limits,
    f: &mut dyn FnMut(&[u8], u64) -> Result<()>,
) -> Result<()> {
    let file = File::from_source(source)?;
    let cx = file.context(limits);
    let mut heap = FractalHeap::open(cx, heap)?;
    Records::open(cx, tree)?.all(&mut |id, shared, _| {
        if shared {
            return Err(Error::unsupported("an attribute in a table of shared messages").at(tree));
        }
        heap.object(id, |body, at| {
            limits.count_objects(1)?;
            f(body, at)
        })
    })
}
