//! File systems on which a live file cannot keep what it promises, by the number that statfs(2) gives.
//!
//! The write order holds where all programs see one page cache and locks are seen by all. File systems of several
//! machines keep a cache on each; those that programs implement (FUSE) can be anything. Not here: what to do about
//! it.
//!
//! Source: statfs(2), linux/magic.h; Lustre's and IBM Storage Scale's public headers for theirs.

use hyperslab_core::{Error, Result};
use std::path::Path;

/// Numbers and names.
const SHARED: &[(u32, &str)] = &[
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "SMB"),
    (0xFE53_4D42, "SMB"),
    (0x0BD0_0BD0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x6573_5546, "FUSE"),
    (0x00C3_6400, "CephFS"),
    (0x1983_0326, "BeeGFS"),
    (0xAAD7_AAEA, "PanFS"),
    (0x5346_414F, "AFS"),
    (0x6B41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0102_1997, "9p"),
    (0x0116_1970, "GFS2"),
    (0x7461_636F, "OCFS2"),
    (0x786F_4256, "a virtual machine's shared folder"),
];

/// The name of the file system that `path` lies on, if it is one on which other machines can have the file open, or
/// of which that cannot be known; `None` for a file system of this machine. A path that does not exist yet is judged
/// by its folder.
///
/// # Errors
/// `Io` when the system does not say.
pub fn shared_filesystem(path: &Path) -> Result<Option<&'static str>> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let place = if path.exists() { path } else { folder };
    magic(place).map(|m| m.and_then(known))
}

fn known(magic: u32) -> Option<&'static str> {
    SHARED.iter().find(|(m, _)| *m == magic).map(|(_, name)| *name)
}

#[cfg(target_os = "linux")]
fn magic(path: &Path) -> Result<Option<u32>> {
    let found = rustix::fs::statfs(path);
    let found = found.map_err(|e| Error::io(e.into(), "cannot tell the file system").file(path))?;
    // The numbers have 32 bits; the field is wider on some machines, and signed on some.
    Ok(Some(found.f_type as u32))
}

#[cfg(not(target_os = "linux"))]
fn magic(_path: &Path) -> Result<Option<u32>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(shared_filesystem(&dir.path().join("new.h5")).unwrap(), None);
        assert_eq!(shared_filesystem(dir.path()).unwrap(), None);
        assert!(shared_filesystem(&dir.path().join("none/new.h5")).is_err());
        let names = [0x6969, 0x0BD0_0BD0, 0x4750_4653, 0xFE53_4D42, 0x6573_5546].map(known);
        assert_eq!(names, ["NFS", "Lustre", "GPFS", "SMB", "FUSE"].map(Some));
        // ext4, xfs, btrfs, tmpfs, zfs, overlay.
        for local in [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x2FC1_2FC1, 0x794C_7630] {
            assert_eq!(known(local), None);
        }
    }
}
