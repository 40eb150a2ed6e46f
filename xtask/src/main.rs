//! The project's tasks: `cargo xtask test`, `ci`, `fixtures`, `fuzz`, `bench`, `soak`, `sanitize`, `live`,
//! `python`.
//!
//! Everything that CI runs is a task here, so what runs there runs on a laptop. A task either does all that it
//! says or fails with one line that names what is missing: nothing is skipped quietly.

mod bench;
mod ci;
mod fixtures;
mod fuzz;
mod live;
mod machine;
mod python;
mod run;
mod sanitize;
mod soak;
mod test;
mod venv;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask TASK

  test [ARGS..]                 every test, with the real numpy, h5py, nengo and larpix-control in virtual
                                environments made from pinned requirements; ARGS go to `cargo test`; without any,
                                the Python package as well
  python [ARGS..]               the Python package, built, installed in an environment of its own and tested; ARGS
                                go to pytest
  ci                            formatting, lints and docs with warnings as errors, fixtures, fuzz targets, tests
  fixtures [--check]            makes every fixture again, or tells whether they are what the scripts make
  fuzz [--seconds N] [TARGET..] runs fuzz targets (default: all of them, 60 s each)
  bench [ROW..]                 us and each peer in turns on the same data, into docs/benchmarks.md
  soak [--seconds N]            what takes long: fuzzing, a thousand kills; into docs/soak.md
  sanitize                      where unsafe code is, and the tests that go through it under AddressSanitizer and
                                valgrind; into docs/unsafe.md
  live [--seconds N]            readers of every kind beside every writer of a log, N seconds each (default: 60);
                                into docs/live.md
  oracle                        makes the virtual environments and prints the variables that point at them
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let task = args.first().map(String::as_str).unwrap_or("help");
    let rest = args.get(1..).unwrap_or_default();
    let result = match task {
        "test" => test::main(rest),
        "ci" => ci::main(rest),
        "fixtures" => fixtures::main(rest),
        "fuzz" => fuzz::main(rest),
        "bench" => bench::main(rest),
        "sanitize" => sanitize::main(rest),
        "soak" => soak::main(rest),
        "live" => live::main(rest),
        "python" => python::main(rest),
        "oracle" => venv::print(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("there is no task {other:?}; `cargo xtask help` lists them")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask {task}: {why}");
            ExitCode::FAILURE
        }
    }
}
