//! Continuing files: ours where they were left, changed ones by adoption.

use super::prefixes::every_prefix;
use super::*;

/// A change that another program may have made makes the file be adopted: a byte of the free room in a header.
pub(super) fn touched_by_another(image: &mut [u8]) {
    let live = Live::open(SliceSource(image), &NAMES).unwrap();
    let at = live.stored.columns[0].object.address as usize;
    let len = live.stored.columns[0].object.prefix.len() as usize;
    // Inside the NIL message at the end, before the checksum.
    image[at + len - 6] ^= 0xFF;
    let sum = crate::format::checksum::lookup3(&image[at..at + len - 4]);
    image[at + len - 4..at + len].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn adoption_keeps_everything_at_every_prefix() {
    for (chunk_rows, batches) in
        [(1024, &[1u64, 2500][..]), (8, &[5, 2100]), (8, &[8]), (8, &[2096]), (1024, &[])]
    {
        let r = Recorder::new(image(&schema(chunk_rows)).unwrap());
        let mut a = resume(r.clone(), options(Sync::None, Pair::Shared));
        publish(&mut a, batches);
        let rows = a.rows();
        a.close(3.0).unwrap();
        let mut image = r.image();
        touched_by_another(&mut image);
        let start = image.clone();
        r.replace(image);
        r.take();
        let mut a = resume(r.clone(), options(Sync::None, Pair::Shared));
        assert_ne!(a.page.at, 0);
        publish(&mut a, &[3, 100]);
        let closed_rows = a.rows();
        a.close(4.0).unwrap();
        every_prefix(&start, &r.take(), rows, |image, i, rows| {
            // Killed at any write: continued, whether adoption had switched or not.
            let r = Recorder::new(image.to_vec());
            let mut a = resume(r.clone(), options(Sync::None, Pair::Shared));
            assert_eq!(a.rows(), rows);
            publish(&mut a, &[40]);
            assert_eq!(read_all(&r.image()).unwrap(), rows + 40, "write {i}");
        });
        // The adopted file is ours: it is continued where it is.
        let len = r.image().len();
        let mut a = resume(r.clone(), options(Sync::None, Pair::Shared));
        assert_eq!((a.rows(), r.take().len()), (closed_rows, 0));
        publish(&mut a, &[1]);
        a.close(5.0).unwrap();
        assert_eq!(read_all(&r.image()).unwrap(), closed_rows + 1);
        assert!(r.image().len() < len + 20_000);
    }
}

#[test]
fn a_marked_file_is_taken_over_only_on_demand() {
    let r = Recorder::new(image(&schema(8)).unwrap());
    let mut a = resume(r.clone(), options(Sync::None, Pair::Inline));
    publish(&mut a, &[100]);
    a.close(1.0).unwrap();
    let mut image = r.image();
    image[11] = 5;
    let sum = crate::format::checksum::lookup3(&image[..44]);
    image[44..48].copy_from_slice(&sum.to_le_bytes());
    r.replace(image);
    assert_eq!(Existing::new(r.clone(), &NAMES, false).unwrap_err().kind(), Kind::Conflict);
    let mut a = Existing::new(r.clone(), &NAMES, true).unwrap().resume(Options::default()).unwrap();
    publish(&mut a, &[5]);
    assert_eq!(read_all(&r.image()).unwrap(), 105);
    assert_eq!(r.image()[11], 0);
}

#[test]
fn what_cannot_be_carried_over_is_refused_unchanged() {
    let r = Recorder::new(image(&schema(8)).unwrap());
    assert_eq!(
        Existing::new(r.clone(), &Names { columns: &["nothing"], group: None }, false).unwrap_err().kind(),
        Kind::Usage
    );
    for len in (0..8192).step_by(97) {
        let cut = Recorder::new(r.image()[..len].to_vec());
        if let Ok(e) = Existing::new(cut.clone(), &NAMES, false) {
            let _ = e.resume(Options::default());
        }
        assert!(cut.take().is_empty() || len >= 2048);
    }
}

/// No byte of the mutable page can be changed so that opening or reading panics.
#[test]
fn mutated_pages_never_panic() {
    let r = Recorder::new(image(&schema(8)).unwrap());
    let mut a = resume(r.clone(), options(Sync::None, Pair::Shared));
    publish(&mut a, &[30, 2100]);
    let good = r.image();
    for at in 0..2048 {
        for value in [0, 1, 0x7F, 0xFF] {
            let mut bad = good.clone();
            bad[at] = value;
            fix_checksums(&mut bad);
            let r = Recorder::new(bad.clone());
            if let Ok(e) = Existing::new(r, &NAMES, true) {
                let _ = e.resume(options(Sync::None, Pair::Shared));
            }
            if let Ok(live) = Live::open(SliceSource(&bad), &NAMES) {
                let rows = live.rows().min(3000);
                let _ = live.vlen_into(0, 0..rows, 1, &mut VlenRows::new());
                let _ = live.attributes();
            }
        }
    }
}

/// Recomputes the checksums of the page's structures, so that mutations get past them.
fn fix_checksums(image: &mut [u8]) {
    let mut fix = |at: usize, len: usize| {
        if at + len + 4 <= image.len() {
            let sum = crate::format::checksum::lookup3(&image[at..at + len]);
            image[at + len..at + len + 4].copy_from_slice(&sum.to_le_bytes());
        }
    };
    fix(0, 44);
    for (at, len) in [(1024, 68), (1096, 322), (1536, 68), (1608, 322)] {
        fix(at, len);
    }
    let headers: Vec<(usize, usize)> = (48..1024)
        .filter(|&at| &image[at..at + 4] == b"OHDR")
        .map(|at| match image[at + 5] & 3 {
            0 => (at, 7 + image[at + 6] as usize),
            _ => (at, 8 + u16::from_le_bytes([image[at + 6], image[at + 7]]) as usize),
        })
        .collect();
    for (at, len) in headers {
        let end = (at + len).min(1020);
        let sum = crate::format::checksum::lookup3(&image[at..end]);
        image[end..end + 4].copy_from_slice(&sum.to_le_bytes());
    }
}
