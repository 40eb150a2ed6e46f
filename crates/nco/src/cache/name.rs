//! Names of pack files, `XX/REST.nco`: a UUID cut after two digits. No other file of a directory is a cache's own.

use sha2::{Digest as _, Sha256};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The name of a pack file in its cache directory.
// In bytes, which need no alignment: an index holds very many.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PackName([u8; 16]);

/// Where the hyphens of a UUID are.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl PackName {
    /// Bytes of its text.
    pub(crate) const LEN: usize = 41;

    /// A new name. Random (UUID version 4): unlike nengo's, it does not tell time and machine.
    pub(crate) fn new() -> PackName {
        let mut sha = Sha256::new();
        // Each state is seeded by the system's randomness.
        for _ in 0..2 {
            sha.update(RandomState::new().hash_one(0u8).to_le_bytes());
        }
        sha.update(std::process::id().to_le_bytes());
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        sha.update(now.as_nanos().to_le_bytes());
        let mut uuid = [0; 16];
        uuid.iter_mut().zip(sha.finalize()).for_each(|(u, b)| *u = b);
        let uuid = u128::from_be_bytes(uuid);
        let version = uuid & !(0xf << 76) | 4 << 76;
        PackName::of_uuid(version & !(3 << 62) | 2 << 62)
    }

    /// The name at the end of a path, however the cache directory was called when the path was written; `\` separates
    /// as well.
    pub fn at_end_of(path: &str) -> Option<PackName> {
        let mut parts = path.rsplit(['/', '\\']);
        let (rest, shard) = (parts.next()?, parts.next()?);
        PackName::of(shard, rest)
    }

    /// The name of the file `rest` in the folder `shard`, if it is one.
    pub fn of(shard: &str, rest: &str) -> Option<PackName> {
        let rest = rest.strip_suffix(".nco")?;
        if shard.len() != 2 || rest.len() != 34 {
            return None;
        }
        let mut uuid = 0u128;
        for (i, b) in shard.bytes().chain(rest.bytes()).enumerate() {
            let digit = match (HYPHENS.contains(&i), b) {
                (true, b'-') => continue,
                (false, b'0'..=b'9') => b - b'0',
                (false, b'a'..=b'f') => b - b'a' + 10,
                _ => return None,
            };
            uuid = uuid << 4 | u128::from(digit);
        }
        Some(PackName::of_uuid(uuid))
    }

    /// The UUID that it is made of.
    pub(crate) fn uuid(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The name that is made of a UUID.
    pub(crate) fn of_uuid(uuid: u128) -> PackName {
        PackName(uuid.to_be_bytes())
    }

    /// The folder, two digits.
    pub fn shard(self) -> String {
        format!("{:02x}", self.uuid() >> 120)
    }

    /// The path in a cache directory.
    pub fn path(self, dir: &Path) -> PathBuf {
        dir.join(self.to_string())
    }
}

impl fmt::Display for PackName {
    /// `XX/REST.nco`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; PackName::LEN];
        let mut places = text.iter_mut();
        let nibbles = self.0.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        for (i, nibble) in nibbles.enumerate() {
            let between = match i {
                2 => Some(b'/'),
                8 | 12 | 16 | 20 => Some(b'-'),
                _ => None,
            };
            let digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            between.into_iter().chain([digit]).zip(&mut places).for_each(|(byte, place)| *place = byte);
        }
        places.zip(b".nco").for_each(|(place, byte)| *place = *byte);
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for PackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let text = "e8/676bda-e5ea-11f1-ac7c-02fc00000001.nco";
        let name = PackName::at_end_of(&format!("/old/place/{text}")).unwrap();
        assert_eq!(name.to_string(), text);
        assert_eq!(name.shard(), "e8");
        assert_eq!(PackName::at_end_of(&format!(r"C:\cache\{}", text.replace('/', r"\"))), Some(name));
        let new = PackName::new();
        assert_eq!(PackName::at_end_of(&new.to_string()), Some(new));
        assert_eq!(new.to_string().as_bytes()[15], b'4');
        assert_ne!(new, PackName::new());
    }

    #[test]
    fn other_names_are_not_ours() {
        for other in [
            "676bda-e5ea-11f1-ac7c-02fc00000001.nco",
            "e8/676bda-e5ea-11f1-ac7c-02fc00000001.npy",
            "e8/676bda-e5ea-11f1-ac7c-02fc0000000g.nco",
            "e8/676bda-e5ea-11f1-ac7c-02fc00000001x.nco",
            "E8/676bda-e5ea-11f1-ac7c-02fc00000001.nco",
            "e8/676bda-e5ea-11f1-ac7c02fc-00000001.nco",
            "é/676bda-e5ea-11f1-ac7c-02fc00000001.nco",
            "../676bda-e5ea-11f1-ac7c-02fc00000001.nco",
            "",
        ] {
            assert_eq!(PackName::at_end_of(other), None, "{other}");
        }
    }
}
