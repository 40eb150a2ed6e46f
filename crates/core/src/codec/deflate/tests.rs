use super::*;
use crate::Kind;
use proptest::prelude::*;

/// Every back end of this build.
const BACKENDS: &[Backend] = &[
    Backend::Rust,
    #[cfg(feature = "libdeflate")]
    Backend::Libdeflate,
];

fn noise(n: u32) -> Vec<u8> {
    (0..n).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Bytes with repetitions near and far, in stretches of different sorts.
fn mixed(n: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut out: Vec<u8> = Vec::with_capacity(n + 300);
    while out.len() < n {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [a, b, c, d, ..] = state.to_le_bytes();
        let back = usize::from(u16::from_le_bytes([a, b])) + 1;
        match d % 4 {
            0 if back <= out.len() => {
                let from = out.len() - back;
                (0..usize::from(c) + 3).for_each(|i| out.push(out[from + i]));
            }
            1 => out.extend([c].repeat(usize::from(a))),
            2 => out.extend(noise(u32::from(c)).iter().map(|x| x ^ a)),
            _ => out.extend((0..c).map(|i| (i % (b % 7 + 1)).wrapping_add(a))),
        }
    }
    out.truncate(n);
    out
}

fn raw(stream: &[u8], want: &[u8], backend: Backend) {
    let mut out = vec![9; want.len()];
    let crc = crc32fast::hash(want);
    assert_eq!(inflate_raw(stream, &mut out, crc, backend).unwrap(), crc);
    assert!(out == want);
}

#[test]
fn round_trips_of_every_size() {
    for bytes in [&[][..], &[1], &[0; 16384], &noise(40_000), &mixed(300_000, 5)] {
        for (&a, &b) in BACKENDS.iter().flat_map(|a| BACKENDS.iter().map(move |b| (a, b))) {
            for level in 0..=9 {
                let z = deflate(bytes, level, Form::Zlib, a).unwrap();
                let mut out = vec![9; bytes.len()];
                inflate_zlib(&z, &mut out, b).unwrap();
                assert!(out == bytes);
                for expected in [0, 1, bytes.len() as u64, 1 << 40] {
                    let most = bytes.len() as u64;
                    let got = inflate_zlib_within(&z, expected, most, &Limits::default(), b).unwrap();
                    assert!(got == bytes);
                }
                raw(&deflate(bytes, level, Form::Raw, a).unwrap(), bytes, b);
            }
        }
    }
    for &b in BACKENDS {
        assert_eq!(deflate(b"x", 10, Form::Raw, b).unwrap_err().kind(), Kind::Usage);
        assert_eq!(piece(b"x", 10, true, b).unwrap_err().kind(), Kind::Usage);
    }
}

#[test]
fn wrong_lengths_and_damage_are_seen() {
    for &b in BACKENDS {
        let z = deflate(&[5; 1000], 4, Form::Zlib, b).unwrap();
        let error = |n: usize| inflate_zlib(&z, &mut vec![0; n], b).unwrap_err().to_string();
        assert_eq!(error(1001), "deflate stream ends early (wanted 1001 bytes, got 1000)");
        assert_eq!(error(999), "deflate stream gives more than the 999 bytes wanted");
        assert!(inflate_zlib_within(&z, 0, 999, &Limits::default(), b).is_err());
        for n in 0..z.len() {
            let cut = &z[..n];
            assert_eq!(inflate_zlib(cut, &mut [0; 1000], b).unwrap_err().kind(), Kind::Invalid, "{n}");
            let e = inflate_zlib_within(cut, 1000, 1000, &Limits::default(), b).unwrap_err();
            assert_eq!(e.kind(), Kind::Invalid, "{n}");
        }
        for i in 0..z.len() {
            let mut bad = z.clone();
            bad[i] ^= 0x40;
            let _ = inflate_zlib(&bad, &mut [0; 1000], b);
            let _ = inflate_zlib_within(&bad, 1000, 1000, &Limits::default(), b);
        }
        let bytes = mixed(3000, 1);
        let crc = crc32fast::hash(&bytes);
        let stream = deflate(&bytes, 6, Form::Raw, b).unwrap();
        let message = |stream: &[u8], n: usize| {
            inflate_raw(stream, &mut vec![0; n], crc, b).unwrap_err().message().to_string()
        };
        assert_eq!(message(&stream, 2999), "deflate stream gives more than the 2999 bytes wanted");
        assert_eq!(message(&stream, 3001), "deflate stream ends early (wanted 3001 bytes, got 3000)");
        let total = stream.len();
        // What follows a stream is seen, also when it looks like what a gzip member ends with.
        let trailer = [crc.to_le_bytes(), 3000u32.to_le_bytes()].concat();
        for more in [&[0u8][..], b"PK", &trailer, &[&trailer[..], b"x"].concat()] {
            let long = [&stream[..], more].concat();
            let want = format!("deflate stream ends after {total} of {} packed bytes", long.len());
            assert_eq!(message(&long, 3000), want);
        }
        // Another CRC than the one expected is the caller's to judge.
        assert_eq!(inflate_raw(&stream, &mut vec![0; 3000], !crc, b).unwrap(), crc);
    }
}

#[test]
fn a_bomb_meets_the_limit() {
    for &b in BACKENDS {
        let z = deflate(&vec![0; 10 << 20], 6, Form::Zlib, b).unwrap();
        let limits = Limits::new(1 << 20, 10, 10);
        assert_eq!(inflate_zlib_within(&z, 0, 1 << 40, &limits, b).unwrap_err().kind(), Kind::Limit);
    }
}

#[test]
fn in_pieces_as_at_once() {
    let bytes = mixed(100_000, 9);
    let stream = deflate(&bytes, 6, Form::Raw, Backend::BEST).unwrap();
    for (feed, room) in [(1, 7), (1000, 1), (1 << 20, 1000), (77, 1 << 20)] {
        let (mut inflater, mut out, mut at) = (Inflater::new(Form::Raw), Vec::<u8>::new(), 0);
        loop {
            let mut part = vec![0; room];
            let input = &stream[at..stream.len().min(at + feed)];
            let step = inflater.step(input, &mut part).unwrap();
            at += step.read;
            out.extend(&part[..step.written]);
            if step.finished {
                break;
            }
            assert!(step.read + step.written > 0);
        }
        assert!(out == bytes);
        assert_eq!((inflater.total_in(), inflater.total_out()), (stream.len() as u64, 100_000));
        // A stream that is over stays so.
        let step = inflater.step(b"more", &mut [0; 4]).unwrap();
        assert_eq!(step, Step { read: 0, written: 0, finished: true });
    }
}

/// The pieces of these sizes as one stream.
fn join(bytes: &[u8], sizes: &[usize], level: u32, backend: Backend) -> Vec<u8> {
    let (mut stream, mut rest) = (Vec::new(), bytes);
    for &n in sizes {
        let (here, after) = rest.split_at(n.min(rest.len()));
        stream.extend(piece(here, level, false, backend).unwrap());
        rest = after;
    }
    stream.extend(piece(rest, level, true, backend).unwrap());
    stream
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_are_one_stream(
        n in 0usize..200_000,
        seed in any::<u64>(),
        sizes in prop::collection::vec(0usize..80_000, 0..5),
        level in 0u32..10,
    ) {
        let bytes = mixed(n, seed);
        for &b in BACKENDS {
            let stream = join(&bytes, &sizes, level, b);
            BACKENDS.iter().for_each(|&reader| raw(&stream, &bytes, reader));
            prop_assert_eq!(stream, join(&bytes, &sizes, level, b));
        }
    }
}

#[cfg(feature = "libdeflate")]
#[test]
fn no_stream_is_walked_into_harm() {
    let bytes = mixed(20_000, 3);
    for level in [0, 1, 6, 9] {
        let stream = deflate(&bytes, level, Form::Raw, Backend::Libdeflate).unwrap();
        assert!(walk::open_end(&mut stream.clone()));
        for i in 0..stream.len() {
            let mut bad = stream.clone();
            bad[i] ^= 1 << (i % 8);
            let _ = walk::open_end(&mut bad);
            assert!(!walk::open_end(&mut stream[..i].to_vec()), "cut at {i}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn literals_alone(n in 0usize..200_000, seed in any::<u64>(), kinds in 1u32..257, skew in 0u32..30) {
        // From one symbol to all of them, from even frequencies to ones that would need codes too long.
        let mut state = seed | 1;
        let mut bytes: Vec<u8> = (0..n)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                match skew {
                    0 => (state as u32 % kinds) as u8,
                    _ => (state | 1 << 62).trailing_zeros().min(skew) as u8,
                }
            })
            .collect();
        for last in [true, false] {
            let stream = literal::deflate(&bytes, last);
            prop_assert!(stream.len().abs_diff(literal::size(&bytes)) < 30);
            let end = if last { Vec::new() } else { literal::deflate(b"end", true) };
            let joined = [stream, end].concat();
            if !last {
                bytes.extend(b"end");
            }
            BACKENDS.iter().for_each(|&b| raw(&joined, &bytes, b));
        }
    }
}

#[test]
fn noise_has_no_matches_and_is_packed_all_the_same() {
    let bytes = noise(1 << 20);
    for &b in BACKENDS {
        let stream = [piece(&bytes, 6, false, b).unwrap(), piece(&bytes, 6, true, b).unwrap()].concat();
        raw(&stream, &[&bytes[..], &bytes].concat(), b);
        assert!(stream.len() < bytes.len() * 2 + bytes.len() / 50);
    }
}
