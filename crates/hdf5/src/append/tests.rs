//! What holds of every file at every moment, over a storage that records what is written.

use super::*;
use hyperslab_core::Kind;
use hyperslab_core::dtype::{Struct, VlenType};
use hyperslab_core::source::SliceSource;
use std::sync::Arc;

mod contest;
mod oracle;
pub(crate) mod power;
mod prefixes;
pub(crate) mod recorder;
mod resume;

use recorder::{Op, Recorder};

pub(super) const NAMES: Names<'static> =
    Names { columns: &["msgs", "msg_headers"], group: Some(("meta", Some("modified"))) };

pub(super) fn schema(chunk_rows: u64) -> Schema {
    let vlen = Dtype::Vlen(Arc::new(VlenType { base: Dtype::U8, size: 16 }));
    let headers = Dtype::Struct(Arc::new(Struct::packed([("io_groups".to_owned(), Dtype::U8)])));
    let column =
        |name: &str, dtype, level| ColumnSpec { name: name.into(), dtype, chunk_rows, deflate: Some(level) };
    Schema {
        columns: vec![column("msgs", vlen, 4), column("msg_headers", headers, 0)],
        group: Some(GroupSpec {
            name: "meta".into(),
            attributes: vec![
                ("version".into(), AttributeValue::Text("0.0".into())),
                ("created".into(), AttributeValue::F64(1.5)),
                ("modified".into(), AttributeValue::F64(1.5)),
                ("io_version".into(), AttributeValue::Text("0.1".into())),
            ],
            touched: Some("modified".into()),
        }),
    }
}

/// Message `i` of every test: its length and content follow from its number.
pub(super) fn message(i: u64) -> Vec<u8> {
    let len = match i % 17 {
        0 => 0,
        3 => 1000,
        11 if i % 1000 == 11 => 70_000,
        k => 8 + 16 * k,
    };
    (0..len).map(|j| (i.wrapping_mul(31).wrapping_add(j) % 251) as u8).collect()
}

pub(super) fn options(sync: Sync, pair: Pair) -> Options {
    Options { sync, pair, step: 256 << 10, max_step: 256 << 10, settle: Duration::ZERO }
}

pub(super) fn gather<S: Storage>(a: &mut Appender<S>, rows: std::ops::Range<u64>) {
    for i in rows {
        let m = message(i);
        a.push_vlen(0, m.len() as u32, &m).unwrap();
        a.push(1, &[i as u8]).unwrap();
    }
}

/// Publishes batches of these sizes; what was there stays.
pub(super) fn publish<S: Storage>(a: &mut Appender<S>, batches: &[u64]) {
    for &n in batches {
        let start = a.rows();
        gather(a, start..start + n);
        assert_eq!(a.publish(start as f64 + 2.0).unwrap(), start + n);
    }
}

/// Reads everything with our own reader and checks that it is a prefix of the messages; returns its length.
pub(super) fn read_all(image: &[u8]) -> hyperslab_core::Result<u64> {
    let live = Live::open(SliceSource(image), &NAMES)?;
    let rows = live.rows();
    let lengths: Vec<u64> = live.columns().map(|(.., n)| n).collect();
    assert!(lengths.iter().all(|&n| n == rows), "{lengths:?}");
    let mut messages = VlenRows::new();
    live.vlen_into(0, 0..rows, 1, &mut messages)?;
    for (i, m) in messages.iter().enumerate() {
        assert!(m == message(i as u64), "message {i} of {rows} is wrong");
    }
    let mut groups = Vec::new();
    live.rows_into(1, 0..rows, &mut groups)?;
    assert!(groups.iter().enumerate().all(|(i, &g)| g == i as u8));
    assert_eq!(live.attributes()?.len(), 4);
    Ok(rows)
}

pub(super) fn resume(r: Recorder, options: Options) -> Appender<Recorder> {
    Existing::new(r, &NAMES, false).unwrap().resume(options).unwrap()
}

#[test]
fn a_file_is_made_grown_and_closed() {
    for chunk_rows in [1024, 16] {
        let r = Recorder::new(image(&schema(chunk_rows)).unwrap());
        assert_eq!(read_all(&r.image()).unwrap(), 0);
        let mut a = resume(r.clone(), options(Sync::None, Pair::Shared));
        assert_eq!(r.take().len(), 0, "opening writes nothing");
        publish(&mut a, &[1, 2, 3, 100, 1000, 5000, 1, 1024]);
        assert_eq!(a.rows(), 7131);
        assert_eq!(read_all(&r.image()).unwrap(), 7131);
        a.close(9.0).unwrap();
        let image = r.image();
        assert_eq!(read_all(&image).unwrap(), 7131);
        let live = Live::open(SliceSource(&image), &NAMES).unwrap();
        assert_eq!(live.end(), (image.len() as u64, false));
        let attributes = live.attributes().unwrap();
        assert_eq!(attributes[0], ("version".into(), Some(AttributeValue::Text("0.0".into()))));
        assert_eq!(attributes[2].0, "modified");
        assert_eq!(attributes[3].1, Some(AttributeValue::Text("0.1".into())));
    }
}

/// The usual publish is one write each for heap, messages, headers and page, after one look at the file.
#[test]
fn a_publish_takes_four_writes() {
    let r = Recorder::new(image(&schema(1024)).unwrap());
    let mut a = resume(r.clone(), options(Sync::None, Pair::Shared));
    publish(&mut a, &[100]);
    r.take();
    publish(&mut a, &[100]);
    let ops = r.take();
    assert!(ops.iter().all(|op| matches!(op, Op::Write(..))), "{ops:?}");
    assert_eq!(ops.len(), 4);
    let mut a = {
        a.close(1.0).unwrap();
        resume(r.clone(), options(Sync::Durable, Pair::Shared))
    };
    publish(&mut a, &[1]);
    r.take();
    publish(&mut a, &[1]);
    let barriers = r.take().iter().filter(|op| matches!(op, Op::Barrier)).count();
    assert_eq!(barriers, 2);
}

#[test]
fn a_changed_file_is_not_written_to() {
    let r = Recorder::new(image(&schema(1024)).unwrap());
    let mut a = resume(r.clone(), options(Sync::None, Pair::Shared));
    publish(&mut a, &[10]);
    gather(&mut a, 10..20);
    r.take();
    let good = r.image();
    for at in [11, 40, 100, 600, 1100, 1600] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        r.replace(bad);
        assert_eq!(a.publish(1.0).unwrap_err().kind(), Kind::Conflict, "byte {at}");
    }
    r.replace(good[..good.len() - 1].to_vec());
    assert_eq!(a.publish(1.0).unwrap_err().kind(), Kind::Conflict);
    assert_eq!(r.take().len(), 0);
    // As it was, the publish goes on.
    r.replace(good);
    assert_eq!(a.publish(1.0).unwrap(), 20);
    assert_eq!(read_all(&r.image()).unwrap(), 20);
}

/// A write that fails at any point loses nothing that was published, and trying again succeeds.
#[test]
fn failing_writes_lose_nothing() {
    for fail_at in 0..40 {
        let r = Recorder::new(image(&schema(16)).unwrap());
        let mut a = resume(r.clone(), options(Sync::Ordered, Pair::Shared));
        publish(&mut a, &[5]);
        r.fail_after(fail_at);
        let mut published = 5;
        let mut failed = false;
        for n in [1, 40, 400] {
            let start = a.rows();
            gather(&mut a, start..start + n);
            match a.publish(1.0) {
                Ok(rows) => published = rows,
                Err(e) => {
                    failed = true;
                    assert_eq!(e.kind(), Kind::Io);
                    r.fail_after(u64::MAX);
                    let now = read_all(&r.image()).unwrap();
                    assert!(now == published || now == published + n, "{now}");
                    match a.publish(1.0) {
                        Ok(rows) => published = rows,
                        // The page itself may have been written or not: the writer says so, looks and goes on.
                        Err(e) if e.kind() == Kind::Conflict => {
                            let found = a.readopt(false).unwrap();
                            assert_eq!((found.acknowledged, found.rows), (published, now));
                            assert_eq!(a.gathered().unwrap(), published + n - now);
                            published = a.publish(1.0).unwrap();
                            assert_eq!(published, start + n);
                        }
                        // A sync failed: nobody knows what is on the disk.
                        Err(e) => {
                            assert_eq!(e.kind(), Kind::Io);
                            break;
                        }
                    }
                }
            }
            assert_eq!(read_all(&r.image()).unwrap(), published);
        }
        if !failed {
            assert!(fail_at > 10);
            return;
        }
    }
    panic!("no run was long enough to be without a failure");
}

/// Rows of a publish that failed and was given up are not in the closed file, not even unseen.
#[test]
fn what_was_given_up_leaves_no_trace() {
    for fail_at in 0..20 {
        let r = Recorder::new(image(&schema(16)).unwrap());
        let mut a = resume(r.clone(), options(Sync::Ordered, Pair::Shared));
        publish(&mut a, &[5]);
        gather(&mut a, 5..105);
        r.fail_after(fail_at);
        let failed = a.publish(1.0).is_err();
        r.fail_after(u64::MAX);
        a.forget_beyond(0);
        let rows = read_all(&r.image()).unwrap();
        if a.close(2.0).is_err() {
            // The page's own write failed: the next writer clears up.
            resume(r.clone(), options(Sync::None, Pair::Shared)).close(3.0).unwrap();
        }
        assert_eq!(read_all(&r.image()).unwrap(), rows);
        let a = resume(r.clone(), options(Sync::None, Pair::Shared));
        prefixes::nothing_unpublished(&a, &r.image());
        assert!(failed || fail_at > 8);
    }
}

#[test]
fn columns_must_be_complete_and_names_unique() {
    let r = Recorder::new(image(&schema(1024)).unwrap());
    let mut a = resume(r.clone(), options(Sync::None, Pair::Shared));
    a.push(1, &[1]).unwrap();
    assert_eq!(a.publish(1.0).unwrap_err().kind(), Kind::Usage);
    a.forget_beyond(0);
    assert_eq!(a.publish(1.0).unwrap(), 0);
    assert_eq!(r.take().len(), 0);
    let mut twice = schema(1024);
    twice.columns[1].name = "msgs".into();
    assert_eq!(image(&twice).unwrap_err().kind(), Kind::Usage);
    let mut many = schema(1024);
    many.columns = (0..7).map(|i| ColumnSpec { name: format!("c{i}"), ..many.columns[1].clone() }).collect();
    assert_eq!(image(&many).unwrap_err().kind(), Kind::Unsupported);
    let mut none = schema(0);
    none.group = None;
    assert_eq!(image(&none).unwrap_err().kind(), Kind::Usage);
}
