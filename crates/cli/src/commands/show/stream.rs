//! The elements alone, in the forms that programs read: CSV, NPY, bytes, hexadecimal.

use super::{Parts, Show};
use crate::exit::Outcome;
use crate::output;
use crate::render::{csv, hex};
use hyperslab::{Dtype, Error, Order, Shape, npy};
use std::io::Write as _;

impl Show<'_> {
    /// Writes the elements that `each` hands out, a part at a time.
    pub(super) fn stream(&self, dtype: &Dtype, shape: &Shape, each: Parts<'_>) -> Outcome<()> {
        let form = self.form;
        let mut out = output::bytes();
        let mut offset = 0u64;
        if form.csv {
            if let Some(line) = csv::heading(dtype, shape.len())? {
                writeln!(out, "{line}")?;
            }
        } else if dtype.has_indirection() {
            return Err(Error::unsupported(format!("elements of {dtype} lie outside the array"))
                .hint("--json writes them")
                .into());
        } else if form.npy {
            out.write_all(&npy::header::emit(dtype, shape, Order::C)?)?;
        }
        each(&mut |view| {
            let written = if form.csv {
                out.write_all(csv::lines(view)?.as_bytes())
            } else {
                let bytes = view.to_bytes(self.limits)?;
                let at = offset;
                offset += bytes.len() as u64;
                if form.hex { hex::dump(&mut out, &bytes, at) } else { out.write_all(&bytes) }
            };
            written.map_err(|e| Error::io(e, "cannot write to standard output"))
        })?;
        Ok(out.flush()?)
    }
}
