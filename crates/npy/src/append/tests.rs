use super::*;
use crate::npy;
use hyperslab_core::{Dtype, Kind};
use proptest::prelude::*;

fn file(view: &View<'_>) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npy");
    npy::save(&path, view, false).unwrap();
    (dir, path)
}

fn quick() -> AppendOptions {
    AppendOptions { durable: false, ..AppendOptions::default() }
}

#[test]
fn the_file_is_what_numpy_would_save() {
    let (_dir, path) = file(&View::from_slice([1, 2], &[1i32, 2]).unwrap());
    let mut a = Appender::open(&path, &AppendOptions::default()).unwrap();
    a.append(&View::from_slice([2], &[3i32, 4]).unwrap()).unwrap();
    let rows: Vec<i32> = (5..105).collect();
    assert_eq!(a.append(&View::from_slice([50, 2], &rows).unwrap()).unwrap(), 52);
    drop(a);
    let mut want = Vec::new();
    npy::write_to(&mut want, &View::from_slice([52, 2], &(1..105).collect::<Vec<i32>>()).unwrap()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), want);
}

#[test]
fn rows_of_another_byte_order_are_converted() {
    let (_dir, path) = file(&View::from_slice([1], &[1u16]).unwrap());
    let mut a = Appender::open(&path, &quick()).unwrap();
    let big = Dtype::int(2, false, hyperslab_core::ByteOrder::Big);
    a.append(&View::new(big, [2].into(), &[0u8, 2, 0, 3][..]).unwrap()).unwrap();
    assert_eq!(npy::load(&path, &Limits::default()).unwrap().to_vec::<u16>().unwrap(), [1, 2, 3]);
}

#[test]
fn what_does_not_fit_leaves_the_file_as_it_was() {
    let (_dir, path) = file(&View::from_slice([2, 2], &[1.0, 2.0, 3.0, 4.0]).unwrap());
    let before = std::fs::read(&path).unwrap();
    let mut a = Appender::open(&path, &quick()).unwrap();
    assert_eq!(a.append(&View::from_slice([3], &[1.0, 2.0, 3.0]).unwrap()).unwrap_err().kind(), Kind::Usage);
    assert_eq!(a.append(&View::from_slice([2], &[1i64, 2]).unwrap()).unwrap_err().kind(), Kind::Usage);
    assert_eq!(Appender::open(&path, &quick()).unwrap_err().kind(), Kind::Conflict, "a second writer");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    drop(a);
    let (_dir, path) = file(&View::from_slice([], &[1.0]).unwrap());
    assert_eq!(Appender::open(&path, &quick()).unwrap_err().kind(), Kind::Usage);
    let (_dir, path) = file(&View::from_slice_f([2, 2], &[1.0, 2.0, 3.0, 4.0]).unwrap());
    assert_eq!(Appender::open(&path, &quick()).unwrap_err().kind(), Kind::Usage);
}

#[test]
fn a_tail_is_never_overwritten_unasked() {
    let (_dir, path) = file(&View::from_slice([2], &[1u8, 2]).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.push(9);
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(Appender::open(&path, &quick()).unwrap_err().kind(), Kind::Usage);
    let mut a = Appender::open(&path, &AppendOptions { discard_tail: true, ..quick() }).unwrap();
    a.append(&View::from_slice([1], &[3u8]).unwrap()).unwrap();
    assert_eq!(npy::load(&path, &Limits::default()).unwrap().to_vec::<u8>().unwrap(), [1, 2, 3]);
    // Somebody else changes the file under an open appender.
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"x").unwrap();
    assert_eq!(a.append(&View::from_slice([1], &[4u8]).unwrap()).unwrap_err().kind(), Kind::Conflict);
}

#[test]
fn a_header_without_room_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tight.npy");
    let text = b"{'descr':'|u1','fortran_order':False,'shape':(9,)}";
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend(text);
    bytes.extend([0; 9]);
    std::fs::write(&path, &bytes).unwrap();
    let mut a = Appender::open(&path, &quick()).unwrap();
    let e = a.append(&View::from_slice([1], &[3u8]).unwrap()).unwrap_err();
    assert_eq!(e.kind(), Kind::Unsupported, "{e}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Every prefix of the writes of an append is a file with the old rows or the new ones.
    #[test]
    fn a_killed_append_changes_nothing(old in 0u64..12, new in 1u64..120, cut in 0usize..1000) {
        let rows = |n: u64| (0..n).map(|i| i as u32).collect::<Vec<u32>>();
        let all = rows(old + new);
        let (_dir, path) = file(&View::from_slice([old], &all[..old as usize]).unwrap());
        let before = std::fs::read(&path).unwrap();
        let mut a = Appender::open(&path, &quick()).unwrap();
        a.append(&View::from_slice([new], &all[old as usize..]).unwrap()).unwrap();
        drop(a);
        let after = std::fs::read(&path).unwrap();
        // The data write, cut anywhere, under the old header.
        let mut torn = before.clone();
        let there = (cut % (after.len() - before.len() + 1)) + before.len();
        torn.extend(&after[before.len()..there]);
        std::fs::write(&path, &torn).unwrap();
        prop_assert_eq!(npy::load(&path, &Limits::default()).unwrap().to_vec::<u32>().unwrap(), rows(old));
        let mut a = Appender::open(&path, &AppendOptions { discard_tail: true, ..quick() }).unwrap();
        a.append(&View::from_slice([new], &all[old as usize..]).unwrap()).unwrap();
        prop_assert_eq!(std::fs::read(&path).unwrap(), after);
    }
}
