//! The data of the demo, shipped in the program, and what the original tools say of it.
//!
//! Origins and licences: `fixtures/README.md`.

use hyperslab::{Error, Result};

macro_rules! shipped {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/files/demo/", $name))
    };
}

/// Ground elevations in meters round the Jacksboro fault, Tennessee (U.S. Geological Survey, public domain).
pub(super) const GRID: (&str, &[u8]) = ("jacksboro_fault_dem.npz", shipped!("jacksboro_fault_dem.npz"));
/// Decoders of a communication channel, written by nengo 4.1.
pub(super) const SOLVER_A: (&str, &[u8]) = ("solver_a.nco", shipped!("solver_a.nco"));
/// Decoders of a product, written by nengo 4.1.
pub(super) const SOLVER_B: (&str, &[u8]) = ("solver_b.nco", shipped!("solver_b.nco"));
/// Five objects in one file, written by nengo 4.1.
pub(super) const PACK: (&str, &[u8]) = ("pack.nco", shipped!("pack.nco"));
/// Generated PACMAN messages, each after its length as a little-endian u32.
pub(super) const MESSAGES: (&str, &[u8]) = ("messages.bin", shipped!("messages.bin"));

/// What NumPy 2.4 (and nengo 4.1) read from the shipped files: file, path, dtype, shape, SHA-256 of the elements.
pub(super) const TRUTH: [(&str, &str, &str, &[u64], &str); 14] = [
    (
        GRID.0,
        "elevation",
        "<i2",
        &[344, 403],
        "0c7e9f894eb7c8d444ca4475e64249e060d96c90ab63fdf439a0381c590ed502",
    ),
    (GRID.0, "dx", "<f8", &[], "1d41a820d7b692ca3a1369d8f7faa914f324a061aa3b891c18dbb20779e3773d"),
    (GRID.0, "xmax", "<f8", &[], "b06dd80711d094e321ec059a7ad902c932835b6401afe3c967643be5f76d1032"),
    (GRID.0, "dy", "<f8", &[], "1d41a820d7b692ca3a1369d8f7faa914f324a061aa3b891c18dbb20779e3773d"),
    (GRID.0, "xmin", "<f8", &[], "b05dc4fc410b596b998aed68ed87cc3ee72648e7e17530e4a69606365107648e"),
    (GRID.0, "ymin", "<f8", &[], "04d10cc6b061d362bdd5d89a16cddf411c7b08e622e8af23b97e73f29969126a"),
    (GRID.0, "ymax", "<f8", &[], "dff4936e342d74fae884b2aa9c1786b7898819815e560af05903a8e563daf83c"),
    (SOLVER_A.0, "", "<f8", &[60, 2], "8ade56f9206d3ca743172985b9e70240ce87c1ebb041759af75ed235efb0f5e7"),
    (SOLVER_B.0, "", "<f8", &[75, 1], "42b1b59816aa46f2ab84c184aa83f118b46ccc46bbce15cd4b3c985fad8510e1"),
    (PACK.0, "0", "<f8", &[50, 2], "86c1d38843ab6265391b56fd0725f2ed91a8ee819f872891bf2183673dbf2561"),
    (PACK.0, "1", "<f8", &[50, 2], "8a7524f79096b236ee76f8464c8ad563534a8f3f6c1fac66e4fb2123ada08fec"),
    (PACK.0, "2", "<f8", &[50, 1], "3c4219f69c12aaabea5f8387ee3bae5124ea009ff0320fa7d0586c32c99a11a1"),
    (PACK.0, "3", "<f8", &[50, 2], "47037ed4bee090a6ec29751bc6d8f03e17f651cc368872ba562ec745719c8163"),
    (PACK.0, "4", "<f8", &[50, 2], "097655b52f4d4a11a82443dac947d6ac2b0d600bc80fc4da4237e6d6fb919b64"),
];

/// The packet table that larpix-control 3.7 makes of the messages, io_group 1: rows, SHA-256 of the rows.
pub(super) const PACKETS: (u64, &str) =
    (5152, "9e2f7d8593af0a17e596b57f7afa23ca2708d18866a7962f23c62b3b2123a37b");

/// The shipped messages one by one.
pub(super) fn messages() -> Result<Vec<&'static [u8]>> {
    let torn = || Error::invalid("the shipped messages are torn");
    let mut rest = MESSAGES.1;
    let mut out = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let (message, after) = after.split_at_checked(length).ok_or_else(torn)?;
        out.push(message);
        rest = after;
    }
    if rest.is_empty() { Ok(out) } else { Err(torn()) }
}
