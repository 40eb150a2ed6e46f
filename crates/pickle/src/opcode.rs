//! The opcodes of pickle protocols 0 to 5: their bytes, names and first protocol.
//!
//! Only the table. What each opcode does is one arm of `Machine::step` in `machine.rs`. The bytes and protocols
//! were taken from `pickletools` of CPython 3.11.

macro_rules! opcodes {
    ($($(#[$doc:meta])* $name:ident = $byte:literal, $protocol:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: u8 = $byte;)*

        /// The name of an opcode and the protocol that introduced it.
        pub(crate) fn describe(byte: u8) -> Option<(&'static str, u8)> {
            match byte {
                $($name => Some((stringify!($name), $protocol)),)*
                _ => None,
            }
        }
    };
}

opcodes! {
    // Stack and flow.
    MARK = b'(', 0;
    STOP = b'.', 0;
    POP = b'0', 0;
    POP_MARK = b'1', 1;
    DUP = b'2', 0;
    PROTO = 0x80, 2;
    FRAME = 0x95, 4;
    // The memo.
    PUT = b'p', 0;
    BINPUT = b'q', 1;
    LONG_BINPUT = b'r', 1;
    MEMOIZE = 0x94, 4;
    GET = b'g', 0;
    BINGET = b'h', 1;
    LONG_BINGET = b'j', 1;
    // Constants and numbers.
    NONE = b'N', 0;
    NEWTRUE = 0x88, 2;
    NEWFALSE = 0x89, 2;
    INT = b'I', 0;
    BININT = b'J', 1;
    BININT1 = b'K', 1;
    BININT2 = b'M', 1;
    LONG = b'L', 0;
    LONG1 = 0x8a, 2;
    LONG4 = 0x8b, 2;
    FLOAT = b'F', 0;
    BINFLOAT = b'G', 1;
    // Text and bytes.
    STRING = b'S', 0;
    BINSTRING = b'T', 1;
    SHORT_BINSTRING = b'U', 1;
    UNICODE = b'V', 0;
    BINUNICODE = b'X', 1;
    SHORT_BINUNICODE = 0x8c, 4;
    BINUNICODE8 = 0x8d, 4;
    BINBYTES = b'B', 3;
    SHORT_BINBYTES = b'C', 3;
    BINBYTES8 = 0x8e, 4;
    BYTEARRAY8 = 0x96, 5;
    NEXT_BUFFER = 0x97, 5;
    READONLY_BUFFER = 0x98, 5;
    // Containers.
    EMPTY_TUPLE = b')', 1;
    TUPLE = b't', 0;
    TUPLE1 = 0x85, 2;
    TUPLE2 = 0x86, 2;
    TUPLE3 = 0x87, 2;
    EMPTY_LIST = b']', 1;
    LIST = b'l', 0;
    APPEND = b'a', 0;
    APPENDS = b'e', 1;
    EMPTY_DICT = b'}', 1;
    DICT = b'd', 0;
    SETITEM = b's', 0;
    SETITEMS = b'u', 1;
    EMPTY_SET = 0x8f, 4;
    ADDITEMS = 0x90, 4;
    FROZENSET = 0x91, 4;
    // Names and objects.
    GLOBAL = b'c', 0;
    STACK_GLOBAL = 0x93, 4;
    REDUCE = b'R', 0;
    BUILD = b'b', 0;
    INST = b'i', 0;
    OBJ = b'o', 1;
    NEWOBJ = 0x81, 2;
    NEWOBJ_EX = 0x92, 4;
    PERSID = b'P', 0;
    BINPERSID = b'Q', 1;
    EXT1 = 0x82, 2;
    EXT2 = 0x83, 2;
    EXT4 = 0x84, 2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_adds_the_documented_number_of_opcodes() {
        let mut added = [0; 6];
        for (_, protocol) in (0..=255).filter_map(describe) {
            added[usize::from(protocol)] += 1;
        }
        // Counted in pickletools of CPython 3.11: 68 in all.
        assert_eq!(added, [22, 19, 12, 2, 10, 3]);
    }
}
