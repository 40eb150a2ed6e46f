//! How long images of a 1000x500 matrix of doubles take, beside plain copies of the same bytes:
//! `cargo run --release -p hyperslab-hdf5 --example image_timing`. The project's benchmarks compare with h5py.

use hyperslab_core::View;
use hyperslab_hdf5::image;
use std::hint::black_box;
use std::time::Instant;

fn typical(rounds: usize, per_round: usize, mut f: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let t = Instant::now();
            (0..per_round).for_each(|_| f());
            t.elapsed().as_secs_f64() * 1e6 / per_round as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[rounds / 10]
}

fn main() -> hyperslab_core::Result<()> {
    let values: Vec<f64> = (0..500_000).map(f64::from).collect();
    let view = View::from_slice([1000, 500], &values)?;
    let bytes: &[u8] = bytemuck::cast_slice(&values);
    let image = image::serialize(&view, image::DEFAULT_NAME)?;
    let mut warm = Vec::new();
    let mut target = vec![0u8; bytes.len()];

    println!(
        "memcpy, warm          {:10.3} us",
        typical(101, 3, || black_box(&mut target).copy_from_slice(black_box(bytes)))
    );
    println!(
        "serialize_into, warm  {:10.3} us",
        typical(101, 3, || image::serialize_into(black_box(&view), "data", &mut warm).unwrap_or_default())
    );
    println!(
        "to_vec, fresh         {:10.3} us",
        typical(101, 3, || drop(black_box(black_box(bytes).to_vec())))
    );
    println!(
        "serialize, fresh      {:10.3} us",
        typical(101, 3, || drop(black_box(image::serialize(black_box(&view), "data"))))
    );
    println!(
        "serialize_parts       {:10.3} us",
        typical(101, 10_000, || drop(black_box(image::serialize_parts(black_box(&view), "data"))))
    );
    println!(
        "deserialize           {:10.3} us",
        typical(101, 10_000, || drop(black_box(image::deserialize(black_box(&image)))))
    );
    println!(
        "deserialize_as        {:10.3} us",
        typical(101, 10_000, || drop(black_box(image::deserialize_as::<f64>(black_box(&image)))))
    );
    Ok(())
}
