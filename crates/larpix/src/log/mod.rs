//! The raw message log: an HDF5 file of variable-length messages, each with the group that it came from.
//!
//! [`LogWriter`] appends, [`LogQueue`] gathers for it what many threads append, [`LogReader`] reads ranges and follows a
//! log that another process is writing. Files are interchangeable with those of larpix-control's `rawhdf5format` version 0.0:
//! either reads and continues what the other wrote, under HDF5 1.12 to 2.0. The write order, and what it promises when
//! a writer dies, belongs to [`hyperslab_hdf5::append`]; here is what the datasets mean.
//!
//! ```
//! use hyperslab_larpix::log::{LogOptions, LogReader, LogWriter};
//! # fn main() -> hyperslab_core::Result<()> {
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("run.h5");
//! let mut log = LogWriter::open_or_create(&path, &LogOptions::default())?;
//! let sequence = log.append(1, b"a message")?;
//! assert_eq!(log.commit()?, sequence);
//!
//! let mut reader = LogReader::open(&path)?;
//! log.append(2, b"another")?;
//! log.close()?;
//! reader.refresh()?;
//! let messages = reader.read(0..reader.len())?;
//! assert_eq!(messages.iter().collect::<Vec<_>>(), [(1, &b"a message"[..]), (2, &b"another"[..])]);
//! # Ok(())
//! # }
//! ```

mod columns;
mod follow;
mod foreign;
mod fresh;
mod merge;
mod messages;
mod queue;
mod reader;
mod recover;
mod rows;
mod source;
mod split;
mod stats;
mod version;
mod watch;
mod writer;

pub use follow::Follow;
pub use hyperslab_hdf5::append::{Pair, Sync};
pub use merge::{Merged, merge};
pub use messages::Messages;
pub use queue::{LogEvent, LogQueue};
pub use reader::{LogInfo, LogReader};
pub use recover::{Dialect, Loss, RecoverOptions, Report, Salvage, Take, check, recover};
pub use rows::Rows;
pub use split::{Split, SplitAt, split};
pub use stats::{LogStats, State};
pub use version::{LATEST, Version};
pub use writer::{LogOptions, LogWriter};
