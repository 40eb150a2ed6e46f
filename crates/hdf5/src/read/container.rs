//! A file as the tree that every container presents.

use super::{File, attribute, bookkeeping, once, regions, stream, walk};
use hyperslab_core::container::{Bookkeeping, StoredAttribute, Stream};
use hyperslab_core::walk::Visit;
use hyperslab_core::{ArrayOptions, Container, Limits, LinkTo, Node, Result, Selection, Source, Value, View};

impl Container for File<'_> {
    fn format(&self) -> &'static str {
        "hdf5"
    }

    fn nodes(&self, path: &str, depth: Option<u32>, attributes: bool, limits: &Limits) -> Result<Vec<Node>> {
        self.settled_nodes(|| walk::nodes(self, path, depth, attributes, limits))
    }

    fn once(&self, path: &str, limits: &Limits) -> Result<Vec<Node>> {
        self.settled_nodes(|| once::objects(self, &[path], false, limits))
    }

    fn bookkeeping(&self, path: &str, limits: &Limits) -> Result<Bookkeeping> {
        let cx = self.context(limits);
        let read = || {
            let (object, cx) = walk::resolve(cx, path)?;
            bookkeeping::of(cx, &object).map_err(|e| cx.place(e))
        };
        self.settled(read).map_err(self.place(path))
    }

    fn user_block(&self, limits: &Limits) -> Result<Vec<u8>> {
        let (mut bytes, _reservation) = limits.vec(self.base())?;
        bytes.resize(usize::try_from(self.base()).unwrap_or(0), 0);
        self.extent()?.0.read_exact_at(0, &mut bytes)?;
        Ok(bytes)
    }

    fn stream<'a>(&'a self, path: &str, limits: &'a Limits) -> Result<Option<Box<dyn Stream + 'a>>> {
        let cx = self.context(limits);
        let layout = self.settled(|| {
            let (dataset, cx) = self.dataset(cx, path)?;
            dataset.check_plausible(cx.source.len()?)?;
            dataset.chunk_layout()
        });
        let layout = layout.map_err(self.place(path))?;
        match layout.filter(stream::Layout::is_wide) {
            Some(layout) => Ok(Some(Box::new(stream::Wide::new(self, path, layout, limits)?))),
            None => Ok(None),
        }
    }

    fn storage(&self, path: &str, limits: &Limits) -> Result<ArrayOptions> {
        let cx = self.context(limits);
        let read = || {
            let (dataset, cx) = self.dataset(cx, path)?;
            dataset.storage(cx).map_err(|e| cx.place(e))
        };
        self.settled(read).map_err(self.place(path))
    }

    fn stored_attributes<'a>(
        &'a self,
        path: &str,
        limits: &Limits,
    ) -> Result<Vec<(String, StoredAttribute<'a>)>> {
        let cx = self.context(limits);
        let read = || {
            let (object, cx) = walk::resolve(cx, path)?;
            attribute::stored(cx, &object).map_err(|e| cx.place(e))
        };
        self.settled(read).map_err(self.place(path))
    }

    fn link(&self, path: &str, limits: &Limits) -> Result<Option<LinkTo>> {
        let cx = self.context(limits);
        let read = || walk::link(cx, path);
        self.settled(read).map_err(self.place(path))
    }

    fn walk(&self, limits: &Limits, visit: Visit<'_>) -> Result<()> {
        regions::walk(self, limits, visit)
    }

    fn read<'a>(&'a self, path: &str, selection: &Selection, limits: &Limits) -> Result<View<'a>> {
        File::read(self, path, selection, limits)
    }

    fn attributes(&self, path: &str, limits: &Limits) -> Result<Vec<(String, Value)>> {
        File::attributes(self, path, limits)
    }

    fn attribute(&self, path: &str, name: &str, limits: &Limits) -> Result<Value> {
        File::attribute(self, path, name, limits)
    }
}
