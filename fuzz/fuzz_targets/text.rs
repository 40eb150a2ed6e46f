//! Delimited text: the same is read, or refused for the same reason, whether the bytes lie in memory or come a few at a
//! time; what was read is written and read as the same; formats never panic.
#![no_main]

use hyperslab_core::source::SliceSource;
use hyperslab_core::{Dtype, Limits, Result, View};
use hyperslab_fuzz::{Positioned, pool};
use hyperslab_npy::text::{self, Format, Layout, Separator};
use libfuzzer_sys::fuzz_target;

const DTYPES: [&str; 16] = [
    "|b1", "|i1", "|u1", "<i2", ">u2", "<i4", ">u4", "<i8", "<u8", "<f2", ">f4", "<f8", "<f16", "<c8",
    ">c16", "<M8[s]",
];

/// Where they are in the list.
const DOUBLE: u8 = 11;
const LONG_DOUBLE: u8 = 12;

fn limits() -> Limits {
    Limits::new(64 << 20, 10_000, 64)
}

fn bytes(view: Result<View<'_>>) -> std::result::Result<Vec<u8>, String> {
    view.and_then(|view| Ok(view.to_bytes(&limits())?.into_owned())).map_err(|e| e.to_string())
}

fuzz_target!(init: pool(), |data: &[u8]| {
    let Some(([kind, count, window, size], rest)) = data.split_first_chunk() else { return };
    let Some((head, text)) = rest.split_at_checked(usize::from(size % 16)) else { return };
    let Ok(head) = std::str::from_utf8(head) else { return };
    // What happens at the end of a window happens in short texts, too, and a window may be of one byte.
    // Long doubles are read and printed by way of long integers, which takes its time: they are few and rare.
    let kind = match kind % 16 {
        LONG_DOUBLE if kind / 16 != 0 => DOUBLE,
        kind => kind,
    };
    let most = if kind == LONG_DOUBLE { 48 } else { 512 };
    let text = text.get(..most).unwrap_or(text);
    let dtype: Dtype = DTYPES[usize::from(kind)].parse().unwrap();
    let format = Format::new(head);
    let Ok(separator) = Separator::new(head) else { return };
    let count = (*count < 8).then(|| u64::from(*count));
    let layout = Layout { count, ..Layout::new(dtype.clone(), separator.clone()) };
    let here = text::read(&SliceSource(text), &layout, &limits());
    let there =
        text::read_in_windows(&Positioned(SliceSource(text)), &layout, usize::from(*window), &limits());
    assert_eq!(bytes(here), bytes(there));

    // As elements of the type, whatever they are.
    let item = usize::try_from(dtype.itemsize()).unwrap();
    let whole = text.len() / item * item;
    let view = View::new(dtype.clone(), [(whole / item) as u64].into(), &text[..whole]).unwrap();
    if let Ok(format) = format {
        // Wide formats of many elements are slow, not wrong.
        let few = text.len().min(64 * item) / item * item;
        let view = View::new(dtype.clone(), [(few / item) as u64].into(), &text[..few]).unwrap();
        let _ = text::write_to(&mut Vec::new(), &view, &separator, &format);
    }
    let plain = matches!(dtype, Dtype::Int(_) | Dtype::Float(_));
    let comma: Separator = ",".parse().unwrap();
    let mut out = Vec::new();
    text::write_to(&mut out, &view, &comma, &Format::default()).unwrap();
    if plain {
        let back =
            text::read(&SliceSource(&out), &Layout::new(dtype.clone(), comma.clone()), &limits()).unwrap();
        let mut again = Vec::new();
        text::write_to(&mut again, &back, &comma, &Format::default()).unwrap();
        assert_eq!(out, again);
    }
});
