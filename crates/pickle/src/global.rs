//! Names that a pickle refers to: the allow-list, and the names of Python 2.
//!
//! A name on the list has a meaning in `reduce.rs`; it is matched as a whole pair of module and name, never by
//! prefix (NumPy has functions that run commands). Every other name is unknown.

use crate::node::Text;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Global<'a> {
    pub(crate) module: Text<'a>,
    pub(crate) name: Text<'a>,
    pub(crate) known: Known,
    /// Where its opcode stands.
    pub(crate) at: u64,
}

/// What a name on the allow-list stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// Not on the list.
    Unknown,
    /// A builtin type that occurs as a bare name, for instance the factory of a default dict.
    Type,
    Bytes,
    ByteArray,
    Complex,
    Set,
    FrozenSet,
    OrderedDict,
    DefaultDict,
    /// `_codecs.encode`: how protocols 0 to 2 spell bytes.
    Encode,
    DateTime,
    Date,
    Time,
    TimeDelta,
    TimeZone,
    Dtype,
    NdArray,
    /// `_reconstruct`: an empty array that `BUILD` fills.
    Reconstruct,
    /// `_frombuffer`: protocol 5's array.
    FromBuffer,
    /// `scalar(dtype, bytes)`.
    Scalar,
    /// A NumPy scalar type called with a Python value; its description.
    ScalarType(&'static str),
}

pub(crate) fn lookup(module: &str, name: &str) -> Known {
    match (module, name) {
        ("builtins", _) => match name {
            "bytes" => Known::Bytes,
            "bytearray" => Known::ByteArray,
            "complex" => Known::Complex,
            "set" => Known::Set,
            "frozenset" => Known::FrozenSet,
            "object" | "bool" | "int" | "float" | "str" | "list" | "tuple" | "dict" => Known::Type,
            _ => Known::Unknown,
        },
        ("collections", "OrderedDict") => Known::OrderedDict,
        ("collections", "defaultdict") => Known::DefaultDict,
        ("_codecs", "encode") => Known::Encode,
        ("datetime", "datetime") => Known::DateTime,
        ("datetime", "date") => Known::Date,
        ("datetime", "time") => Known::Time,
        ("datetime", "timedelta") => Known::TimeDelta,
        ("datetime", "timezone") => Known::TimeZone,
        ("numpy", "dtype") => Known::Dtype,
        ("numpy", "ndarray") => Known::NdArray,
        ("numpy", _) => scalar_type(name).map_or(Known::Unknown, Known::ScalarType),
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Known::Reconstruct,
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Known::Scalar,
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Known::FromBuffer,
        _ => Known::Unknown,
    }
}

/// The description of a NumPy scalar type whose size its name fixes on every platform.
fn scalar_type(name: &str) -> Option<&'static str> {
    Some(match name {
        "bool" | "bool_" => "|b1",
        "int8" => "|i1",
        "int16" => "<i2",
        "int32" => "<i4",
        "int64" => "<i8",
        "uint8" => "|u1",
        "uint16" => "<u2",
        "uint32" => "<u4",
        "uint64" => "<u8",
        "float16" => "<f2",
        "float32" => "<f4",
        "float64" => "<f8",
        "complex64" => "<c8",
        "complex128" => "<c16",
        "bytes_" | "string_" => "|S0",
        "str_" | "unicode_" => "<U0",
        "datetime64" => "<M8",
        "timedelta64" => "<m8",
        _ => return None,
    })
}

/// The Python 3 name of a Python 2 global, for pickles of protocols 0 to 2.
///
/// The pairs and modules of CPython's `_compat_pickle` that a data file may name; windows, sockets and web
/// clients are left out, and stay under their old names.
pub(crate) fn modernize<'m, 'n>(module: &'m str, name: &'n str) -> Option<(Renamed<'m>, Renamed<'n>)> {
    let pair = match (module, name) {
        ("__builtin__", "xrange") => ("builtins", "range"),
        ("__builtin__", "unicode" | "basestring") => ("builtins", "str"),
        ("__builtin__", "long") => ("builtins", "int"),
        ("__builtin__", "unichr") => ("builtins", "chr"),
        ("__builtin__", "reduce") => ("functools", "reduce"),
        ("__builtin__", "intern") => ("sys", "intern"),
        ("itertools", "izip") => ("builtins", "zip"),
        ("itertools", "imap") => ("builtins", "map"),
        ("itertools", "ifilter") => ("builtins", "filter"),
        ("itertools", "izip_longest") => ("itertools", "zip_longest"),
        ("itertools", "ifilterfalse") => ("itertools", "filterfalse"),
        ("UserDict", "IterableUserDict" | "UserDict") => ("collections", "UserDict"),
        ("exceptions", "StandardError") => ("builtins", "Exception"),
        _ => {
            let module = match module {
                "__builtin__" | "exceptions" => "builtins",
                "copy_reg" => "copyreg",
                "cPickle" => "pickle",
                "Queue" => "queue",
                "ConfigParser" => "configparser",
                "repr" => "reprlib",
                "thread" => "_thread",
                "StringIO" | "cStringIO" => "io",
                "UserDict" | "UserList" | "UserString" => "collections",
                "_abcoll" => "collections.abc",
                "commands" => "subprocess",
                "urllib2" => "urllib.request",
                _ => return None,
            };
            return Some((Renamed::To(module), Renamed::Same(name)));
        }
    };
    Some((Renamed::To(pair.0), Renamed::To(pair.1)))
}

/// One half of a renamed global.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renamed<'a> {
    To(&'static str),
    Same(&'a str),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_whole() {
        assert_eq!(lookup("numpy", "dtype"), Known::Dtype);
        assert_eq!(lookup("numpy._core.numeric", "_frombuffer"), Known::FromBuffer);
        for (m, n) in [
            ("numpy.f2py.diagnose", "run_command"),
            ("numpy", "ndarray.__new__"),
            ("numpy", "load"),
            ("builtins", "eval"),
            ("builtins", "getattr"),
            ("os", "system"),
            ("numpy.core", "multiarray.scalar"),
        ] {
            assert_eq!(lookup(m, n), Known::Unknown, "{m}.{n}");
        }
    }

    #[test]
    fn python_2_names() {
        assert_eq!(modernize("__builtin__", "set"), Some((Renamed::To("builtins"), Renamed::Same("set"))));
        assert_eq!(modernize("__builtin__", "long"), Some((Renamed::To("builtins"), Renamed::To("int"))));
        assert_eq!(modernize("numpy", "dtype"), None);
    }
}
