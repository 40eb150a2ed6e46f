//! For readers of which versions of HDF5 a file is written.

use hyperslab_core::Error;
use std::str::FromStr;

/// Which structures a file is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Libver {
    /// Those of HDF5 1.6, and of later versions only for objects that cannot be without them: attributes of more than
    /// 64 KiB, external links, links in the order of their creation, null dataspaces.
    Earliest,
    /// Those of HDF5 1.8: every library since reads and changes them.
    #[default]
    V110,
    /// Those that HDF5 1.10 brought: indexes of chunks for each way of growing.
    Latest,
}

impl Libver {
    /// Every choice by its name.
    pub const NAMES: [(&'static str, Libver); 3] =
        [("earliest", Libver::Earliest), ("v110", Libver::V110), ("latest", Libver::Latest)];

    /// The version of the superblock.
    pub(super) fn superblock(self) -> u8 {
        match self {
            Libver::Earliest => 0,
            Libver::V110 => 2,
            Libver::Latest => 3,
        }
    }

    /// Whether types, spaces and other messages have the form of HDF5 1.6.
    pub(super) fn is_old(self) -> bool {
        self == Libver::Earliest
    }

    /// The most links that a group has in its header.
    pub(super) fn most_compact_links(self) -> usize {
        match self {
            // libhdf5's own choice.
            Libver::Latest => 8,
            // A few dozen links are found faster, and take less space, in the header.
            _ => 64,
        }
    }
}

impl FromStr for Libver {
    type Err = Error;

    fn from_str(text: &str) -> Result<Libver, Error> {
        let found = Libver::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, v)| *v).ok_or_else(|| Error::usage(format!("no HDF5 version {text:?}")))
    }
}
