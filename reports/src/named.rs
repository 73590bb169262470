//! Facts and frames in words: a serializer around a serializer that writes names where the values carry numbers.
//!
//! `VmId`, `MachineId`, `ActorId` and `DiskId` become the scenario's names, a field `link` the link's name, arrays of bytes
//! (hashes) hexadecimal, and byte strings their length. A field that proves somebody's right (`key`, `passphrase`) is withheld:
//! no event, log or report contains one. It works on whatever derives `Serialize`, so a new fact needs nothing here.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::{self, Serializer};

mod number;

use crate::names::Names;
use number::Number;

/// A value to be serialized with names.
pub struct Named<'a, T: ?Sized> {
    /// The value.
    pub value: &'a T,
    /// The names.
    pub names: &'a Names,
}

impl<T: Serialize + ?Sized> Serialize for Named<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Naming {
            inner: serializer,
            names: self.names,
        })
    }
}

/// Fields that prove somebody's right to do something.
const WITHHELD: [&str; 3] = ["key", "passphrase", "registration_key"];
/// Arrays of at least so many small numbers are taken for bytes.
const HASH_BYTES_MIN: usize = 8;

struct Naming<'a, S> {
    inner: S,
    names: &'a Names,
}

impl<'a, S: Serializer> Naming<'a, S> {
    fn wrap<'v, T: ?Sized>(&self, value: &'v T) -> Named<'v, T>
    where
        'a: 'v,
    {
        Named {
            value,
            names: self.names,
        }
    }
}

macro_rules! pass {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method(self, value: $type) -> Result<S::Ok, S::Error> {
            self.inner.$method(value)
        })*
    };
}

impl<'a, S: Serializer> Serializer for Naming<'a, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Parts<'a, S::SerializeSeq>;
    type SerializeTuple = Tuple<'a, S>;
    type SerializeTupleStruct = Parts<'a, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Parts<'a, S::SerializeTupleVariant>;
    type SerializeMap = Parts<'a, S::SerializeMap>;
    type SerializeStruct = Struct<'a, S>;
    type SerializeStructVariant = Parts<'a, S::SerializeStructVariant>;

    pass!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_char: char, serialize_str: &str,
    );

    fn serialize_bytes(self, value: &[u8]) -> Result<S::Ok, S::Error> {
        self.inner.serialize_u64(value.len() as u64)
    }
    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_none()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = self.wrap(value);
        self.inner.serialize_some(&value)
    }
    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit()
    }
    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_struct(name)
    }
    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.inner.serialize_unit_variant(name, index, variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        let number = |value: &T| value.serialize(Number).ok().and_then(|n| u32::try_from(n).ok());
        let word = match name {
            "VmId" => number(value).map(|n| self.names.vm(datapath::VmId(n))),
            "MachineId" => number(value).map(|n| self.names.machine(actors::nouns::MachineId(n))),
            "ActorId" => number(value).map(|n| self.names.actor(actors::nouns::ActorId(n))),
            _ => None,
        };
        match word {
            Some(word) => self.inner.serialize_str(&word),
            None => {
                let value = self.wrap(value);
                self.inner.serialize_newtype_struct(name, &value)
            }
        }
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.wrap(value);
        self.inner.serialize_newtype_variant(name, index, variant, &value)
    }
    fn serialize_seq(self, len: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        Ok(Parts {
            inner: self.inner.serialize_seq(len)?,
            names: self.names,
        })
    }
    fn serialize_tuple(self, len: usize) -> Result<Self::SerializeTuple, S::Error> {
        Ok(if len >= HASH_BYTES_MIN {
            Tuple::Bytes(self.inner, Vec::with_capacity(len))
        } else {
            Tuple::Parts(Parts {
                inner: self.inner.serialize_tuple(len)?,
                names: self.names,
            })
        })
    }
    fn serialize_tuple_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        Ok(Parts {
            inner: self.inner.serialize_tuple_struct(name, len)?,
            names: self.names,
        })
    }
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        Ok(Parts {
            inner: self.inner.serialize_tuple_variant(name, index, variant, len)?,
            names: self.names,
        })
    }
    fn serialize_map(self, len: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        Ok(Parts {
            inner: self.inner.serialize_map(len)?,
            names: self.names,
        })
    }
    fn serialize_struct(self, name: &'static str, len: usize) -> Result<Self::SerializeStruct, S::Error> {
        Ok(if name == "DiskId" {
            Struct::Disk(self.inner, self.names, 0, 0)
        } else {
            Struct::Parts(Parts {
                inner: self.inner.serialize_struct(name, len)?,
                names: self.names,
            })
        })
    }
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        Ok(Parts {
            inner: self.inner.serialize_struct_variant(name, index, variant, len)?,
            names: self.names,
        })
    }
}

/// What a field shows.
enum Shown<'v, T: ?Sized> {
    Value(Named<'v, T>),
    Word(Cow<'v, str>),
}

impl<T: Serialize + ?Sized> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Shown::Value(value) => value.serialize(serializer),
            Shown::Word(word) => serializer.serialize_str(word),
        }
    }
}

/// What a field named `key` shows of its value.
fn shown<'v, T: Serialize + ?Sized>(names: &'v Names, key: &str, value: &'v T) -> Shown<'v, T> {
    if WITHHELD.contains(&key) {
        return Shown::Word(Cow::Borrowed("withheld"));
    }
    if key == "link"
        && let Some(link) = value.serialize(Number).ok().and_then(|n| u32::try_from(n).ok())
    {
        return Shown::Word(names.link(link));
    }
    Shown::Value(Named { value, names })
}

/// The parts of a compound value, each wrapped.
struct Parts<'a, C> {
    inner: C,
    names: &'a Names,
}

impl<C: ser::SerializeSeq> ser::SerializeSeq for Parts<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let names = self.names;
        self.inner.serialize_element(&Named { value, names })
    }
    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeTupleStruct> ser::SerializeTupleStruct for Parts<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let names = self.names;
        self.inner.serialize_field(&Named { value, names })
    }
    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeTupleVariant> ser::SerializeTupleVariant for Parts<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let names = self.names;
        self.inner.serialize_field(&Named { value, names })
    }
    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeMap> ser::SerializeMap for Parts<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), C::Error> {
        let names = self.names;
        self.inner.serialize_key(&Named { value: key, names })
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), C::Error> {
        let names = self.names;
        self.inner.serialize_value(&Named { value, names })
    }
    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

impl<C: ser::SerializeStructVariant> ser::SerializeStructVariant for Parts<'_, C> {
    type Ok = C::Ok;
    type Error = C::Error;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), C::Error> {
        self.inner.serialize_field(key, &shown(self.names, key, value))
    }
    fn end(self) -> Result<C::Ok, C::Error> {
        self.inner.end()
    }
}

/// A struct's fields, or a disk's two numbers, which make one name.
enum Struct<'a, S: Serializer> {
    Parts(Parts<'a, S::SerializeStruct>),
    Disk(S, &'a Names, u64, u64),
}

impl<S: Serializer> ser::SerializeStruct for Struct<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), S::Error> {
        match self {
            Struct::Parts(parts) => parts.inner.serialize_field(key, &shown(parts.names, key, value)),
            Struct::Disk(_, _, vm, index) => {
                let number = value.serialize(Number).map_err(ser::Error::custom)?;
                *(if key == "vm" { vm } else { index }) = number;
                Ok(())
            }
        }
    }
    fn end(self) -> Result<S::Ok, S::Error> {
        match self {
            Struct::Parts(parts) => parts.inner.end(),
            Struct::Disk(inner, names, vm, index) => {
                let disk = datapath::DiskId {
                    vm: datapath::VmId(vm as u32),
                    index: index as u16,
                };
                inner.collect_str(&names.disk(disk))
            }
        }
    }
}

/// A tuple's elements, or an array that is taken for bytes.
enum Tuple<'a, S: Serializer> {
    Parts(Parts<'a, S::SerializeTuple>),
    Bytes(S, Vec<u8>),
}

impl<S: Serializer> ser::SerializeTuple for Tuple<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), S::Error> {
        match self {
            Tuple::Parts(parts) => {
                let names = parts.names;
                parts.inner.serialize_element(&Named { value, names })
            }
            Tuple::Bytes(_, bytes) => {
                let number = value.serialize(Number).map_err(ser::Error::custom)?;
                bytes.push(u8::try_from(number).map_err(ser::Error::custom)?);
                Ok(())
            }
        }
    }
    fn end(self) -> Result<S::Ok, S::Error> {
        match self {
            Tuple::Parts(parts) => parts.inner.end(),
            Tuple::Bytes(inner, bytes) => inner.serialize_str(&hex(&bytes)),
        }
    }
}

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use actors::facts::Fact;
    use actors::messages::{Body, management};
    use actors::nouns::{Component, Life, MachineId};
    use datapath::{DiskId, Extent, VmId, WriteSeq};

    fn names() -> Names {
        Names {
            vms: vec!["web".into(), "db".into()],
            disks: vec![vec!["os".into()], vec!["os".into(), "data".into()]],
            machines: vec!["esx-web".into(), "esx-db".into()],
            ..Names::default()
        }
    }

    fn json<T: Serialize>(value: &T) -> serde_json::Value {
        serde_json::to_value(Named { value, names: &names() }).unwrap()
    }

    #[test]
    fn a_fact_shows_names_and_hexadecimal_hashes() {
        let fact = Fact::Wrote {
            vm: VmId(1),
            life: Life {
                machine: MachineId(1),
                incarnation: 2,
            },
            disk: DiskId { vm: VmId(1), index: 1 },
            seq: WriteSeq(7),
            start: Extent(9),
            extents: 2,
            hash: [0xab; 16],
        };
        assert_eq!(
            json(&fact),
            serde_json::json!({
                "fact": "wrote", "vm": "db", "life": {"machine": "esx-db", "incarnation": 2}, "disk": "db.data",
                "seq": 7, "start": 9, "extents": 2, "hash": "ab".repeat(16),
            })
        );
    }

    #[test]
    fn a_number_without_a_name_is_still_shown() {
        assert_eq!(json(&VmId(5)), serde_json::json!("vm5"));
    }

    #[test]
    fn a_key_is_withheld() {
        let body = Body::from(management::Up::Register {
            component: Component::MobilityService,
            machine: MachineId(0),
            vm: None,
            key: 0x5ec2e7,
        });
        let shown = json(&body);
        assert_eq!(shown["ManagementUp"]["Register"]["key"], "withheld");
        assert_eq!(shown["ManagementUp"]["Register"]["machine"], "esx-web");
    }

    #[test]
    fn bytes_show_their_length_only() {
        assert_eq!(
            json(&datapath::Blob::real(vec![1_u8, 2, 3])),
            serde_json::json!({"bytes": 3, "size": 3})
        );
    }
}
