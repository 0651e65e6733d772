//! Macros by which a type states the names of its fields once. They make calls of the functions in `fields` and `write`, and
//! nothing else.
//!
//! A field is `field: "name"`, and behind the name may stand
//! - `opt`, for an `Option` that is not written when it is `None`,
//! - `flag`, for a `bool` that is not written when it is `false` and is `false` when it is absent,
//! - `or(value)`, for one that has this value when it is absent.
//!
//! `field: flat` is a structure whose fields are those of the one around it.

/// Reads and writes a structure: `json_object! { Type { field: "name", ... } }`, and for a generic one
/// `json_object! { <T> Type<T> { ... } }`.
#[macro_export]
macro_rules! json_object {
    ($($all:tt)*) => {
        $crate::json_read! { $($all)* }
        $crate::json_write! { $($all)* }
    };
}

/// Reads a structure; as [`json_object!`].
#[macro_export]
macro_rules! json_read {
    (@of [$($generics:tt)*] $type:ty { $($field:ident: $name:tt $($how:ident $(($usual:expr))?)?),* $(,)? }) => {
        impl $($generics)* $crate::FromJson for $type {
            fn from_json(value: &$crate::Value<'_>) -> Result<Self, $crate::JsonError> {
                let mut fields = $crate::Fields::of(value);
                $(let $field = $crate::json_field!(@read fields $name $($how $(($usual))?)?);)*
                match ($($field,)*) {
                    ($(Some($field),)*) => Ok(Self { $($field),* }),
                    _ => Err(fields.fault()),
                }
            }
        }
    };
    (<$p:ident> $type:ty { $($fields:tt)* }) => {
        $crate::json_read! { @of [<$p: $crate::FromJson>] $type { $($fields)* } }
    };
    ($type:ty { $($fields:tt)* }) => {
        $crate::json_read! { @of [] $type { $($fields)* } }
    };
}

/// Writes a structure; as [`json_object!`].
#[macro_export]
macro_rules! json_write {
    (@of [$($generics:tt)*] $type:ty { $($field:ident: $name:tt $($how:ident $(($usual:expr))?)?),* $(,)? }) => {
        impl $($generics)* $crate::ToJson for $type {
            fn to_json(&self, out: &mut $crate::Writer) {
                out.object(&|out| { $($crate::json_field!(@write out (&self.$field) $name $($how)?);)* });
            }
        }
    };
    (<$p:ident> $type:ty { $($fields:tt)* }) => {
        $crate::json_write! { @of [<$p: $crate::ToJson>] $type { $($fields)* } }
    };
    ($type:ty { $($fields:tt)* }) => {
        $crate::json_write! { @of [] $type { $($fields)* } }
    };
}

/// One field, for the macros above.
#[doc(hidden)]
#[macro_export]
macro_rules! json_field {
    (@read $fields:ident flat) => {
        $fields.flat()
    };
    (@read $fields:ident $name:literal) => {
        $fields.take($name)
    };
    (@read $fields:ident $name:literal opt) => {
        $fields.take($name)
    };
    (@read $fields:ident $name:literal flag) => {
        $fields.take_or($name, false)
    };
    (@read $fields:ident $name:literal or ($usual:expr)) => {
        $fields.take_or($name, $usual)
    };
    (@write $out:ident ($from:expr) flat) => {
        $out.flat($from)
    };
    (@write $out:ident ($from:expr) $name:literal) => {
        $out.field($name, $from)
    };
    (@write $out:ident ($from:expr) $name:literal or) => {
        $out.field($name, $from)
    };
    (@write $out:ident ($from:expr) $name:literal $how:ident) => {
        $out.field_if_any($name, $from)
    };
}

/// Reads and writes the names of an enum without fields: `json_names! { Type { Variant "name", ... } }`. With `else Variant`
/// behind the braces any other name reads as that one.
#[macro_export]
macro_rules! json_names {
    ($type:ident { $($variant:ident $name:literal),* $(,)? } $(else $unknown:ident)?) => {
        $crate::json_names_read! { $type { $($variant $name),* } $(else $unknown)? }

        impl $crate::ToJson for $type {
            fn to_json(&self, out: &mut $crate::Writer) {
                out.text(match self { $(Self::$variant => $name),* });
            }
        }
    };
}

/// Reads the names of an enum; as [`json_names!`].
#[macro_export]
macro_rules! json_names_read {
    ($type:ident { $($variant:ident $name:literal),* $(,)? } $(else $unknown:ident)?) => {
        impl $crate::FromJson for $type {
            fn from_json(value: &$crate::Value<'_>) -> Result<Self, $crate::JsonError> {
                const NAMES: &[&str] = &[$($name),*];
                const ALL: &[$type] = &[$($type::$variant),*];
                $(if value.text().is_ok_and(|text| !NAMES.contains(&text)) {
                    return Ok(Self::$unknown);
                })?
                let at = $crate::pick(value, NAMES)?;
                ALL.get(at).copied().ok_or_else(|| $crate::JsonError::expected("one of the known names"))
            }
        }
    };
}

/// Reads and writes an enum whose variants are objects with the variant's name among their fields:
/// `json_tagged! { Type by "kind" { Unit "name", Fields "name" { field: "name" }, Inner "name" (flat) } }`.
#[macro_export]
macro_rules! json_tagged {
    ($type:ident by $tag:literal { $(
        $variant:ident $word:literal
        $({ $($field:ident: $name:tt $($how:ident)?),* $(,)? })?
        $(($inner:ident))?
    ),* $(,)? }) => {
        impl $crate::FromJson for $type {
            fn from_json(value: &$crate::Value<'_>) -> Result<Self, $crate::JsonError> {
                let mut fields = $crate::Fields::of(value);
                let Some(word) = fields.take::<String>($tag) else { return Err(fields.fault()) };
                match word.as_str() {
                    $($word => {
                        $($(let $field = $crate::json_field!(@read fields $name $($how)?);)*)?
                        $(let $inner = fields.flat();)?
                        match ($($($field,)*)? $($inner,)?) {
                            ($($(Some($field),)*)? $(Some($inner),)?) => {
                                Ok(Self::$variant $({ $($field),* })? $(($inner))?)
                            }
                            #[allow(unreachable_patterns, reason = "a variant without fields")]
                            _ => Err(fields.fault()),
                        }
                    })*
                    _ => Err($crate::JsonError::expected("one of the known names").within($tag)),
                }
            }
        }

        impl $crate::ToJson for $type {
            fn to_json(&self, out: &mut $crate::Writer) {
                out.object(&|out| match self {
                    $(Self::$variant $({ $($field),* })? $(($inner))? => {
                        out.field($tag, &$word);
                        $($($crate::json_field!(@write out ($field) $name $($how)?);)*)?
                        $(out.flat($inner);)?
                    })*
                });
            }
        }
    };
}
