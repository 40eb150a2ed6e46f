//! What several filters share: streams of bits, transposed bytes and bits, LZ codecs.

pub(super) mod bits;
pub(super) mod blosc;
pub(super) mod blosc_pack;
mod blosclz;
pub(super) mod lz4;
mod spare;
pub(super) mod transpose;
pub(super) mod zstd;
