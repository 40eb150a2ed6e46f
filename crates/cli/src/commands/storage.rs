//! The options that say how arrays are stored.

use hyperslab::hdf5::write::Libver;
use hyperslab::{ArrayLayout, ArrayOptions, Shape};

/// Compression, and chunks where a container has them.
#[derive(Debug, clap::Args)]
pub(crate) struct Storage {
    /// Deflate level of NPZ members and HDF5 chunks
    #[arg(long, value_name = "LEVEL", value_parser = clap::value_parser!(u32).range(1..=9))]
    gzip: Option<u32>,
    /// Compress HDF5 chunks by LZF: faster, larger, read by h5py
    #[arg(long, conflicts_with = "gzip")]
    lzf: bool,
    /// Compress HDF5 chunks by LZ4: fast, read where the plugins of hdf5plugin are
    #[arg(long, conflicts_with_all = ["gzip", "lzf"])]
    lz4: bool,
    /// Compress HDF5 chunks by Zstandard, at its fastest; read where the plugins of hdf5plugin are
    #[arg(long, conflicts_with_all = ["gzip", "lzf", "lz4"])]
    zstd: bool,
    /// Shuffle the bytes of elements before they are compressed
    #[arg(long)]
    shuffle: bool,
    /// Add a checksum to every HDF5 chunk
    #[arg(long)]
    fletcher32: bool,
    /// Extents of an HDF5 chunk, for example 1000,100 or 1000x100; 'auto' chooses them
    #[arg(long, value_name = "SHAPE", value_parser = chunks)]
    chunks: Option<Chunks>,
}

/// The versions of HDF5 that a file can be for.
pub(crate) fn libver() -> impl clap::builder::TypedValueParser<Value = Libver> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(Libver::NAMES.map(|(name, _)| name)).map(|s| s.parse().unwrap_or_default())
}

/// Given or chosen.
#[derive(Clone, Debug)]
struct Chunks(Option<Shape>);

fn chunks(text: &str) -> Result<Chunks, String> {
    if text == "auto" {
        return Ok(Chunks(None));
    }
    let extents = text.split([',', 'x']).map(|t| t.trim().parse().ok().filter(|&n: &u64| n > 0));
    let shape = extents.collect::<Option<Shape>>();
    shape.map(|s| Chunks(Some(s))).ok_or_else(|| "is not like 1000,100 or auto".into())
}

impl Storage {
    /// What is asked for.
    pub(crate) fn options(&self) -> ArrayOptions {
        ArrayOptions {
            deflate: self.gzip,
            lzf: self.lzf,
            lz4: self.lz4,
            zstd: self.zstd.then_some(1),
            shuffle: self.shuffle,
            fletcher32: self.fletcher32,
            chunks: self.chunks.as_ref().and_then(|c| c.0.clone()),
            layout: if self.chunks.is_some() { ArrayLayout::Chunked } else { ArrayLayout::Usual },
            ..ArrayOptions::default()
        }
    }
}
