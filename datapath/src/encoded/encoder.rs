//! Writes what postcard reads: byte for byte what its own serializer writes, sooner.
//!
//! A recovery point of a fleet is written as four hundred numbers on its way, in frames, files and facts. postcard makes a number byte by
//! byte in one place and carries it to another; here a number is made whole, and put down where it belongs.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

type Result<T> = std::result::Result<T, postcard::Error>;

/// Writes behind what there is.
pub(super) struct Encoder(pub(super) Vec<u8>);

impl Encoder {
    /// Seven bits a byte, the lowest first; all but the last have their highest bit set.
    #[inline]
    fn number(&mut self, number: u64) {
        match number {
            ..0x80 => self.0.push(number as u8),
            _ => self.long_number(number),
        }
    }

    #[inline(never)]
    fn long_number(&mut self, number: u64) {
        if number >> 56 != 0 {
            return self.huge_number(number.into());
        }
        // All of its groups of seven bits at once: two of 28 bits are moved apart, then four of 14, then eight.
        let groups = number & 0xfff_ffff | (number & 0xff_ffff_f000_0000) << 4;
        let groups = groups & 0x3fff_0000_3fff | (groups & 0xfff_c000_0fff_c000) << 2;
        let groups = groups & 0x7f_007f_007f_007f | (groups & 0x3f80_3f80_3f80_3f80) << 1;
        let len = (70 - number.leading_zeros() as usize) / 7;
        let go_on = 0x8080_8080_8080_8080 & ((1 << (8 * (len - 1))) - 1);
        // Of a length that is known when this is compiled: no call that copies.
        let end = self.0.len() + len;
        self.0.extend_from_slice(&(groups | go_on).to_le_bytes());
        self.0.truncate(end);
    }

    /// Apart, so that the way of all others keeps its registers.
    #[cold]
    fn huge_number(&mut self, mut number: u128) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    #[inline]
    fn length(&mut self, len: Option<usize>) -> Result<()> {
        self.number(len.ok_or(postcard::Error::SerializeSeqLengthUnknown)? as u64);
        Ok(())
    }
}

/// Small ones are near zero on both sides of it.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

/// Methods of a serializer that write one number.
macro_rules! numbers {
    ($($method:ident: $type:ty, $self:ident, $value:ident => $write:expr;)*) => {
        $(
            #[inline]
            fn $method($self, $value: $type) -> Result<()> {
                $write;
                Ok(())
            }
        )*
    };
}

impl Serializer for &mut Encoder {
    type Ok = ();
    type Error = postcard::Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    numbers! {
        serialize_bool: bool, self, value => self.0.push(u8::from(value));
        serialize_i8: i8, self, value => self.0.push(value as u8);
        serialize_i16: i16, self, value => self.number(zigzag(i64::from(value)));
        serialize_i32: i32, self, value => self.number(zigzag(i64::from(value)));
        serialize_i64: i64, self, value => self.number(zigzag(value));
        serialize_i128: i128, self, value => self.huge_number(((value << 1) ^ (value >> 127)) as u128);
        serialize_u8: u8, self, value => self.0.push(value);
        serialize_u16: u16, self, value => self.number(u64::from(value));
        serialize_u32: u32, self, value => self.number(u64::from(value));
        serialize_u64: u64, self, value => self.number(value);
        serialize_u128: u128, self, value => self.huge_number(value);
        serialize_f32: f32, self, value => self.0.extend_from_slice(&value.to_le_bytes());
        serialize_f64: f64, self, value => self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn serialize_char(self, value: char) -> Result<()> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<()> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<()> {
        self.number(value.len() as u64);
        self.0.extend_from_slice(value);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<()> {
        self.serialize_u8(0)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        self.0.push(1);
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<()> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, variant: u32, _: &'static str) -> Result<()> {
        self.serialize_u32(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<()> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Result<()> {
        self.number(u64::from(variant));
        value.serialize(self)
    }

    #[inline]
    fn serialize_seq(self, len: Option<usize>) -> Result<Self> {
        self.length(len)?;
        Ok(self)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_variant(self, _: &'static str, variant: u32, _: &'static str, _: usize) -> Result<Self> {
        self.number(u64::from(variant));
        Ok(self)
    }

    #[inline]
    fn serialize_map(self, len: Option<usize>) -> Result<Self> {
        self.length(len)?;
        Ok(self)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self> {
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(self, _: &'static str, variant: u32, _: &'static str, _: usize) -> Result<Self> {
        self.number(u64::from(variant));
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// What is made of several: each is written as it is.
macro_rules! compounds {
    ($($compound:ident: $($method:ident $(($key:ty))?),+;)*) => {
        $(
            impl $compound for &mut Encoder {
                type Ok = ();
                type Error = postcard::Error;

                $(
                    #[inline]
                    fn $method<T: Serialize + ?Sized>(&mut self, $(_: $key,)? value: &T) -> Result<()> {
                        value.serialize(&mut **self)
                    }
                )+

                #[inline]
                fn end(self) -> Result<()> {
                    Ok(())
                }
            }
        )*
    };
}

compounds! {
    SerializeSeq: serialize_element;
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
    SerializeMap: serialize_key, serialize_value;
    SerializeStruct: serialize_field(&'static str);
    SerializeStructVariant: serialize_field(&'static str);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::super::{encode, encode_behind};

    /// Of each kind of variant one.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Kind {
        Unit,
        Newtype(u64),
        Tuple(i32, Option<bool>),
        Struct { bytes: Vec<u8>, number: u128 },
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Empty;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Pair(char, Empty);

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct All {
        unsigned: (u8, u16, u32, u64, usize),
        signed: (i8, i16, i32, i64, i128),
        floats: (f32, f64),
        kinds: Vec<Kind>,
        map: BTreeMap<String, [u16; 3]>,
        pair: Pair,
        unit: (),
    }

    /// Of one byte to ten.
    fn number() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0u32..64).prop_map(|(number, less)| number >> less)
    }

    fn kind() -> impl Strategy<Value = Kind> {
        prop_oneof![
            Just(Kind::Unit),
            number().prop_map(Kind::Newtype),
            any::<(i32, Option<bool>)>().prop_map(|(number, flag)| Kind::Tuple(number, flag)),
            (any::<Vec<u8>>(), any::<u128>(), 0u32..128).prop_map(|(bytes, number, less)| Kind::Struct {
                bytes,
                number: number >> less,
            }),
        ]
    }

    prop_compose! {
        fn all()(
            numbers in prop::array::uniform5(number()),
            long in any::<i128>(),
            floats in any::<(f32, f64)>(),
            kinds in prop::collection::vec(kind(), 0..4),
            map in any::<BTreeMap<String, [u16; 3]>>(),
            letter in any::<char>(),
        ) -> All {
            let [a, b, c, d, e] = numbers;
            All {
                unsigned: (a as u8, b as u16, c as u32, d, e as usize),
                signed: (a as i8, b as i16, c as i32, d as i64, long >> (e % 128)),
                floats,
                kinds,
                map,
                pair: Pair(letter, Empty),
                unit: (),
            }
        }
    }

    proptest! {
        #[test]
        fn a_value_is_encoded_as_postcard_does(value in all(), negative in any::<i64>()) {
            let value = (value, negative);
            prop_assert_eq!(encode(&value), postcard::to_stdvec(&value).expect("plain data"));
            prop_assert_eq!(&encode_behind(&value, vec![7, 9])[2..], &encode(&value));
        }
    }

    #[test]
    fn the_edges_of_a_number_are_encoded_as_postcard_does() {
        for bits in 0..64 {
            for number in [(1_u64 << bits) - 1, 1 << bits, u64::MAX >> bits] {
                let value = (number, number as i64, -i128::from(number));
                assert_eq!(encode(&value), postcard::to_stdvec(&value).unwrap());
            }
        }
    }
}
