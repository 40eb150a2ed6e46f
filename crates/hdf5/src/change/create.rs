//! What is new in a file that exists: groups, datasets and links, made by the writer of new files.

use super::Change;
use crate::Writer;
use crate::append::Storage;
use crate::read::walk;
use crate::write::part::{Made, Part};
use crate::write::{Libver, check_link};
use hyperslab_core::{ArrayOptions, AsView, ContainerWriter, Dtype, Error, LinkTo, Result, Value, View};

impl<S: Storage> Change<S> {
    /// Makes a group and its parents; a group that is there stays as it is.
    ///
    /// # Errors
    /// `Usage` when a dataset has the name, or it cannot be stored; `Unsupported` for headers that cannot be changed;
    /// `Invalid`, `Io`.
    pub fn group(&mut self, path: &str) -> Result<()> {
        self.settle()?;
        let made = self.split(path).and_then(|(group, rest)| match rest.is_empty() {
            true if self.is_group(path)? => Ok(()),
            true => Err(Error::usage("a dataset has the name")),
            false => self.make(group, true, |w| w.group(&rest).map(drop)),
        });
        made.map_err(|e| self.place(e, path))
    }

    /// Writes a new dataset, in parents that are made where they are missing.
    ///
    /// # Errors
    /// `Usage` when the name is taken or cannot be stored, or the options do not go together; `Unsupported` for types
    /// that are not written; `Invalid`, `Limit`, `Io`.
    pub fn put(&mut self, path: &str, array: &(impl AsView + ?Sized), options: &ArrayOptions) -> Result<()> {
        let view = array.as_view()?;
        self.new_at(path, |w, rest| ContainerWriter::array(w, rest, &view, options))
    }

    /// Makes what gets a new name: `make` is given a writer for the deepest group of the path that is there, and the
    /// rest of the path.
    fn new_at(&mut self, path: &str, make: impl FnOnce(&mut Writer, &str) -> Result<()>) -> Result<()> {
        self.settle()?;
        let made = self.split(path).and_then(|(group, rest)| match rest.is_empty() {
            true => Err(Error::usage("the name is taken")),
            false => self.make(group, true, |w| make(w, &rest)),
        });
        made.map_err(|e| self.place(e, path))
    }

    /// Adds to a group what a writer makes: everything that it has, with its attributes, appears at once, but that a
    /// group in the format of HDF5 before 1.8 gets its names one after another. References of the new elements lead to
    /// what is made with them, by the path that it has for the writer, or else to an object of this file by its path.
    ///
    /// # Errors
    /// As [`Change::put`], and what `make` returns.
    pub fn add(&mut self, group: &str, make: impl FnOnce(&mut Writer) -> Result<()>) -> Result<()> {
        self.settle()?;
        let made = self.address(group).and_then(|address| self.make(address, false, make));
        made.map_err(|e| self.place(e, group))
    }

    /// Gives an object one more name: both are as good.
    ///
    /// # Errors
    /// `Usage` when the object is not there, or the name is taken or cannot be stored; otherwise as [`Change::group`].
    pub fn hard_link(&mut self, path: &str, target: &str) -> Result<()> {
        self.settle()?;
        self.link_hard(path, target).map_err(|e| self.place(e, path))
    }

    fn link_hard(&mut self, path: &str, target: &str) -> Result<()> {
        let object = self.address(target)?;
        let (group, name) = self.free_name(path)?;
        let names = [(name, Made::Object(object))];
        // Whether it can be done is found before the names are counted.
        self.plan_links(group, &names, self.plan())?;
        self.count_links(object, 1)?;
        self.add_links(group, &names, self.plan())
    }

    /// Makes a name that leads to a path of this file, where something may or may not be.
    ///
    /// # Errors
    /// `Usage` when the name is taken or cannot be stored, or the group is not there; otherwise as [`Change::group`].
    pub fn soft_link(&mut self, path: &str, target: &str) -> Result<()> {
        self.link_to(path, LinkTo::Soft(target.to_owned()))
    }

    /// Makes a name that leads to a path of another file, whose name is looked for beside this one.
    ///
    /// # Errors
    /// As [`Change::soft_link`].
    pub fn external_link(&mut self, path: &str, file: &str, target: &str) -> Result<()> {
        self.link_to(path, LinkTo::External { file: file.to_owned(), path: target.to_owned() })
    }

    fn link_to(&mut self, path: &str, to: LinkTo) -> Result<()> {
        self.settle()?;
        let mut made = || {
            let texts = match &to {
                LinkTo::Soft(target) => vec![target.as_str()],
                LinkTo::External { file, path } => vec![file.as_str(), path.as_str()],
            };
            let (group, name) = self.free_name(path)?;
            check_link(&name, &texts)?;
            self.add_links(group, &[(name, Made::Link(to.clone()))], self.plan())
        };
        made().map_err(|e| self.place(e, path))
    }

    /// Takes a name away. What it led to stays in the file as unused space, unless it has another name.
    ///
    /// # Errors
    /// `Usage` when it is not there; otherwise as [`Change::group`].
    pub fn remove(&mut self, path: &str) -> Result<()> {
        self.settle()?;
        self.remove_name(path).map_err(|e| self.place(e, path))
    }

    fn remove_name(&mut self, path: &str) -> Result<()> {
        let path = path.trim_end_matches('/');
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.is_empty() {
            return Err(Error::usage("the root group cannot be taken away"));
        }
        let group = self.address(parent)?;
        let (plan, object) = self.plan_removal(group, name)?;
        let others = object.map_or(Ok(0), |o| self.links_of(o))? > 1;
        self.commit(plan)?;
        match object.filter(|_| others) {
            Some(object) => self.count_links(object, -1),
            None => Ok(()),
        }
    }

    /// New objects are made of what the file's own can be made of.
    fn libver(&self) -> Libver {
        if self.superblock.version < 2 { Libver::Earliest } else { Libver::V110 }
    }

    /// Makes new objects and the names that lead to them in a group. References of theirs lead to objects of this file
    /// and, unless they are `only` meant to, to new ones.
    fn make(&mut self, group: u64, only: bool, make: impl FnOnce(&mut Writer) -> Result<()>) -> Result<()> {
        let mut plan = self.plan();
        let start = plan.aligned()?;
        let find = |path: &str| self.address(path).ok();
        let (part, names) = Part::tree(start, self.libver(), &find, only, make)?;
        plan.add(part)?;
        self.add_links(group, &names, plan)
    }

    /// The deepest group of a path that is there, and the names below it that are not.
    fn split(&self, path: &str) -> Result<(u64, String)> {
        let names: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
        let file = self.file()?;
        let (mut address, mut there) = (file.superblock().root, 0);
        for n in 1..=names.len() {
            let above = names.get(..n).unwrap_or_default().join("/");
            let Some((object, cx)) = walk::find(file.context(&self.limits), &above)? else { break };
            if cx.nested > 0 {
                return Err(Error::usage("an external link leads there, into another file"));
            }
            (address, there) = (object.address, n);
        }
        Ok((address, names.get(there..).unwrap_or_default().join("/")))
    }

    fn is_group(&self, path: &str) -> Result<bool> {
        let file = self.file()?;
        let (object, _) = walk::resolve(file.context(&self.limits), path)?;
        Ok(walk::kind(&object) == walk::Kind::Group)
    }

    /// The group that is to get a name, and the name, which is free.
    fn free_name(&self, path: &str) -> Result<(u64, String)> {
        let path = path.trim_end_matches('/');
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.is_empty() || matches!(name, "." | "..") || name.contains('\0') {
            return Err(Error::usage(format!("{name:?} cannot be the name of an HDF5 object")));
        }
        check_link(name, &[])?;
        let address = self.address(parent)?;
        if !self.is_group(parent)? {
            return Err(Error::usage("a dataset stands where a group is needed"));
        }
        let file = self.file()?;
        let cx = file.context(&self.limits);
        let group = crate::read::object::Object::read(cx, address)?;
        match crate::read::group::find(cx, &group, name)? {
            Some(_) => Err(Error::usage(format!("the name {name:?} is taken"))),
            None => Ok((address, name.to_owned())),
        }
    }
}

impl<S: Storage> ContainerWriter for Change<S> {
    fn group(&mut self, path: &str) -> Result<()> {
        Change::group(self, path)
    }

    fn array(&mut self, path: &str, view: &View<'_>, options: &ArrayOptions) -> Result<()> {
        self.put(path, view, options)
    }

    fn attribute(&mut self, path: &str, name: &str, value: &Value) -> Result<()> {
        self.settle()?;
        self.set_attribute(path, name, value).map_err(|e| self.place(e, &format!("{path}@{name}")))
    }

    fn null(&mut self, path: &str, dtype: &Dtype, options: &ArrayOptions) -> Result<bool> {
        self.new_at(path, |w, rest| w.null(rest, dtype, options).map(drop))?;
        Ok(true)
    }

    fn named_type(&mut self, path: &str, dtype: &Dtype) -> Result<bool> {
        self.new_at(path, |w, rest| w.named_type(rest, dtype))?;
        Ok(true)
    }

    fn link(&mut self, path: &str, to: &LinkTo) -> Result<bool> {
        self.link_to(path, to.clone()).map(|()| true)
    }

    fn finish(self: Box<Self>) -> Result<()> {
        Change::finish(*self)
    }
}
