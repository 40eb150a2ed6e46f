//! The raw message log of LArPix detectors ([`log`]), the PACMAN messages that it holds ([`pacman`]), the LArPix
//! packets inside those ([`packet`]), and the table of packets that analyses read ([`packets`]).
//!
//! A log is an HDF5 file of variable-length messages that grows while others read it, interchangeable with the one
//! that larpix-control's `rawhdf5format` writes. How its bytes reach the file is decided in
//! [`hyperslab_hdf5::append`]; what the bytes mean is decided here.
#![forbid(unsafe_code)]

pub mod convert;
pub mod log;
pub mod packet;
pub mod packets;
pub mod pacman;
