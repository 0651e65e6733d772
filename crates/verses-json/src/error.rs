//! Why a document could not be read.

use std::fmt;

/// Why a document could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
// One pointer: results of reading stay as small as what is read.
pub struct JsonError(Box<Fault>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    kind: Kind,
    /// What should have been there.
    expected: &'static str,
    /// Names of fields from the inside to the outside.
    path: Vec<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// No JSON, from this byte on.
    Syntax(usize),
    /// Another value than expected.
    Wrong,
    /// No such field.
    Missing,
    /// The same field twice.
    Twice,
}

impl JsonError {
    /// The value is another than `expected` ("a date").
    #[must_use]
    #[cold]
    pub fn expected(expected: &'static str) -> Self {
        Self::new(Kind::Wrong, expected)
    }

    #[cold]
    pub(crate) fn syntax(at: usize, expected: &'static str) -> Self {
        Self::new(Kind::Syntax(at), expected)
    }

    #[cold]
    pub(crate) fn missing(name: &'static str) -> Self {
        Self::new(Kind::Missing, "").within(name)
    }

    #[cold]
    pub(crate) fn twice(name: &'static str) -> Self {
        Self::new(Kind::Twice, "").within(name)
    }

    #[inline(never)]
    fn new(kind: Kind, expected: &'static str) -> Self {
        Self(Box::new(Fault { kind, expected, path: Vec::new() }))
    }

    /// The same error, of a value in a field of this name.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn within(mut self, name: &'static str) -> Self {
        self.0.path.push(name);
        self
    }

    /// The field at fault, from the outside to the inside ("verse.createdAt"); empty if it is the whole document.
    #[must_use]
    pub fn path(&self) -> String {
        let mut path = String::new();
        for name in self.0.path.iter().rev() {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(name);
        }
        path
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { kind, expected, path } = &*self.0;
        if !path.is_empty() {
            write!(f, "{}: ", self.path())?;
        }
        match kind {
            Kind::Syntax(at) => write!(f, "expected {expected} at byte {at}"),
            Kind::Wrong => write!(f, "expected {expected}"),
            Kind::Missing => f.write_str("the field is missing"),
            Kind::Twice => f.write_str("the field is there twice"),
        }
    }
}

impl std::error::Error for JsonError {}
