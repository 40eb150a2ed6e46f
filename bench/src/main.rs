//! Our side of `cargo xtask bench`: `hyperslab-bench OPERATION DIR` times one operation on the data in `DIR` and
//! prints `{"samples": [seconds, ..]}`, with a peer inside this program also `"peer": [..]`, and perhaps a `"note"`. The
//! other peers' side is `peers/*.py`; which operation stands beside which is in `xtask/src/bench/rows/`.

mod cache;
mod hdf5;
mod hdf5_write;
mod image;
mod log;
mod log_read;
mod log_tools;
mod nco;
mod npy;
mod packets;
mod pickle;
mod text;
mod time;

use std::path::Path;

use hyperslab_core::codec::deflate::Backend;
use std::process::ExitCode;

/// A benchmark fails with a text for a person.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("hyperslab-bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let [operation, folder] = args else { return Err("usage: hyperslab-bench OPERATION DIR".into()) };
    let folder = Path::new(folder);
    let samples = match operation.as_str() {
        // What peers read and we write.
        "prepare" => {
            image::prepare(folder)?;
            return packets::prepare(folder);
        }
        // These have their peer, a memcpy, in this program.
        "image-serialize-fresh" => return print(image::serialize_fresh(folder)?),
        "image-serialize-warm" => return print(image::serialize_warm(folder)?),
        "image-parts-sized" => return print(image::parts_sized()?),
        "image-view-sized" => return print(image::view_sized()?),
        "image-deserialize" => {
            return print_noted((image::deserialize(folder)?, "HDF5.jl: 122 µs, published"));
        }
        "image-serialize" => return print_noted((image::serialize(folder)?, "HDF5.jl: 1.04 ms, published")),
        "image-parts" => return print_noted((image::parts(folder)?, "HDF5.jl: 1.04 ms, published")),
        "hdf5-write" => return print(hdf5_write::contiguous(folder)?),
        "hdf5-write-packed" => return print_noted(hdf5_write::packed(folder)?),
        "hdf5-packed-hdf5-reader" => return print(hdf5::packed_beside_hdf5_reader(folder)?),
        "hdf5-packed-rust-hdf5" => return print(hdf5::packed_beside_rust_hdf5(folder)?),
        "hdf5-row" => return print_noted(hdf5::row(folder)?),
        "log-append-plain" => return print(log::append_beside_plain(folder)?),
        "log-append-ordered" => return print_noted(log::ordered(folder)?),
        "packets" => return print_noted(packets::rows(folder, 1)?),
        "packets-all" => return print_noted(packets::rows(folder, 0)?),
        "cache-index" => cache::index(folder)?,
        "cache-open" => cache::open_close(folder)?,
        "cache-open-native" => cache::open_close_native(folder)?,
        "cache-put" => cache::open_put_close(folder)?,
        "cache-shrink" => cache::shrink(folder)?,
        "hdf5-attribute" => hdf5::attribute(folder)?,
        "hdf5-view" => hdf5::view(folder)?,
        "hdf5-copy" => hdf5::copy(folder)?,
        "hdf5-packed" => hdf5::packed(folder, 1)?,
        "hdf5-packed-two" => hdf5::packed(folder, 2)?,
        "hdf5-list" => hdf5::list(folder, "many.h5")?,
        "hdf5-list-v18" => hdf5::list(folder, "many-v18.h5")?,
        "log-append" => log::append(folder, 1000, 1_000_000)?,
        "log-append-hundred" => log::append(folder, 100, 500_000)?,
        "log-append-one" => log::append(folder, 1, 50_000)?,
        "log-append-queue" => log::queue(folder)?,
        "log-append-long" => return print(log::long(folder)?),
        "log-merge" => log_tools::merge_two(folder)?,
        "log-follow" => return print(log_read::follow(folder)?),
        "log-len" => log_read::len(folder)?,
        "log-open" => log_read::open(folder)?,
        "log-read" => log_read::read(folder)?,
        "log-read-copied" => log_read::read_copied(folder)?,
        "nco-read" => nco::read(folder, "small.nco", [60, 2])?,
        "nco-read-8k" => nco::read(folder, "eight.nco", [512, 2])?,
        "nco-read-pack" => nco::walk(folder)?,
        "nco-map" => nco::map(folder)?,
        "nco-pack" => nco::write(folder, false)?,
        "nco-pack-keyed" => nco::write(folder, true)?,
        "npy-load" => npy::load(folder)?,
        "packets-start" => packets::start(folder)?,
        "text-read" => text::read(folder, 1)?,
        "text-read-two" => text::read(folder, 2)?,
        "text-write" => text::write(folder, 1)?,
        "text-write-two" => text::write(folder, 2)?,
        "npy-load-large" => npy::load_large(folder)?,
        "npy-map" => npy::map_large(folder)?,
        "npz-write-f32" => npy::write(folder, "f32", 1, Backend::BEST)?,
        "npz-write-f32-two" => npy::write(folder, "f32", 2, Backend::BEST)?,
        "npz-write-f32-rust" => npy::write(folder, "f32", 1, Backend::Rust)?,
        "npz-write-i16" => npy::write(folder, "i16", 1, Backend::BEST)?,
        "npz-write-i16-two" => npy::write(folder, "i16", 2, Backend::BEST)?,
        "npz-write-i16-rust" => npy::write(folder, "i16", 1, Backend::Rust)?,
        "npz-read-f32" => npy::read(folder, "f32.npz", 1)?,
        "npz-read-i16" => npy::read(folder, "i16.npz", 1)?,
        "npz-read-many" => npy::read(folder, "many.npz", 2)?,
        "npz-list" => npy::list(folder)?,
        "unpickle-index" => pickle::index(folder)?,
        "unpickle-solver" => pickle::solver(folder)?,
        "unpickle-solver-tree" => pickle::solver_tree(folder)?,
        other => return Err(format!("there is no operation {other:?}").into()),
    };
    println!("{}", serde_json::json!({ "samples": samples }));
    Ok(())
}

fn print_noted((samples, note): (Vec<f64>, impl Into<serde_json::Value>)) -> Result<()> {
    let note: serde_json::Value = note.into();
    println!("{}", serde_json::json!({ "samples": samples, "note": note }));
    Ok(())
}

fn print([ours, peer]: [Vec<f64>; 2]) -> Result<()> {
    println!("{}", serde_json::json!({ "samples": ours, "peer": peer }));
    Ok(())
}
