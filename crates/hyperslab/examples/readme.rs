//! The Rust column of the README, run on fixtures: `cargo run -p hyperslab --example readme`.

use hyperslab::hdf5::image;
use hyperslab::larpix::log::{LogOptions, LogReader, LogWriter};
use hyperslab::nco::{self, Policy};
use hyperslab::{Limits, Result, Selection, View, testing};

fn main() -> Result<()> {
    let limits = Limits::default();
    let demo = |name: &str| testing::fixture("demo").join(name);

    let file = hyperslab::open(demo("jacksboro_fault_dem.npz"))?;
    let x = file.read("elevation", &Selection::ALL, &limits)?;
    let values: &[i16] = x.as_slice()?;
    println!("{} elevations, the first is {}", values.len(), values[0]);

    let object = nco::object::load(demo("solver_a.nco"), Policy::Strict, &limits)?;
    let (metadata, decoders) = (object.metadata, object.array);
    println!("decoders {} with {:?}", decoders.shape(), metadata.get("time"));

    let numbers = [1.0, 2.0, 3.0, 4.0];
    let view = View::from_slice([2, 2], &numbers)?;
    let image = image::serialize(&view, "data")?;
    let again = image::deserialize(&image)?; // a checked, borrowed view
    println!("an image of {} bytes holds {:?}", image.len(), again.as_slice::<f64>()?);

    let path = std::env::temp_dir().join(format!("hyperslab-readme-{}.h5", std::process::id()));
    let mut log = LogWriter::open_or_create(&path, &LogOptions::default())?;
    log.append(1, b"a message")?;
    log.commit()?;
    println!("the log has {} message", LogReader::open(&path)?.len());
    log.close()?;
    std::fs::remove_file(&path).map_err(|e| hyperslab::Error::io(e, "cannot remove").file(&path))
}
