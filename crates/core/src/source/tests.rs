use super::*;
use crate::Kind;
use std::io::Write;

#[test]
fn every_kind_reads_the_same() {
    let content: Vec<u8> = (0..=255).collect();
    let mut f = tempfile::NamedTempFile::new().unwrap();
    f.write_all(&content).unwrap();
    let sources: [Box<dyn Source>; 4] = [
        Box::new(SliceSource(&content)),
        Box::new(MemorySource::new(content.clone())),
        Box::new(map(f.path()).unwrap()),
        Box::new(FileSource::open(f.path()).unwrap()),
    ];
    let limits = Limits::default();
    for s in &sources {
        assert_eq!(s.len().unwrap(), 256);
        assert_eq!(&*s.bytes_at(10, 3, &limits).unwrap(), &[10, 11, 12]);
        assert_eq!(&*s.bytes_at(256, 0, &limits).unwrap(), &[0u8; 0]);
        let mut two = [0; 2];
        s.read_exact_at(254, &mut two).unwrap();
        assert_eq!(two, [254, 255]);
        for (at, n) in [(255, 2), (257, 0), (u64::MAX, 1), (0, u64::MAX)] {
            assert_eq!(s.bytes_at(at, n, &limits).unwrap_err().kind(), Kind::Invalid);
        }
        assert_eq!(s.read_exact_at(255, &mut two).unwrap_err().kind(), Kind::Invalid);
    }
}

#[test]
fn shared_bytes_outlive_their_map() {
    let mut f = tempfile::NamedTempFile::new().unwrap();
    f.write_all(b"hello").unwrap();
    let bytes = map(f.path()).unwrap().shared(1, 3).unwrap();
    assert_eq!(&bytes[..], b"ell");
    assert!(map(tempfile::NamedTempFile::new().unwrap().path()).unwrap().as_slice().unwrap().is_empty());
}
