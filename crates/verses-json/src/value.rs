//! A document as a tree. It borrows from the text what it can; how the text is read is in `parse`.

use std::borrow::Cow;

use crate::JsonError;

/// A field of an object: its name and its value.
pub type Entry<'a> = (Cow<'a, str>, Value<'a>);

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number from 0 to `u64::MAX`.
    Unsigned(u64),
    /// A whole number from `i64::MIN` to -1.
    Negative(i64),
    /// Any other number, as it was written: hardly anybody reads one.
    Float(&'a str),
    /// A text.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Self>),
    /// An object: all its fields in their order, those of the same name too.
    Object(Vec<Entry<'a>>),
}

impl<'a> Value<'a> {
    /// The values of an array.
    ///
    /// # Errors
    /// [`JsonError`] for anything else.
    #[inline(never)]
    pub fn list(&self) -> Result<&[Self], JsonError> {
        match self {
            Self::List(values) => Ok(values),
            _ => Err(JsonError::expected("an array")),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// [`JsonError`] for anything else.
    #[inline(never)]
    pub fn text(&self) -> Result<&str, JsonError> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(JsonError::expected("a text")),
        }
    }

    /// A text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A whole number not below `least` and not above `most`, as the bits of an `i64` or a `u64`.
    ///
    /// # Errors
    /// [`JsonError`] for anything else.
    #[inline(never)]
    pub(crate) fn whole(&self, least: i64, most: u64) -> Result<u64, JsonError> {
        match self {
            Self::Unsigned(number) if *number <= most => Ok(*number),
            Self::Negative(number) if *number >= least => Ok(*number as u64),
            Self::Unsigned(_) | Self::Negative(_) => Err(JsonError::expected("a number in its range")),
            _ => Err(JsonError::expected("a whole number")),
        }
    }

    /// A field of an object, the last of those of that name; `None` if there is none, or this is no object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(entries) = self else { return None };
        entries.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}
