//! Two containers compared: which nodes, types, shapes, attributes and values differ, where and by how much.
//!
//! Nodes are matched by path, whatever the container writes before it: the key `x` of an NPZ is `/x` of an HDF5
//! file. An array without a name (a file that is one array, a target that names one) is matched with the only array
//! of the other side, whatever it is called. Groups that exist only because something lies in them are no difference,
//! nor is the way in which elements are stored. Nothing is held in memory but the parts of two arrays.

mod element;
mod extended;
mod nodes;
mod number;
mod values;

use crate::target::Place;
use crate::{Container, Dtype, Error, Limits, NodeKind, Result, Shape, Value, json, same};
use number::Number;
use serde_json::{Map, Value as Json};
use std::path::Path;
pub use values::Found;

/// What counts as different.
#[derive(Clone, Debug, Default)]
pub struct DiffOptions {
    /// Absolute tolerance of numbers: `|a - b| <= atol + rtol * |b|`.
    pub atol: f64,
    /// Tolerance relative to the number in the second container.
    pub rtol: f64,
    /// Not-a-number equals not-a-number, also not-a-time.
    pub equal_nan: bool,
    /// What listing each side may use.
    pub listing: Limits,
    /// What reading may use.
    pub limits: Limits,
}

impl DiffOptions {
    /// Whether numbers may differ a little, and be of different types.
    pub fn is_tolerant(&self) -> bool {
        self.atol > 0.0 || self.rtol > 0.0
    }
}

/// One of the two things that are compared.
#[derive(Clone, Copy)]
pub struct Side<'s> {
    /// Where it is.
    pub container: &'s dyn Container,
    /// What of it.
    pub place: &'s Place,
    /// The file's name, for messages.
    pub file: &'s Path,
}

/// What is different about a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// Only the first container has it.
    OnlyInA,
    /// Only the second container has it.
    OnlyInB,
    /// One is a group and the other an array, ..
    Kind,
    /// Element types differ in more than byte order.
    Dtype,
    /// Extents differ.
    Shape,
    /// Links point elsewhere.
    Target,
    /// Attributes of one name have different values.
    Attribute,
    /// Elements differ.
    Values,
}

impl What {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            What::OnlyInA => "only-in-a",
            What::OnlyInB => "only-in-b",
            What::Kind => "kind",
            What::Dtype => "dtype",
            What::Shape => "shape",
            What::Target => "target",
            What::Attribute => "attribute",
            What::Values => "values",
        }
    }
}

/// What one side has.
#[derive(Debug)]
#[non_exhaustive]
pub enum Facet {
    /// The kind of node.
    Kind(NodeKind),
    /// The element type.
    Dtype(Dtype),
    /// The extents; `None` for a null dataspace.
    Shape(Option<Shape>),
    /// Where a link points.
    Target(String),
    /// An attribute's value.
    Value(Value),
    /// One element.
    Element(Dtype, Value),
}

/// One difference.
#[derive(Debug)]
pub struct Difference {
    /// The node's path in the container that has it (the first, where both do); of an attribute `PATH@NAME`.
    pub path: String,
    /// What differs.
    pub what: What,
    /// What either side has; `None` where only one has anything.
    pub sides: Option<(Facet, Facet)>,
    /// Where and how much, where elements differ.
    pub found: Option<Found>,
}

impl Difference {
    fn new(path: impl Into<String>, what: What) -> Difference {
        Difference { path: path.into(), what, sides: None, found: None }
    }

    fn of(path: impl Into<String>, what: What, a: Facet, b: Facet) -> Difference {
        Difference { sides: Some((a, b)), ..Difference::new(path, what) }
    }

    /// An entry of `slab diff --json`; keys that do not apply are absent.
    ///
    /// # Errors
    /// What writing a value as JSON reports.
    pub fn to_json(&self, limits: &Limits) -> Result<Json> {
        let mut o = Map::new();
        o.insert("path".into(), self.path.clone().into());
        o.insert("what".into(), self.what.name().into());
        if let Some((a, b)) = &self.sides {
            o.insert("a".into(), a.to_json(limits)?);
            o.insert("b".into(), b.to_json(limits)?);
        }
        if let Some(found) = &self.found {
            o.insert("index".into(), found.index.to_vec().into());
            o.insert("count".into(), found.count.into());
            o.insert("total".into(), found.total.into());
            for (key, value) in [("max_abs", found.max_abs), ("max_rel", found.max_rel)] {
                if let Some(v) = value {
                    o.insert(key.into(), json::float(v));
                }
            }
        }
        Ok(Json::Object(o))
    }
}

impl Facet {
    fn to_json(&self, limits: &Limits) -> Result<Json> {
        Ok(match self {
            Facet::Kind(kind) => crate::ls::kind(*kind).into(),
            Facet::Dtype(dtype) => dtype.to_json(),
            Facet::Shape(shape) => serde_json::json!(shape.as_ref().map(|s| s.to_vec())),
            Facet::Target(text) => text.clone().into(),
            Facet::Value(value) => json::shown(value, limits)?,
            Facet::Element(dtype, value) => json::element(dtype, value, limits)?,
        })
    }
}

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order of the first container; what only the second one has comes last.
    pub differences: Vec<Difference>,
    /// What could not be read or compared.
    pub errors: Vec<Error>,
    /// Nodes that both sides have and that were compared.
    pub compared: u64,
}

impl Report {
    /// Whether everything was compared and nothing differs.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty() && self.errors.is_empty()
    }

    /// The document of `slab diff --json`.
    ///
    /// # Errors
    /// What writing a value as JSON reports.
    pub fn to_json(&self, limits: &Limits) -> Result<Json> {
        let differences = self.differences.iter().map(|d| d.to_json(limits)).collect::<Result<Vec<_>>>()?;
        let errors: Vec<String> = self.errors.iter().map(ToString::to_string).collect();
        let mut document = serde_json::json!({
            "equal": self.is_equal(), "differences": differences, "compared": self.compared,
        });
        if let (false, Some(o)) = (errors.is_empty(), document.as_object_mut()) {
            o.insert("errors".into(), errors.into());
        }
        Ok(document)
    }
}

/// Compares two places; `progress` is told of decoded bytes as they come.
///
/// What cannot be read is in the report, and everything else is compared all the same.
///
/// ```
/// use hyperslab::diff::{DiffOptions, Side, What, diff};
/// use hyperslab::{Place, View};
/// # let dir = tempfile::tempdir().unwrap();
/// # let (one, two) = (dir.path().join("one.npy"), dir.path().join("two.npy"));
/// hyperslab::npy::npy::save(&one, &View::from_slice([2, 2], &[1.0, 2.0, 3.0, 4.0])?, false)?;
/// hyperslab::npy::npy::save(&two, &View::from_slice([2, 2], &[1.0, 2.0, 3.5, 4.0])?, false)?;
///
/// let (a, b, whole) = (hyperslab::open(&one)?, hyperslab::open(&two)?, Place::default());
/// let a = Side { container: &*a, place: &whole, file: &one };
/// let b = Side { container: &*b, place: &whole, file: &two };
/// let report = diff(a, b, &DiffOptions::default(), &mut |_| {})?;
/// let found = report.differences[0].found.as_ref().unwrap();
/// assert_eq!((&found.index[..], found.max_abs), (&[1, 0][..], Some(0.5)));
/// # Ok::<(), hyperslab::Error>(())
/// ```
///
/// # Errors
/// What listing either container reports; `Usage` for a slice of many arrays, and for an attribute that is compared
/// with something else.
pub fn diff(
    a: Side<'_>,
    b: Side<'_>,
    options: &DiffOptions,
    progress: &mut dyn FnMut(u64),
) -> Result<Report> {
    match (&a.place.attribute, &b.place.attribute) {
        (None, None) => nodes::compare(a, b, options, progress),
        (Some(x), Some(y)) => {
            let one = |side: Side<'_>, name: &str| {
                let read = side.container.attribute(&side.place.path, name, &options.limits);
                read.map_err(|e| e.file(side.file))
            };
            let mut report = Report { compared: 1, ..Report::default() };
            let path = format!("{}@{x}", a.place.path);
            attribute(path, one(a, x)?, one(b, y)?, options, &mut report);
            Ok(report)
        }
        _ => Err(Error::usage("an attribute is compared with an attribute")),
    }
}

/// Two attributes of one name.
fn attribute(path: String, a: Value, b: Value, options: &DiffOptions, report: &mut Report) {
    if !(same::value(&a, &b) || (options.is_tolerant() && near(&a, &b, options))) {
        report.differences.push(Difference::of(path, What::Attribute, Facet::Value(a), Facet::Value(b)));
    }
}

/// Whether two values are the same but for numbers that are near each other.
fn near(a: &Value, b: &Value, options: &DiffOptions) -> bool {
    let tree = |v: &Value| match v {
        Value::Array(view) => crate::scalar::tree(view, &options.limits).ok(),
        _ => None,
    };
    match (tree(a), tree(b)) {
        (None, None) => {}
        (x, y) => return near(x.as_ref().unwrap_or(a), y.as_ref().unwrap_or(b), options),
    }
    match (a, b) {
        (Value::List(_, x), Value::List(_, y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(v, w)| near(v, w, options))
        }
        (Value::Map(x), Value::Map(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|((k, v), (l, w))| k == l && near(v, w, options))
        }
        _ => match (Number::of_value(a), Number::of_value(b)) {
            (Some(x), Some(y)) => x.differs(y, options).is_none(),
            _ => same::value(a, b),
        },
    }
}
