//! Objects and packs: pickles and extensions copied as they are, arrays written anew, everything placed as nengo places
//! it today.

use super::RepackOptions;
use crate::convert::{Converted, aside_of, free, put_in_place};
use crate::create::Output;
use crate::nco::{Block, Nco, write};
use crate::source::FileSource;
use crate::{Error, Limits, Result, ResultExt, Selection, digest};
use std::path::Path;

pub(super) fn repack(source: FileSource, out: &Path, options: &RepackOptions) -> Result<Converted> {
    let limits = &options.open.limits;
    let array = &options.array;
    let compression = array.deflate.map(|_| "compression");
    if let Some(what) = compression.or_else(|| array.beyond_deflate()) {
        return Err(Error::unsupported(format!("an NCO has no {what}")));
    }
    let input = Nco::open(source, limits)?;
    if let Some(damage) = input.damage().first().filter(|_| input.is_pack()) {
        let e = Error::invalid(damage.what.clone()).reading("NCO header").at(damage.range.start);
        return Err(e.hint("what is damaged is not written anew"));
    }
    free(out, Output::Nco, options.replace)?;
    let (dir, made) = aside_of(out)?;
    let mut file = std::fs::File::create_new(&made).map_err(|e| Error::io(e, "cannot create").file(out))?;
    let (mut end, mut bytes) = (0, 0u64);
    for entry in input.entries() {
        if let Some(lost) = entry.lost_header() {
            let e = Error::invalid(lost.to_owned()).reading("NCO header").at(entry.header().start);
            return Err(e.hint("'slab recover' writes what is whole to a new pack"));
        }
        entry.verify(input.source(), limits)?;
        let block = entry.block(input.source(), limits)?;
        if let Some(Block::Other { version, .. }) = block {
            let what = format!("an extension block of version {version} cannot be written anew");
            return Err(Error::unsupported(what).reading("extension block").at(entry.header().gap().start));
        }
        let extension = block.as_ref().and_then(Block::extension);
        let view = entry.array(input.source(), &Selection::ALL, limits)?;
        let pickle = entry.pickle(input.source(), limits)?;
        end = write::write_with(&mut file, end, &pickle, &view, extension).in_file(out)?.array.end;
        bytes = bytes.saturating_add(view.nbytes());
    }
    file.sync_all().map_err(|e| Error::io(e, "cannot sync").file(out))?;
    drop(file);
    check(&input, &Nco::open(FileSource::open(&made)?, limits)?, limits)?;
    put_in_place(&made, out, Output::Nco, options.replace)?;
    drop(dir);
    let notes = input.damage().iter().map(|d| {
        let len = d.range.end.saturating_sub(d.range.start);
        format!("{len} bytes that belong to nothing are not carried over")
    });
    Ok(Converted {
        path: out.to_path_buf(),
        output: Output::Nco,
        arrays: input.entries().len(),
        attributes: 0,
        bytes,
        notes: notes.collect(),
        lost: Vec::new(),
    })
}

/// Compares what was written with what it was made from.
fn check(input: &Nco<FileSource>, output: &Nco<FileSource>, limits: &Limits) -> Result<()> {
    let differs = || Error::unsupported("it is not the same when read again").hint("nothing was written");
    if input.entries().len() != output.entries().len() {
        return Err(differs());
    }
    for (a, b) in input.entries().iter().zip(output.entries()) {
        if a.pickle(input.source(), limits)? != b.pickle(output.source(), limits)? {
            return Err(differs());
        }
        let blocks = (a.block(input.source(), limits)?, b.block(output.source(), limits)?);
        if blocks.0.as_ref().and_then(Block::extension) != blocks.1.as_ref().and_then(Block::extension) {
            return Err(differs());
        }
        let x = a.array(input.source(), &Selection::ALL, limits)?;
        let y = b.array(output.source(), &Selection::ALL, limits)?;
        let same =
            x.dtype() == y.dtype() && x.shape() == y.shape() && digest::digest(&x)? == digest::digest(&y)?;
        if !same {
            return Err(differs());
        }
    }
    Ok(())
}
