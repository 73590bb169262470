//! Reads the number out of an identifier, whatever newtypes it is wrapped in.

use std::fmt::Display;

use serde::Serialize;
use serde::ser::{self, Serializer};

/// Not a number.
#[derive(Debug)]
pub(super) struct NotANumber;

impl Display for NotANumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not an unsigned number")
    }
}

impl std::error::Error for NotANumber {}

impl ser::Error for NotANumber {
    fn custom<T: Display>(_: T) -> NotANumber {
        NotANumber
    }
}

/// A serializer that accepts one unsigned number, bare or in newtypes, and gives it back.
pub(super) struct Number;

type Never = ser::Impossible<u64, NotANumber>;

macro_rules! refuse {
    ($($method:ident($($type:ty),*) -> $ok:ty;)*) => {
        $(fn $method(self, $(_: $type),*) -> Result<$ok, NotANumber> {
            Err(NotANumber)
        })*
    };
}

impl Serializer for Number {
    type Ok = u64;
    type Error = NotANumber;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    fn serialize_u8(self, value: u8) -> Result<u64, NotANumber> {
        Ok(u64::from(value))
    }
    fn serialize_u16(self, value: u16) -> Result<u64, NotANumber> {
        Ok(u64::from(value))
    }
    fn serialize_u32(self, value: u32) -> Result<u64, NotANumber> {
        Ok(u64::from(value))
    }
    fn serialize_u64(self, value: u64) -> Result<u64, NotANumber> {
        Ok(value)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<u64, NotANumber> {
        value.serialize(self)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<u64, NotANumber> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<u64, NotANumber> {
        Err(NotANumber)
    }
    refuse!(
        serialize_bool(bool) -> u64;
        serialize_i8(i8) -> u64;
        serialize_i16(i16) -> u64;
        serialize_i32(i32) -> u64;
        serialize_i64(i64) -> u64;
        serialize_f32(f32) -> u64;
        serialize_f64(f64) -> u64;
        serialize_char(char) -> u64;
        serialize_str(&str) -> u64;
        serialize_bytes(&[u8]) -> u64;
        serialize_none() -> u64;
        serialize_unit() -> u64;
        serialize_unit_struct(&'static str) -> u64;
        serialize_unit_variant(&'static str, u32, &'static str) -> u64;
        serialize_seq(Option<usize>) -> Never;
        serialize_tuple(usize) -> Never;
        serialize_tuple_struct(&'static str, usize) -> Never;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Never;
        serialize_map(Option<usize>) -> Never;
        serialize_struct(&'static str, usize) -> Never;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Never;
    );
}
