//! The types that every language has: numbers, texts, lists, what may be absent.

use std::collections::{BTreeSet, VecDeque};

use crate::{FromJson, JsonError, ToJson, Value, Writer};

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl FromJson for $number {
            fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
                // The bits were checked to be of a number in this range.
                value.whole(<$number>::MIN as i64, <$number>::MAX as u64).map(|bits| bits as Self)
            }
        }
    )* };
}
numbers!(i8, i64, u8, u16, u32, u64, usize);

macro_rules! written {
    ($($number:ty as $wide:ty => $write:expr),*) => { $(
        impl ToJson for $number {
            fn to_json(&self, out: &mut Writer) {
                $write(out, *self as $wide);
            }
        }
    )* };
}
written!(
    i8 as i64 => Writer::signed,
    i64 as i64 => Writer::signed,
    u8 as u64 => natural,
    u16 as u64 => natural,
    u32 as u64 => natural,
    u64 as u64 => natural,
    usize as u64 => natural
);

fn natural(out: &mut Writer, number: u64) {
    out.digits(number, 1);
}

impl FromJson for bool {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        if let Value::Bool(is_so) = value { Ok(*is_so) } else { Err(JsonError::expected("true or false")) }
    }
}

impl ToJson for bool {
    fn to_json(&self, out: &mut Writer) {
        out.word(if *self { "true" } else { "false" });
    }

    fn is_absent(&self) -> bool {
        !*self
    }
}

impl FromJson for String {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        value.text().map(str::to_owned)
    }
}

impl ToJson for String {
    fn to_json(&self, out: &mut Writer) {
        out.text(self);
    }
}

impl ToJson for str {
    fn to_json(&self, out: &mut Writer) {
        out.text(self);
    }
}

macro_rules! pointers {
    ($($pointer:ty),*) => { $(
        impl<T: ToJson + ?Sized> ToJson for $pointer {
            fn to_json(&self, out: &mut Writer) {
                (**self).to_json(out);
            }

            fn is_absent(&self) -> bool {
                (**self).is_absent()
            }
        }
    )* };
}
pointers!(&T, Box<T>);

impl ToJson for () {
    fn to_json(&self, out: &mut Writer) {
        out.word("null");
    }
}

impl<T: FromJson> FromJson for Option<T> {
    const MAY_BE_ABSENT: bool = true;

    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        if matches!(value, Value::Null) { Ok(None) } else { T::from_json(value).map(Some) }
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn to_json(&self, out: &mut Writer) {
        match self {
            Some(value) => value.to_json(out),
            None => out.word("null"),
        }
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        let values = value.list()?;
        let mut all = Self::with_capacity(values.len());
        for value in values {
            all.push(T::from_json(value)?);
        }
        Ok(all)
    }
}

impl FromJson for BTreeSet<String> {
    fn from_json(value: &Value<'_>) -> Result<Self, JsonError> {
        Ok(Vec::<String>::from_json(value)?.into_iter().collect())
    }
}

macro_rules! lists {
    ($($list:ident),*) => { $(
        impl<T: ToJson> ToJson for $list<T> {
            fn to_json(&self, out: &mut Writer) {
                out.list(&mut self.iter().map(|value| value as &dyn ToJson));
            }
        }
    )* };
}
lists!(Vec, VecDeque, BTreeSet);
