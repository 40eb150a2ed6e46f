//! Every state of a file that a killed change can leave, and the changes beside h5py's own.

mod attributes;
mod elements;
mod harness;
mod names;
mod power;
mod random;
mod refused;

use harness::{Case, check};
