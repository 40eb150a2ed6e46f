//! The structures of an HDF5 file, one module each: parse a slice, emit bytes, no I/O.
//!
//! Not here: where the bytes come from and which structure follows which (`read`), and where new structures are
//! put and in which order they are written (`write`, `append`). The modules follow the table of contents of the
//! HDF5 File Format Specification (versions 3.0 and 4.0): superblock, B-trees, groups, heaps, object headers with
//! their messages, chunk indexes.

pub mod btree_v1;
pub mod btree_v2;
pub mod cache_image;
pub mod checksum;
pub mod cursor;
pub mod extensible_array;
pub mod fixed_array;
pub mod fractal_heap;
pub mod global_heap;
pub mod local_heap;
pub mod message;
pub mod object_header;
pub mod put;
pub mod selection;
pub mod shared_message_table;
pub mod superblock;
pub mod symbol_node;
pub mod virtual_mapping;

pub use cursor::Cursor;
pub use put::Put;

/// The address that points nowhere: all bits set.
pub const UNDEFINED: u64 = u64::MAX;

/// How many bytes a file gives to addresses and to lengths, and how many entries to nodes; the superblock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of an address: 2, 4 or 8.
    pub offset: u8,
    /// Bytes of a length: 2, 4 or 8.
    pub length: u8,
    /// Half the capacity of a symbol node.
    pub group_leaf_k: u16,
    /// Half the capacity of a group's version 1 B-tree node.
    pub group_internal_k: u16,
    /// Half the capacity of a version 1 B-tree node of chunks.
    pub chunk_internal_k: u16,
}

impl Sizes {
    /// 8 and 8, nodes of 8, 32 and 64: what every library writes unless told otherwise, and the only thing emitted
    /// here.
    pub const STANDARD: Sizes =
        Sizes { offset: 8, length: 8, group_leaf_k: 4, group_internal_k: 16, chunk_internal_k: 32 };

    /// Bytes of a stored reference to a variable-length element: count, heap address, object number.
    pub fn vlen_reference(self) -> u32 {
        8 + u32::from(self.offset)
    }
}
