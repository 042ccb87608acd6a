//! JavaScript values to Rust ones and back, as JSON would.
//!
//! Encoding is serde-wasm-bindgen's. Its decoder tells in words what it found in place of what it
//! expected, numbers with their digits, and the code for that is a tenth of what a visitor
//! downloads. What comes from the server was checked there, so this decoder only says that it
//! does not fit.

use std::fmt::Display;

use js_sys::{Array, Object};
use serde::{
    Deserializer, Serialize,
    de::{
        self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, VariantAccess, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use wasm_bindgen::{JsCast, JsValue};

/// A value that is not what was expected.
#[derive(Debug, thiserror::Error)]
#[error("it has another shape")]
pub(crate) struct Unfit;

impl de::Error for Unfit {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// Decodes a value that has come from `JSON.parse`, or could have.
pub(crate) fn decode<T: DeserializeOwned>(value: JsValue) -> Result<T, Unfit> {
    T::deserialize(Value(value))
}

/// Encodes a value as `JSON.parse` would give it.
pub(crate) fn encode(value: &impl Serialize) -> Result<JsValue, JsValue> {
    Ok(value.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?)
}

/// A value to decode.
struct Value(JsValue);

/// Beyond these, a number of JavaScript is not exact.
const WHOLE: std::ops::RangeInclusive<f64> = 0.0..=9_007_199_254_740_991.0;

/// What JSON has, and what it has not.
enum Shape {
    Null,
    Boolean(bool),
    Whole(u64),
    Number(f64),
    Text(String),
    Array(Array),
    Object(Object),
    Other,
}

impl Value {
    /// Tells what it is, once for every type that is decoded from it.
    fn look(self) -> Shape {
        let Self(value) = self;
        if value.is_null() || value.is_undefined() {
            Shape::Null
        } else if let Some(value) = value.as_bool() {
            Shape::Boolean(value)
        } else if let Some(number) = value.as_f64() {
            if WHOLE.contains(&number) && number.fract() == 0.0 {
                Shape::Whole(number as u64)
            } else {
                Shape::Number(number)
            }
        } else if let Some(text) = value.as_string() {
            Shape::Text(text)
        } else {
            match value.dyn_into::<Array>().map_err(JsCast::dyn_into::<Object>) {
                Ok(array) => Shape::Array(array),
                Err(Ok(object)) => Shape::Object(object),
                Err(Err(_)) => Shape::Other,
            }
        }
    }
}

impl<'de> Deserializer<'de> for Value {
    type Error = Unfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.look() {
            Shape::Null => visitor.visit_unit(),
            Shape::Boolean(value) => visitor.visit_bool(value),
            Shape::Whole(number) => visitor.visit_u64(number),
            Shape::Number(number) => visitor.visit_f64(number),
            Shape::Text(text) => visitor.visit_string(text),
            Shape::Array(array) => visitor.visit_seq(SeqDeserializer::new(array.iter().map(Value))),
            Shape::Object(object) => visitor.visit_map(MapDeserializer::new(entries(&object))),
            Shape::Other => Err(Unfit),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unfit> {
        if self.0.is_null() || self.0.is_undefined() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_newtype_struct(self)
    }

    /// `"variant"`, or `{"variant": …}`.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unfit> {
        if let Some(name) = self.0.as_string() {
            return visitor.visit_enum(name.into_deserializer());
        }
        let object: Object = self.0.dyn_into().map_err(|_| Unfit)?;
        let mut entries = entries(&object);
        match (entries.next(), entries.next()) {
            (Some((name, content)), None) => visitor.visit_enum(Variant { name, content }),
            _ => Err(Unfit),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Unfit> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The object's own properties.
fn entries(object: &Object) -> impl Iterator<Item = (String, Value)> + use<> {
    Object::entries(object).into_iter().filter_map(|entry| {
        let entry: Array = entry.unchecked_into();
        Some((entry.get(0).as_string()?, Value(entry.get(1))))
    })
}

/// `{"name": content}`.
struct Variant {
    name: String,
    content: Value,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Unfit;
    type Variant = Value;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Value), Unfit> {
        Ok((seed.deserialize(IntoDeserializer::<Unfit>::into_deserializer(self.name))?, self.content))
    }
}

impl<'de> VariantAccess<'de> for Value {
    type Error = Unfit;

    fn unit_variant(self) -> Result<(), Unfit> {
        Err(Unfit)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Unfit> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_any(visitor)
    }
}

/// In a browser, as a decoder of browser values must be.
#[cfg(all(test, target_arch = "wasm32"))]
#[expect(clippy::unwrap_used, reason = "a test that panics fails, with the place where it did")]
mod tests {
    use madang_protocol::{Body, JoinReply, Reply, SignalFrom};
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

    fn parsed(json: &str) -> JsValue {
        js_sys::JSON::parse(json).unwrap()
    }

    #[wasm_bindgen_test]
    fn what_the_server_says_is_read_and_written_as_json_would() {
        let json = r#"{"from":"aaaaaaaaaaaaaaaaaaaaaaaaaa","epoch":562949953421312,"seq":3,"body":{"candidate":
            {"connection":2,"candidate":{"candidate":"candidate:1 1 udp 1 ::1 9 typ host","sdpMid":null,
            "sdpMLineIndex":0,"usernameFragment":"abcd"}}}}"#;
        let signal: SignalFrom<Body> = decode(parsed(json)).unwrap();
        let Body::Candidate { candidate, .. } = &signal.body else { panic!("{signal:?}") };
        assert_eq!((signal.epoch.0, candidate.sdp_m_line_index, &candidate.sdp_mid), (1 << 49, Some(0), &None));
        let again: SignalFrom<Body> = decode(encode(&signal).unwrap()).unwrap();
        assert_eq!(again, signal);
        let refused = parsed(r#"{"error":{"code":"room-full","message":"two are enough"}}"#);
        assert!(matches!(decode::<JoinReply>(refused), Ok(Reply::Error(_))));
    }

    #[wasm_bindgen_test]
    fn what_does_not_fit_is_refused_whatever_it_is() {
        for json in [
            "null",
            "true",
            "-1",
            "0.5",
            "1e300",
            "\"ok\"",
            "\"other\"",
            "[]",
            "[[]]",
            "{}",
            r#"{"ok":{},"error":{}}"#,
            r#"{"ok":null}"#,
            r#"{"ok":{"peer":7}}"#,
            r#"{"error":"room-full"}"#,
            r#"{"error":{"code":{}}}"#,
        ] {
            assert!(decode::<JoinReply>(parsed(json)).is_err(), "{json}");
        }
        assert!(decode::<JoinReply>(JsValue::symbol(None)).is_err());
        assert!(decode::<JoinReply>(js_sys::Function::new_no_args("").into()).is_err());
    }
}
