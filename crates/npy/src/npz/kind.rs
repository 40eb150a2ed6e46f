//! Which members are arrays and which are raw bytes: a listing shows both as arrays.

use super::Npz;
use hyperslab_core::{Limits, Result, Source};

impl<S: Source> Npz<S> {
    /// Whether a member is raw bytes, which NumPy gives back as `bytes`.
    ///
    /// # Errors
    /// `Usage` for a key that is not there; what reading the member's start reports.
    pub fn is_raw(&self, key: &str, limits: &Limits) -> Result<bool> {
        let entry = self.entry(key)?;
        self.member(entry, limits)
            .and_then(|member| Self::header(&member, entry, limits))
            .map(|h| h.is_none())
            .map_err(|e| self.about(e, entry))
    }
}
