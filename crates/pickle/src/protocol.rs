//! The protocols that are written. All six are read.

use hyperslab_core::Error;

/// A pickle protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Protocol {
    /// Read by Python 2.3 and later.
    Two,
    /// Read by Python 3.0 and later.
    Three,
    /// Read by Python 3.4 and later.
    #[default]
    Four,
    /// Read by Python 3.8 and later.
    Five,
}

impl Protocol {
    /// The number that a pickle begins with.
    pub fn number(self) -> u8 {
        match self {
            Protocol::Two => 2,
            Protocol::Three => 3,
            Protocol::Four => 4,
            Protocol::Five => 5,
        }
    }
}

impl TryFrom<u8> for Protocol {
    type Error = Error;

    fn try_from(number: u8) -> Result<Protocol, Error> {
        Ok(match number {
            2 => Protocol::Two,
            3 => Protocol::Three,
            4 => Protocol::Four,
            5 => Protocol::Five,
            n => return Err(Error::unsupported(format!("writing pickle protocol {n}, which is not 2 to 5"))),
        })
    }
}
