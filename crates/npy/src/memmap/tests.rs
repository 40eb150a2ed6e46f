use super::*;
use crate::npy;
use hyperslab_core::Kind;

fn saved(values: &[i32]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npy");
    npy::save(&path, &View::from_slice([values.len() as u64], values).unwrap(), false).unwrap();
    (dir, path)
}

fn loaded(path: &Path) -> Vec<i32> {
    npy::load(path, &Limits::default()).unwrap().to_vec().unwrap()
}

#[test]
fn modes() {
    let (_dir, path) = saved(&[1, 2, 3]);
    let mut map = Memmap::open_npy(&path, "r".parse().unwrap()).unwrap();
    assert_eq!(map.view().unwrap().to_vec::<i32>().unwrap(), [1, 2, 3]);
    assert_eq!(map.as_slice_mut::<i32>().unwrap_err().kind(), Kind::Usage);
    map.close().unwrap();

    let mut map = Memmap::open_npy(&path, "c".parse().unwrap()).unwrap();
    map.as_slice_mut::<i32>().unwrap()[0] = 9;
    assert_eq!(map.view().unwrap().to_vec::<i32>().unwrap(), [9, 2, 3]);
    map.close().unwrap();
    assert_eq!(loaded(&path), [1, 2, 3]);

    let mut map = Memmap::open_npy(&path, "r+".parse().unwrap()).unwrap();
    assert_eq!(map.as_slice_mut::<f32>().unwrap_err().kind(), Kind::Usage);
    map.as_slice_mut::<i32>().unwrap()[0] = 9;
    map.close().unwrap();
    assert_eq!(loaded(&path), [9, 2, 3]);
    assert!("w".parse::<Mode>().is_err());
}

#[test]
fn a_file_is_never_made_longer() {
    let (_dir, path) = saved(&[1, 2, 3]);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    for mode in [Mode::Read, Mode::ReadWrite, Mode::CopyOnWrite] {
        let e = Memmap::open_npy(&path, mode).unwrap_err();
        assert_eq!(e.kind(), Kind::Invalid, "{e}");
        let layout = Layout::new(Dtype::F64).with_shape(&[100].into());
        assert_eq!(Memmap::open_raw(&path, &layout, mode).unwrap_err().kind(), Kind::Invalid);
    }
    assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes.len() as u64 - 1);
}

#[test]
fn new_files() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.npy");
    let mut map = Memmap::create_npy(&path, Dtype::F64, [3, 2], Order::F, false).unwrap();
    map.as_slice_mut::<f64>().unwrap().copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    map.close().unwrap();
    let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    let mut want = Vec::new();
    npy::write_to(&mut want, &View::from_slice_f([3, 2], &values).unwrap()).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), want);
    let e = Memmap::create_npy(&path, Dtype::F64, [3], Order::C, false).unwrap_err();
    assert_eq!(e.kind(), Kind::Usage, "the file that is there stays");
    assert_eq!(std::fs::read(&path).unwrap(), want);

    let path = dir.path().join("empty.dat");
    let map = Memmap::create_raw(&path, Dtype::F64, [0, 7], Order::C, false).unwrap();
    assert!(map.view().unwrap().is_empty());
    map.close().unwrap();
    let layout = Layout::new(Dtype::F64).with_shape(&[0, 7].into());
    assert_eq!(Memmap::open_raw(&path, &layout, Mode::ReadWrite).unwrap().shape()[..], [0, 7]);
    assert_eq!(
        Memmap::create_npy(&path, Dtype::Object, [1], Order::C, true).unwrap_err().kind(),
        Kind::Unsupported
    );
}
