//! The numbers of a pickle's instructions, those that are carried out and those that are refused by name.

macro_rules! ops {
    ($($name:ident = $code:expr;)*) => {
        $(pub(super) const $name: u8 = $code;)*
    };
}

ops! {
    MARK = b'('; STOP = b'.'; POP = b'0'; POP_MARK = b'1'; DUP = b'2';
    FLOAT = b'F'; BINFLOAT = b'G'; INT = b'I'; BININT = b'J'; BININT1 = b'K'; LONG = b'L'; BININT2 = b'M';
    NONE = b'N'; NEWTRUE = 0x88; NEWFALSE = 0x89; LONG1 = 0x8a; LONG4 = 0x8b;
    STRING = b'S'; BINSTRING = b'T'; SHORT_BINSTRING = b'U'; UNICODE = b'V'; BINUNICODE = b'X';
    SHORT_BINUNICODE = 0x8c; BINUNICODE8 = 0x8d; BINBYTES = b'B'; SHORT_BINBYTES = b'C'; BINBYTES8 = 0x8e;
    BYTEARRAY8 = 0x96;
    EMPTY_LIST = b']'; APPEND = b'a'; APPENDS = b'e'; LIST = b'l';
    EMPTY_TUPLE = b')'; TUPLE = b't'; TUPLE1 = 0x85; TUPLE2 = 0x86; TUPLE3 = 0x87;
    EMPTY_DICT = b'}'; DICT = b'd'; SETITEM = b's'; SETITEMS = b'u';
    PUT = b'p'; BINPUT = b'q'; LONG_BINPUT = b'r'; MEMOIZE = 0x94;
    GET = b'g'; BINGET = b'h'; LONG_BINGET = b'j';
    GLOBAL = b'c'; STACK_GLOBAL = 0x93; REDUCE = b'R'; BUILD = b'b'; BINPERSID = b'Q'; NEWOBJ = 0x81;
    PROTO = 0x80; FRAME = 0x95;
}

/// The names of instructions that no checkpoint of tensors needs.
pub(super) fn refused(code: u8) -> Option<&'static str> {
    Some(match code {
        b'i' => "INST",
        b'o' => "OBJ",
        b'P' => "PERSID",
        0x82..=0x84 => "EXT",
        0x8f => "EMPTY_SET",
        0x90 => "ADDITEMS",
        0x91 => "FROZENSET",
        0x92 => "NEWOBJ_EX",
        0x97 => "NEXT_BUFFER",
        0x98 => "READONLY_BUFFER",
        _ => return None,
    })
}
