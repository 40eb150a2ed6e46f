//! Which mode a directory has: what its index says of itself, and where that is damaged or missing, what is left of a
//! journal in it, and what the lock says.

use super::lock;
use super::native;
use super::own::{self, no_follow};
use super::shared::INDEX;
use hyperslab_core::Source as _;
use hyperslab_core::source::FileSource;
use std::path::Path;

/// How a directory keeps the names of its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// In nengo's index, so that nengo uses the directory at the same time.
    #[default]
    Shared,
    /// In a journal of its own: much faster with many entries. Nengo leaves such a directory alone.
    Native,
}

/// How much of a damaged index is looked at.
const LOOK: usize = 64 << 10;

/// Whether a directory is a cache, or was one: it has an index, a journal or packs.
pub fn is_cache(dir: &Path) -> bool {
    mode_of(dir).is_some() || own::list(dir).is_ok_and(|packs| !packs.is_empty())
}

/// The mode of a directory, if it is a cache. A journal is recognised without its first bytes, too: by the rest of its
/// header, by its records, and by the lock, which is marked before a journal is made. Where the index is damaged and
/// nothing of this is there, it is taken for nengo's.
pub fn mode_of(dir: &Path) -> Option<Mode> {
    let index = dir.join(INDEX);
    let native = || lock::says_native(dir).then_some(Mode::Native);
    match index.symlink_metadata() {
        Err(_) => return native(),
        Ok(meta) if !meta.is_file() => return Some(Mode::Shared),
        Ok(_) => {}
    }
    let open = no_follow().read(true).open(&index).map(|file| FileSource::from_file(file, &index));
    let head = |len| open.as_ref().ok().and_then(|file| Some(file.head(len).ok()?.0)).unwrap_or_default();
    let first = head(16);
    if native::is_journal(&first) {
        return Some(Mode::Native);
    }
    if says_shared(&first) {
        return Some(Mode::Shared);
    }
    match native::was_journal(&head(LOOK)) {
        true => Some(Mode::Native),
        false => native().or(Some(Mode::Shared)),
    }
}

/// Whether an index starts with its version, `(version, protocol)`, pickled in protocol 2 as nengo does.
fn says_shared(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2, b'K', _, b'K', _, 0x86, b'q', 0, b'.', ..])
}
