//! `cargo xtask live`: readers of every kind beside every writer of a raw message log, with a table in `docs/live.md`.
//!
//! The runs are tests (`crates/larpix/tests/live.rs`), here in their long form and compiled for speed; what each prints
//! as a row of the table is put in the place of the older one.

use crate::fuzz;
use crate::machine;
use crate::run::{Result, cargo, read, root, write};
use crate::test::with_oracles;

const PLACE: [&str; 2] = ["<!-- live -->", "<!-- /live -->"];
const HEAD: &str = "\
| HDF5 | writer | publishes/s | messages/s | in all | h5py SWMR | h5py plain | larpix-control | ours, opened anew | \
our follower | calls refused to the writer |
|---|---|---|---|---|---|---|---|---|---|---|";

/// Runs the runs and writes down what came of them.
pub(crate) fn main(args: &[String]) -> Result<()> {
    let fuzz::Options { seconds, names, .. } = fuzz::options(args, 60)?;
    if !names.is_empty() {
        return Err("the runs have no names".into());
    }
    let mut tests = cargo();
    tests.args(["test", "--release", "--package", "hyperslab-larpix", "--test", "live", "--", "--nocapture"]);
    tests.env("HYPERSLAB_SOAK", "1").env("HYPERSLAB_SOAK_SECONDS", seconds.to_string());
    let count = with_oracles(&mut tests)?;
    let typed = format!("cargo xtask live {}", args.join(" "));
    record(&typed, &format!("{seconds} seconds a run"), &count.live)?;
    if count.success { Ok(()) } else { Err("not every run went as it must; see above".into()) }
}

/// Puts the rows into the page.
fn record(typed: &str, how: &str, rows: &[String]) -> Result<()> {
    let path = root().join("docs/live.md");
    let page = read(&path)?;
    let (before, rest) = page.split_once(PLACE[0]).ok_or("docs/live.md has no place for the table")?;
    let (_, after) = rest.split_once(PLACE[1]).ok_or("docs/live.md has no end of the table")?;
    let (today, commit, machine) = (machine::today(), machine::commit(), machine::lines().join("; "));
    let said = format!("{today}, commit {commit}, `{}`, {how}; {machine}", typed.trim());
    let table = rows.join("\n");
    write(&path, &format!("{before}{}\n\n{said}\n\n{HEAD}\n{table}\n\n{}{after}", PLACE[0], PLACE[1]))
}
