//! Rust types that stand for dtypes: the typed end of the dynamic world.

use super::{ByteOrder, Dtype};

mod sealed {
    pub trait Sealed {}
}

/// A Rust number whose bytes are exactly those of one native-order dtype.
///
/// Sealed: every implementor is plain old data (any bytes are a value, no padding), which is what makes a cast
/// of file bytes sound. `bool` is missing on purpose: a byte 2 is not a `bool`; read it as `u8`.
pub trait Element: bytemuck::Pod + PartialEq + std::fmt::Debug + Send + Sync + sealed::Sealed {
    /// The dtype in this machine's byte order.
    const DTYPE: Dtype;
    /// The same value with its bytes reversed.
    #[must_use]
    fn swapped(self) -> Self;
}

macro_rules! elements {
    ($($t:ty => $d:expr, $swap:expr;)*) => {$(
        impl sealed::Sealed for $t {}
        impl Element for $t {
            const DTYPE: Dtype = $d;
            fn swapped(self) -> Self { ($swap)(self) }
        }
    )*};
}

elements! {
    u8 => Dtype::int(1, false, ByteOrder::NATIVE), |v: u8| v;
    i8 => Dtype::int(1, true, ByteOrder::NATIVE), |v: i8| v;
    u16 => Dtype::int(2, false, ByteOrder::NATIVE), u16::swap_bytes;
    i16 => Dtype::int(2, true, ByteOrder::NATIVE), i16::swap_bytes;
    u32 => Dtype::int(4, false, ByteOrder::NATIVE), u32::swap_bytes;
    i32 => Dtype::int(4, true, ByteOrder::NATIVE), i32::swap_bytes;
    u64 => Dtype::int(8, false, ByteOrder::NATIVE), u64::swap_bytes;
    i64 => Dtype::int(8, true, ByteOrder::NATIVE), i64::swap_bytes;
    f32 => Dtype::float(4, ByteOrder::NATIVE), |v: f32| f32::from_bits(v.to_bits().swap_bytes());
    f64 => Dtype::float(8, ByteOrder::NATIVE), |v: f64| f64::from_bits(v.to_bits().swap_bytes());
}
