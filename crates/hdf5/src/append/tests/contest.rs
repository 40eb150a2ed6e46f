//! Another program writes to the file, without locks, before or during a publish.

use super::*;

/// What libhdf5 does to the superblock on opening a file for writing, and on closing it.
fn mark(image: &mut [u8], flags: u8) {
    image[11] = flags;
    let sum = crate::format::checksum::lookup3(&image[..44]);
    image[44..48].copy_from_slice(&sum.to_le_bytes());
}

/// Another program opens the file, keeps it open for a while and closes it, at any moment of a publish: nothing is
/// acknowledged in between, and in the end everything is there once.
#[test]
fn a_publish_beside_another_writer_is_not_acknowledged() {
    let mut noticed = 0;
    for at in 1..40 {
        let r = Recorder::new(image(&schema(16)).unwrap());
        let mut a = resume(r.clone(), options(Sync::None, Pair::Inline));
        publish(&mut a, &[5, 20]);
        gather(&mut a, 25..75);
        r.then(at, |image| mark(image, 5));
        let done = a.publish(1.0);
        let there = read_all(&r.image()).unwrap();
        if let Ok(rows) = done {
            assert_eq!(rows, 75);
            if r.image()[11] == 0 {
                // The publish had ended before, or its write of the end of file took the mark away.
                continue;
            }
        } else {
            noticed += 1;
            assert_eq!(done.unwrap_err().kind(), Kind::Conflict);
        }
        // While it is open there, it is not ours.
        if a.gathered().unwrap() > 0 {
            assert_eq!(a.publish(2.0).unwrap_err().kind(), Kind::Conflict);
            assert_eq!(a.readopt(false).unwrap_err().kind(), Kind::Conflict);
            let mut closed = r.image();
            mark(&mut closed, 0);
            r.replace(closed);
            let found = a.readopt(false).unwrap();
            assert_eq!((found.acknowledged, found.rows, found.published), (25, there, there - 25));
            assert_eq!(a.gathered().unwrap(), 75 - there);
            assert_eq!(a.publish(3.0).unwrap(), 75);
        }
        a.close(4.0).unwrap();
        let mut image = r.image();
        mark(&mut image, 0);
        assert_eq!(read_all(&image).unwrap(), 75, "marked before operation {at}");
    }
    assert!(noticed > 3, "{noticed}");
}

/// The other program has appended: its rows stay where they are, ours come after them.
#[test]
fn what_another_writer_appended_stays() {
    for change in [false, true] {
        let r = Recorder::new(image(&schema(16)).unwrap());
        let mut a = resume(r.clone(), options(Sync::None, Pair::Inline));
        publish(&mut a, &[5, 20]);
        gather(&mut a, 40..75);
        // Any writer will do for the other one.
        let mut b = resume(r.clone(), options(Sync::None, Pair::Inline));
        publish(&mut b, &[15]);
        b.close(2.0).unwrap();
        if change {
            let mut image = r.image();
            resume::touched_by_another(&mut image);
            r.replace(image);
        }
        assert_eq!(a.publish(3.0).unwrap_err().kind(), Kind::Conflict);
        let found = a.readopt(false).unwrap();
        assert_eq!((found.acknowledged, found.rows, found.published), (25, 40, 0));
        assert_eq!(a.publish(4.0).unwrap(), 75);
        assert_eq!(a.page.at != 0, change);
        publish(&mut a, &[100]);
        a.close(5.0).unwrap();
        assert_eq!(read_all(&r.image()).unwrap(), 175);
    }
}

/// Between reading a file and switching it over, another program opens it: it is left alone.
#[test]
fn an_adoption_beside_another_writer_is_given_up() {
    let r = Recorder::new(image(&schema(8)).unwrap());
    let mut a = resume(r.clone(), options(Sync::None, Pair::Inline));
    publish(&mut a, &[100]);
    a.close(1.0).unwrap();
    let mut image = r.image();
    resume::touched_by_another(&mut image);
    r.replace(image.clone());
    for at in 1..5 {
        r.replace(image.clone());
        r.then(at, |image| mark(image, 5));
        let done = Existing::new(r.clone(), &NAMES, false).unwrap().resume(options(Sync::None, Pair::Inline));
        assert_eq!(done.unwrap_err().kind(), Kind::Conflict, "{at}");
        let mut left = r.image();
        mark(&mut left, 0);
        assert!(left.starts_with(&image), "{at}");
    }
}
