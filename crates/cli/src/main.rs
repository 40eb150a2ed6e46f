//! slab
fn main() {}
