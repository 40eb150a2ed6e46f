//! An open text file: a container of one array. Opening it counts the elements: what is small is parsed and kept, of
//! what is large the rest is counted by its separators and parsed when it is read.

use super::Layout;
use super::parser::{self, WINDOW};
use super::read::{self, Elements, Parts};
use crate::dense;
use bytes::Bytes;
use hyperslab_core::container::{Container, Node, Stream};
use hyperslab_core::{Limits, Order, Result, Selection, Shape, Source, Value, View};

/// Elements of up to this many bytes are kept.
const KEPT: usize = 16 << 20;

/// An open text file: a container of one array, at the path `""`.
///
/// ```
/// use hyperslab_core::{Container, Dtype, Limits, Selection, source::SliceSource};
/// use hyperslab_npy::text::{Layout, Text};
///
/// let limits = Limits::default();
/// let layout = Layout::new(Dtype::I64, " ".parse()?);
/// let text = Text::open(SliceSource(b"1 2\n3 4\n"), layout, &limits)?;
/// assert_eq!(text.shape()[..], [4]);
/// assert_eq!(text.read("", &"[1:3]".parse()?, &limits)?.to_vec::<i64>()?, [2, 3]);
/// # Ok::<(), hyperslab_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Text<S> {
    source: S,
    layout: Layout,
    shape: Shape,
    /// The elements, when they are few.
    kept: Option<Bytes>,
}

impl<S: Source> Text<S> {
    /// Counts the elements of a text. One that is large is not checked to its end: that is done when it is read.
    ///
    /// # Errors
    /// As [`read`](super::read).
    pub fn open(source: S, layout: Layout, limits: &Limits) -> Result<Text<S>> {
        let (shape, kept) = scan(&source, &layout, limits).map_err(|e| dense::named(e, &source))?;
        Ok(Text { source, layout, shape, kept })
    }

    /// The shape that follows from layout and number of elements.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    fn whole(&self, limits: &Limits) -> Result<View<'_>> {
        match &self.kept {
            Some(bytes) => {
                let Layout { dtype, order, .. } = &self.layout;
                View::with_order(dtype.clone(), self.shape.clone(), *order, bytes.clone())
            }
            None => read::whole(&self.source, &self.layout, WINDOW, limits),
        }
    }
}

/// Shape, and elements when they are few.
fn scan<S: Source>(source: &S, layout: &Layout, limits: &Limits) -> Result<(Shape, Option<Bytes>)> {
    let mut parser = parser::open(source, layout, WINDOW, limits)?;
    let mut kept = Some(Elements::new(limits)?);
    let mut more = true;
    while more {
        more = parser.next(&mut |parts| {
            let bytes: usize = parts.iter().map(|part| part.len()).sum();
            drop(kept.take_if(|elements| elements.len() + bytes > KEPT));
            kept.as_mut().map_or(Ok(()), |elements| elements.extend(parts))
        })?;
        if more && kept.is_none() && parser.skim()? {
            break;
        }
    }
    let shape = layout.resolve(parser.found())?;
    Ok((shape, kept.map(Elements::into_shared)))
}

impl<S: Source> Container for Text<S> {
    fn format(&self) -> &'static str {
        "text"
    }

    fn nodes(
        &self,
        path: &str,
        _depth: Option<u32>,
        _attributes: bool,
        _limits: &Limits,
    ) -> Result<Vec<Node>> {
        dense::only_root(path)?;
        let mut node = Node::array("", self.layout.dtype.clone(), self.shape.clone());
        node.layout = Some("text".into());
        node.stored_bytes = Some(self.source.len().map_err(|e| dense::named(e, &self.source))?);
        Ok(vec![node])
    }

    fn read<'a>(&'a self, path: &str, selection: &Selection, limits: &Limits) -> Result<View<'a>> {
        dense::only_root(path)?;
        self.whole(limits).and_then(|view| view.select(selection)).map_err(|e| dense::named(e, &self.source))
    }

    fn stream<'a>(&'a self, path: &str, limits: &'a Limits) -> Result<Option<Box<dyn Stream + 'a>>> {
        dense::only_root(path)?;
        let in_order = self.layout.order == Order::C || self.shape.len() < 2;
        if self.kept.is_some() || !in_order {
            // Elements in Fortran order are only there together.
            let whole = self.whole(limits).map_err(|e| dense::named(e, &self.source))?;
            return Ok(Some(Box::new(Whole(Some(whole)))));
        }
        Ok(Some(Box::new(Parts::new(&self.source, &self.layout, self.shape.count()?, limits)?)))
    }

    fn attributes(&self, path: &str, _limits: &Limits) -> Result<Vec<(String, Value)>> {
        dense::only_root(path)?;
        Ok(Vec::new())
    }
}

/// All elements as one part.
struct Whole<'a>(Option<View<'a>>);

impl Stream for Whole<'_> {
    fn next_part(&mut self) -> Result<Option<View<'_>>> {
        Ok(self.0.take())
    }
}
