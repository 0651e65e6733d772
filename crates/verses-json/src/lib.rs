//! JSON of the client's types in little code: every browser downloads it. The shapes are those of the types' serde derives,
//! which the server and the SQLite store use; tests hold the two together.
//!
//! serde makes code for every type and for every way of reading it. Here a document becomes a [`Value`] first, and a type
//! takes its fields out of that by calls of functions which all types share. No deciding, no sending, no storing.
//!
//! Differences to serde, none of which a writer of these types makes use of: an array is never read as a structure, a name
//! of a variant is never given as a number or as an object, and what is in a field that nobody reads must be right as well.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod basic;
mod domain;
mod error;
mod fields;
mod macros;
mod parse;
mod queue;
mod value;
mod wire;
mod write;

pub use domain::payload;
pub use error::JsonError;
pub use fields::{Fields, pick};
pub use parse::parse;
pub use value::{Entry, Value};
pub use write::Writer;

/// A type that can be read from JSON.
pub trait FromJson: Sized {
    /// Takes the value.
    ///
    /// # Errors
    /// [`JsonError`] naming the field at fault and what was expected there.
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError>;

    /// Whether a field of this type may be absent: that is then the same as `null`.
    const MAY_BE_ABSENT: bool = false;
}

/// A type that can be written as JSON.
pub trait ToJson {
    /// Writes the value.
    fn to_json(&self, out: &mut Writer);

    /// Whether a field that may be left out is left out: `None` and `false`.
    fn is_absent(&self) -> bool {
        false
    }
}

/// Reads a document.
///
/// # Errors
/// [`JsonError`] for what is no JSON, and for JSON of another shape.
pub fn read<T: FromJson>(bytes: &[u8]) -> Result<T, JsonError> {
    T::from_json(&parse(bytes)?)
}

/// The JSON of a value, without spaces.
#[must_use]
pub fn to_text(value: &dyn ToJson) -> String {
    let mut out = Writer::default();
    value.to_json(&mut out);
    out.into_text()
}

/// The same as bytes.
#[must_use]
pub fn to_bytes(value: &dyn ToJson) -> Vec<u8> {
    to_text(value).into_bytes()
}
