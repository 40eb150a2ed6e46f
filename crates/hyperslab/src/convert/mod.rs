//! Any container to any other, with its metadata: lossless, or refused with the reason.
//!
//! The new file is written aside, opened again and compared with what was read (dtype, shape and digest of every
//! array, every attribute) before it appears under its name.

mod nan;
mod numpy;
mod plan;
mod raw_members;
mod references;
mod stored;
mod verify;

use crate::create::{CreateOptions, Output, create};
use crate::hdf5::write::Libver;
use crate::npy::text::{Format, Separator};
use crate::npy::{NpzWriter, filename};
use crate::output::Unfinished;
use crate::target::Place;
use crate::{
    ArrayLayout, ArrayOptions, Container, Dtype, Error, Kind, Limits, Result, ResultExt, Value, cast,
    objects, scalar, sidecar,
};
use plan::{Attribute, Plan};
use raw_members::RawMembers;
use references::{Nowhere, told_nowhere};
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use verify::Written;

/// The level of what is deflated again: zlib's and NumPy's default.
const DEFAULT_LEVEL: u32 = 6;

/// How to convert.
#[derive(Clone, Debug, Default)]
pub struct ConvertOptions {
    /// The container to write; the extension of the new file's name says it otherwise.
    pub output: Option<Output>,
    /// Replace a file that is there.
    pub replace: bool,
    /// Leave out or simplify what the new container cannot hold; what was lost is in the report.
    pub allow_loss: bool,
    /// How arrays are stored.
    pub array: ArrayOptions,
    /// Write variable-length elements to NPY and NPZ as Python objects.
    pub objects: bool,
    /// What stands between two elements of a text; by the name's extension otherwise.
    pub sep: Option<Separator>,
    /// How the elements of a text are printed.
    pub format: Format,
    /// The type to which all elements are converted.
    pub astype: Option<Dtype>,
    /// Deflate what was deflated before, where [`ConvertOptions::array`] does not say how; in HDF5, which keeps chunks
    /// and filters anyway, refuse those that cannot be kept.
    pub keep_compression: bool,
    /// Store without compression in an HDF5 file what was compressed in another.
    pub uncompressed: bool,
    /// Names what has none: the array of a file that is one array.
    pub name: String,
    /// Put dtype and shape into the name of a raw file.
    pub name_scheme: bool,
    /// HDF5 versions whose readers the file is for.
    pub libver: Libver,
    /// What reading may use.
    pub limits: Limits,
}

/// What a conversion did.
#[derive(Debug)]
pub struct Converted {
    /// The new file.
    pub path: PathBuf,
    /// Its container.
    pub output: Output,
    /// Arrays written.
    pub arrays: usize,
    /// Attributes written.
    pub attributes: usize,
    /// Bytes of the arrays.
    pub bytes: u64,
    /// What the new file does not say, though nothing of the data is missing: a name that has no place.
    pub notes: Vec<String>,
    /// What was lost, where that was allowed.
    pub lost: Vec<String>,
}

/// Writes what `place` names in `input` to a new file; `metadata` is added to it.
///
/// Metadata goes to the array where there is one, and to the root otherwise.
///
/// ```
/// use hyperslab::{ConvertOptions, Place, Value, View, convert};
/// # let dir = tempfile::tempdir().unwrap();
/// # let (npy, npz) = (dir.path().join("x.npy"), dir.path().join("x.npz"));
/// hyperslab::npy::npy::save(&npy, &View::from_slice([3], &[1.0, 2.0, 3.0])?, false)?;
/// let options = ConvertOptions { name: "x".into(), ..ConvertOptions::default() };
/// let added = vec![("unit".to_owned(), Value::from("mm"))];
/// convert(&*hyperslab::open(&npy)?, &Place::default(), &npz, added, &options)?;
///
/// let npz = hyperslab::open(&npz)?;
/// assert_eq!(npz.attribute("x", "unit", &options.limits)?, Value::from("mm"));
/// # Ok::<(), hyperslab::Error>(())
/// ```
///
/// # Errors
/// `Unsupported` for what the new container cannot hold, where loss is not allowed; `Usage` when the file exists or
/// holds more than one array for a container of one; what reading and writing report.
pub fn convert(
    input: &dyn Container,
    place: &Place,
    out: impl AsRef<Path>,
    metadata: Vec<(String, Value)>,
    options: &ConvertOptions,
) -> Result<Converted> {
    convert_with(input, place, out.as_ref(), metadata, &BTreeSet::new(), options)
}

/// The same, with some arrays written as raw members of an NPZ.
pub(crate) fn convert_with(
    input: &dyn Container,
    place: &Place,
    out: &Path,
    metadata: Vec<(String, Value)>,
    raw: &BTreeSet<String>,
    options: &ConvertOptions,
) -> Result<Converted> {
    let mut out = out.to_path_buf();
    let output = match (options.output, options.name_scheme) {
        (Some(output), _) => output,
        (None, true) => Output::Raw,
        (None, false) => Output::of_name(&out)?,
    };
    if !options.name_scheme {
        free(&out, output, options.replace)?;
    }
    if options.libver != Libver::default() && output != Output::Hdf5 {
        return Err(Error::usage("only HDF5 has a libver"));
    }
    let mut plan = Plan::make(input, place, output, options)?;
    plan.add(metadata)?;
    if let Some(dtype) = &options.astype {
        plan.arrays.iter_mut().for_each(|a| a.dtype = dtype.clone());
    }
    if options.name_scheme {
        out = scheme(&out, output, &plan)?;
        free(&out, output, options.replace)?;
    }
    let (_aside, made) = aside_of(&out)?;
    let (written, lost, notes) = (Vec::new(), Vec::new(), Vec::new());
    let mut job = Job { input, output, options, plan: &plan, raw, written, lost, notes, bytes: 0 };
    job.write(place, &made).map_err(|e| about(e, &made, &out))?;
    let Job { written, mut lost, mut notes, bytes, .. } = job;
    let same = verify::check(&made, output, &written, &plan, &options.limits);
    match same.map_err(|e| about(e, &made, &out)) {
        Err(e) if output == Output::Text && e.kind() != Kind::Io => match options.allow_loss {
            true => lost.push(format!("the text does not give the same elements back: {}", e.message())),
            false => {
                let what = format!("the text would not give the same elements back: {}", e.message());
                let is_bool = plan.arrays.iter().any(|a| a.dtype == Dtype::Bool);
                let e = Error::unsupported(what).file(&out);
                return Err(e.hint(match is_bool && options.format == Format::default() {
                    true => "--format %d writes 0 and 1; --allow-loss writes it as it is",
                    false => "--allow-loss writes it all the same",
                }));
            }
        },
        checked => checked?,
    }
    put_in_place(&made, &out, output, options.replace)?;
    lost.extend(plan.lost);
    notes.splice(..0, plan.notes);
    Ok(Converted {
        path: out,
        output,
        arrays: written.iter().filter(|w| w.array.is_some()).count(),
        attributes: written.iter().map(|w| w.attributes.len()).sum(),
        bytes,
        notes,
        lost,
    })
}

/// Checks that a file, and what lies beside it, may be written.
pub(crate) fn free(out: &Path, output: Output, replace: bool) -> Result<()> {
    let beside = output.has_sidecar().then(|| sidecar::path_of(out));
    for file in [Some(out), beside.as_deref()].into_iter().flatten() {
        crate::output::place(file, replace)?;
    }
    Ok(())
}

/// Whether an attribute belongs to HDF5's dimension scales and holds references (HDF5 Dimension Scale Specification).
fn is_scale(name: &str) -> bool {
    matches!(name, "DIMENSION_LIST" | "REFERENCE_LIST")
}

fn exists(file: &Path) -> Error {
    Error::usage("already exists").file(file).hint("use --force to replace it")
}

/// The directory of a file.
fn parent(path: &Path) -> Option<&Path> {
    match path.parent()? {
        p if p.as_os_str().is_empty() => Some(Path::new(".")),
        p => Some(p),
    }
}

/// A directory for the new file, on the same file system as its place.
fn aside(dir: &Path) -> std::io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix(".slab-").tempdir_in(dir)
}

/// Where a new file is written before it gets its name; the directory is removed when it is dropped.
pub(crate) fn aside_of(out: &Path) -> Result<((tempfile::TempDir, Unfinished), PathBuf)> {
    let (Some(dir), Some(name)) = (parent(out), out.file_name()) else {
        return Err(Error::usage("is not a file name").file(out));
    };
    if !dir.is_dir() {
        return Err(Error::usage(format!("there is no folder {}", dir.display())).file(out));
    }
    // The name of a file that is made on the way is of no use to anybody.
    let aside = aside(dir).map_err(|e| Error::io(e.kind().into(), "cannot create").file(out))?;
    let made = aside.path().join(name);
    let listed = Unfinished::new(aside.path());
    Ok(((aside, listed), made))
}

/// Names the file as the user knows it, not the one written aside.
fn about(e: Error, made: &Path, out: &Path) -> Error {
    match e.file_path() == Some(made) {
        true => e.renamed(out),
        false => e,
    }
}

/// Moves the new file to its name, and before it the metadata beside it.
pub(crate) fn put_in_place(made: &Path, out: &Path, output: Output, replace: bool) -> Result<()> {
    if output.has_sidecar() {
        let (made, out) = (sidecar::path_of(made), sidecar::path_of(out));
        if made.is_file() {
            rename(&made, &out, replace)?;
        } else if replace && out.is_file() {
            // The metadata of the array that is replaced is not that of the new one.
            std::fs::remove_file(&out).map_err(|e| Error::io(e, "cannot remove").file(&out))?;
        }
    }
    rename(made, out, replace)
}

fn rename(made: &Path, out: &Path, replace: bool) -> Result<()> {
    let out = &crate::output::place(out, replace)?;
    crate::output::keep_permissions(made, out)?;
    let made =
        tempfile::TempPath::try_from_path(made).map_err(|e| Error::io(e, "cannot rename").file(out))?;
    let done = if replace { made.persist(out) } else { made.persist_noclobber(out) };
    done.map_err(|e| match e.error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(out),
        _ => Error::io(e.error, "cannot put the new file in place").file(out),
    })
}

/// `out_int32_4_5.dat` for `out.dat`.
fn scheme(out: &Path, output: Output, plan: &Plan) -> Result<PathBuf> {
    if output != Output::Raw {
        return Err(Error::usage("only the name of a raw file says what is in it"));
    }
    let Some(array) = plan.arrays.first() else { return Err(Error::usage("there is no array to write")) };
    if Output::of_name(out).is_ok_and(|named| named != Output::Raw) {
        return Err(Error::usage("the name ends as another container's")
            .file(out)
            .hint("a raw file ends in .dat, .bin, .raw or .data"));
    }
    let stem = out.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let extension = out.extension().and_then(|s| s.to_str()).unwrap_or(output.extension());
    let (dtype, shape) = (&array.dtype, &array.shape);
    Ok(out.with_file_name(filename::format(stem, dtype, shape, extension)?))
}

/// One conversion under way.
struct Job<'c> {
    input: &'c dyn Container,
    output: Output,
    options: &'c ConvertOptions,
    plan: &'c Plan,
    /// Arrays that are raw members.
    raw: &'c BTreeSet<String>,
    written: Vec<Written>,
    lost: Vec<String>,
    notes: Vec<String>,
    bytes: u64,
}

impl Job<'_> {
    fn write(&mut self, place: &Place, made: &Path) -> Result<()> {
        let plan = self.plan;
        let create_options = CreateOptions {
            pack: plan.pack,
            objects: self.options.objects,
            named: self.options.name_scheme,
            sep: self.options.sep.clone(),
            format: self.options.format.clone(),
            libver: self.options.libver,
            replace: false,
        };
        let mut writer = match self.raw.is_empty() {
            true => create(made, self.output, &create_options)?,
            false => Box::new(RawMembers { npz: NpzWriter::create(made, false)?, names: self.raw.clone() }),
        };
        if self.output == Output::Hdf5 && place.path.trim_matches('/').is_empty() {
            let block = self.input.user_block(&self.options.limits)?;
            if !block.is_empty() {
                writer.user_block(&block)?;
            }
        }
        for group in &plan.groups {
            writer.group(group)?;
        }
        for named in &plan.types {
            writer.named_type(&named.to, &named.dtype)?;
            self.written.push(Written::group(&named.to));
            self.attributes(&mut *writer, &named.to)?;
        }
        for null in &plan.nulls {
            let mut how = ArrayOptions::default();
            if let Ok(kept) = self.input.storage(&null.from, &self.options.limits) {
                how.layout = if kept.layout == ArrayLayout::Compact { kept.layout } else { how.layout };
                how.named_type = self.named(&null.from, kept.named_type.as_deref());
                how.fill = self.moved_fill(kept.fill)?;
                (how.allocation, how.fill_time) = (kept.allocation, kept.fill_time);
            }
            writer.null(&null.to, &null.dtype, &how)?;
            self.written.push(Written::null(&null.to, &null.dtype));
            self.attributes(&mut *writer, &null.to)?;
        }
        for array in &plan.arrays {
            let view = self.input.read(&array.from, &place.selection, &self.options.limits)?;
            let view = match &self.options.astype {
                Some(dtype) => cast::cast(&view, dtype, &self.options.limits).in_object(&array.from)?,
                None => view,
            };
            let nowhere = Nowhere::default();
            let view = match self.output {
                Output::Hdf5 => self.below(view, &nowhere),
                Output::Npy | Output::Npz if self.options.objects && objects::is_storable(view.dtype()) => {
                    view
                }
                _ => {
                    let (view, lost) = numpy::storable(view, self.options.allow_loss, &self.options.limits)
                        .in_object(&array.from)?;
                    self.lost.extend(lost.map(|l| format!("{}: {l}", array.from)));
                    match self.output {
                        Output::Text => nan::plain(view, &self.options.limits)?,
                        _ => view,
                    }
                }
            };
            let how = self.how(array, &view, place.selection.is_all())?;
            writer.array(&array.to, &view, &how)?;
            self.lost.extend(told_nowhere(&array.from, &nowhere));
            self.bytes = self.bytes.saturating_add(view.nbytes());
            self.written.push(Written::array(&array.to, &view)?);
            // The metadata of an NCO follows its array.
            self.attributes(&mut *writer, &array.to)?;
            if place.selection.is_all() && self.options.astype.is_none() {
                self.extension(&mut *writer, &array.from, &array.to)?;
            }
        }
        for (path, to) in &plan.links {
            writer.link(path, to)?;
        }
        for (path, of) in &plan.names {
            writer.hard_link(path, of)?;
        }
        let arrays: HashSet<&str> = plan.arrays.iter().map(|a| a.to.as_str()).collect();
        for group in plan.groups.iter().map(String::as_str).chain([""]) {
            if !arrays.contains(group) {
                self.written.push(Written::group(group));
                self.attributes(&mut *writer, group)?;
            }
        }
        if self.output == Output::Hdf5 {
            for (to, from) in &plan.sources {
                writer.bookkeeping(to, &self.input.bookkeeping(from, &self.options.limits)?)?;
            }
        }
        writer.finish()
    }

    /// Carries what the file says of an array beside its metadata, where the new one has a place for it. Of a part of
    /// the array, or of other values, it says nothing.
    fn extension(&mut self, writer: &mut dyn crate::ContainerWriter, from: &str, to: &str) -> Result<()> {
        let fields = self.input.extension(from, &self.options.limits)?;
        if !fields.is_empty() && !writer.extension(to, &fields)? {
            let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            let of = if from.is_empty() { String::new() } else { format!(" of {from:?}") };
            self.notes
                .push(format!("the extension block{of} has no place in the new file: {}", names.join(", ")));
        }
        Ok(())
    }

    /// Hangs the attributes of one node.
    fn attributes(&mut self, writer: &mut dyn crate::ContainerWriter, to: &str) -> Result<()> {
        let plan = self.plan;
        let mut stored = match plan.sources.get(to).filter(|_| self.output == Output::Hdf5) {
            Some(from) => self.input.stored_attributes(from, &self.options.limits)?,
            None => Vec::new(),
        };
        for Attribute { name, value, added, .. } in plan.attributes_of(to) {
            if !added && let Some(i) = stored.iter().position(|(n, _)| n == name) {
                let (_, mut kept) = stored.swap_remove(i);
                kept.named_type = self.named(&format!("{to}@{name}"), kept.named_type.as_deref());
                let nowhere = Nowhere::default();
                kept.elements = kept.elements.map(|view| self.below(view, &nowhere));
                let others = self.options.allow_loss || !plan.prefix.is_empty();
                let moved = kept.elements.as_ref().filter(|v| others && v.dtype().has_references());
                let moved = moved.map(|view| scalar::tree(view, &self.options.limits)).transpose()?;
                match writer.stored_attribute(to, name, &kept) {
                    Ok(true) => {
                        self.lost.extend(told_nowhere(&format!("{to}@{name}"), &nowhere));
                        self.wrote(name, moved);
                        continue;
                    }
                    Ok(false) => {}
                    // As a value it may still be written.
                    Err(e) if e.kind() == Kind::Unsupported => {}
                    Err(e) => return Err(e),
                }
            }
            let mut simple = None;
            let mut result = writer.attribute(to, name, value);
            let refused = |r: &Result<()>| r.as_ref().is_err_and(|e| e.kind() == Kind::Unsupported);
            if refused(&result) && self.options.allow_loss && self.output == Output::Hdf5 && is_scale(name) {
                // Libraries take what has this name for references, whatever it is.
                self.lost.push(format!("{to}@{name}: references between dimensions; it is left out"));
                continue;
            }
            if refused(&result) && self.options.allow_loss {
                let why = result.as_ref().err().map(|e| e.message().to_owned()).unwrap_or_default();
                let value = simple.insert(numpy::simpler(value, self.output, &self.options.limits)?);
                result = writer.attribute(to, name, value);
                let now = if refused(&result) { "it is left out" } else { "it is kept in a simpler form" };
                self.lost.push(format!("{to}@{name}: {why}; {now}"));
                if refused(&result) {
                    continue;
                }
            }
            result.map_err(|e| match e.kind() {
                Kind::Unsupported => e.hint("--allow-loss simplifies it or leaves it out"),
                _ => e,
            })?;
            self.wrote(name, simple);
        }
        Ok(())
    }

    fn wrote(&mut self, name: &str, simple: Option<Value>) {
        if let Some(written) = self.written.last_mut() {
            written.attributes.push((name.to_owned(), simple));
        }
    }
}
