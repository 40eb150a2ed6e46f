//! Object header messages, one module each, and the numbers that name them.
//!
//! A message module offers `parse(body, ..)` and, where this crate writes it, `emit(.., &mut Vec<u8>)`. A body is
//! the message without its header; `offset` is where it lies in the file, for error messages.
//!
//! Source: HDF5 File Format Specification 3.0 and 4.0, section IV.A.2.

pub mod attribute;
pub mod attribute_info;
pub mod btree_k;
pub mod cache_image;
pub mod comment;
pub mod continuation;
pub mod dataspace;
pub mod datatype;
pub mod driver_info;
pub mod external_files;
pub mod fill_value;
pub mod filter_pipeline;
pub mod group_info;
pub mod layout;
pub mod link;
pub mod link_info;
pub mod modification_time;
pub mod reference_count;
pub mod shared;
pub mod shared_message_table;
pub mod symbol_table;

/// The numbers of the messages.
pub mod kind {
    /// Unused space.
    pub const NIL: u16 = 0x00;
    /// [Dataspace](super::dataspace).
    pub const DATASPACE: u16 = 0x01;
    /// [Link info](super::link_info).
    pub const LINK_INFO: u16 = 0x02;
    /// [Datatype](super::datatype).
    pub const DATATYPE: u16 = 0x03;
    /// [Fill value](super::fill_value) of HDF5 before 1.6.
    pub const FILL_VALUE_OLD: u16 = 0x04;
    /// [Fill value](super::fill_value).
    pub const FILL_VALUE: u16 = 0x05;
    /// [Link](super::link).
    pub const LINK: u16 = 0x06;
    /// [External files](super::external_files) that hold the elements.
    pub const EXTERNAL_FILES: u16 = 0x07;
    /// [Data layout](super::layout).
    pub const LAYOUT: u16 = 0x08;
    /// [Group info](super::group_info).
    pub const GROUP_INFO: u16 = 0x0a;
    /// [Filter pipeline](super::filter_pipeline).
    pub const FILTER_PIPELINE: u16 = 0x0b;
    /// [Attribute](super::attribute).
    pub const ATTRIBUTE: u16 = 0x0c;
    /// [Comment](super::comment).
    pub const COMMENT: u16 = 0x0d;
    /// [Modification time](super::modification_time) as text.
    pub const MODIFICATION_TIME_OLD: u16 = 0x0e;
    /// [Shared-message table](super::shared_message_table).
    pub const SHARED_MESSAGE_TABLE: u16 = 0x0f;
    /// [Continuation](super::continuation).
    pub const CONTINUATION: u16 = 0x10;
    /// [Symbol table](super::symbol_table).
    pub const SYMBOL_TABLE: u16 = 0x11;
    /// [Modification time](super::modification_time).
    pub const MODIFICATION_TIME: u16 = 0x12;
    /// [B-tree K values](super::btree_k).
    pub const BTREE_K: u16 = 0x13;
    /// [Driver info](super::driver_info).
    pub const DRIVER_INFO: u16 = 0x14;
    /// [Attribute info](super::attribute_info).
    pub const ATTRIBUTE_INFO: u16 = 0x15;
    /// [Reference count](super::reference_count).
    pub const REFERENCE_COUNT: u16 = 0x16;
    /// [Cache image](super::cache_image).
    pub const CACHE_IMAGE: u16 = 0x18;
    /// The last number that HDF5 2.0 defines.
    pub const LAST: u16 = 0x18;
}
