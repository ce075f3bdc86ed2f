//! The element types that the layout knows.

use hdf5::H5Type;
use hdf5::types::{FloatSize, TypeDescriptor};

/// What elements must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Variable-length strings.
    Text,
    /// The enum over int8 with FALSE and TRUE.
    Flag,
    /// Any integer.
    Integer,
    /// Any floating-point number.
    Real,
    /// f32 exactly.
    Single,
    /// Bytes.
    Byte,
}

impl Wanted {
    /// Whether a stored type will do.
    pub(super) fn accepts(self, found: &TypeDescriptor) -> bool {
        use TypeDescriptor as D;
        match self {
            Wanted::Text => matches!(found, D::VarLenUnicode),
            Wanted::Flag => *found == D::Boolean,
            Wanted::Integer => matches!(found, D::Integer(_) | D::Unsigned(_)),
            Wanted::Real => matches!(found, D::Float(_)),
            Wanted::Single => *found == D::Float(FloatSize::U4),
            Wanted::Byte => *found == u8::type_descriptor(),
        }
    }

    /// The type, in words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Wanted::Text => "variable-length UTF-8 text",
            Wanted::Flag => "a boolean (int8 enum FALSE/TRUE)",
            Wanted::Integer => "an integer",
            Wanted::Real => "a floating-point number",
            Wanted::Single => "f32",
            Wanted::Byte => "bytes (u8)",
        }
    }

    /// The rule that asks for it.
    pub(super) fn rule(self) -> &'static str {
        match self {
            Wanted::Text => "strings are variable-length UTF-8",
            Wanted::Flag => "booleans are int8 enums with FALSE = 0 and TRUE = 1",
            Wanted::Integer => "counts are integers",
            Wanted::Real => "values are floating-point numbers",
            Wanted::Single => "fields and coordinates are f32",
            Wanted::Byte => "digests are bytes",
        }
    }
}
