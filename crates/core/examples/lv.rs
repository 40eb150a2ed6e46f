use hyperslab_core::codec::deflate::*;
use std::time::Instant;
fn main() {
    for f in std::env::args().skip(1) {
        let b = std::fs::read(&f).unwrap();
        let b = &b[128..];
        for (n, back) in [("lib", Backend::BEST), ("rust", Backend::Rust)] {
            for l in 1..=6 {
                let t = Instant::now();
                let z: usize = b.chunks(1 << 20).map(|c| deflate(c, l, Form::Raw, back).unwrap().len()).sum();
                let d = t.elapsed().as_secs_f64();
                println!("{f} {n} L{l} {z} {:.0} MB/s", b.len() as f64 / 1e6 / d);
            }
            let t = Instant::now();
            let z: usize = b.chunks(1 << 20).map(|c| piece(c, 6, false, back).unwrap().len()).sum();
            println!("{f} {n} piece {z} {:.0} MB/s", b.len() as f64 / 1e6 / t.elapsed().as_secs_f64());
        }
    }
}
