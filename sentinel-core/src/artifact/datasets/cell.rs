//! From the type of a field to its column in Arrow and back.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, PrimitiveBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float64Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray};
use arrow_schema::{DataType, Field};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::{ItemId, JsonText, Word};
use crate::artifact::raw::Digest;
use crate::chain::{AccountId, BlockHash, NetUid};

/// An integer of up to 128 bits, which JSON and Parquet hold as decimal text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digits(pub u128);

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Serialize for Digits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|_| serde::de::Error::custom(format!("{text:?} is no integer of up to 128 bits")))
    }
}

/// A value that a column may be made of.
pub(super) trait Value: Sized {
    /// The type of its column.
    fn kind() -> DataType;
    /// A column.
    fn column<'v>(values: impl Iterator<Item = Option<&'v Self>> + Clone) -> ArrayRef
    where
        Self: 'v;
    /// A column in which nothing is absent.
    fn full_column<'v>(values: impl Iterator<Item = &'v Self> + Clone) -> ArrayRef
    where
        Self: 'v,
    {
        Self::column(values.map(Some))
    }
    /// The values of a column of that type.
    fn values(column: &dyn Array) -> Result<Vec<Option<Self>>, String>;
    /// How much room it takes in its column where that is not the same for all.
    fn room(&self) -> usize {
        0
    }
}

/// A field of a row: a value, or one that may be absent.
pub(super) trait Cell: Sized {
    /// Whether it may be absent.
    const NULLABLE: bool;
    /// The type of its column.
    fn kind() -> DataType;
    /// A column.
    fn column<'v>(values: impl Iterator<Item = &'v Self> + Clone) -> ArrayRef
    where
        Self: 'v;
    /// The fields of a column of that type, or what is wrong with it.
    fn cells(column: &dyn Array) -> Result<Vec<Self>, String>;
    /// How much room it takes in its column where that is not the same for all.
    fn room(&self) -> usize;
}

impl<V: Value> Cell for V {
    const NULLABLE: bool = false;

    fn kind() -> DataType {
        V::kind()
    }

    fn column<'v>(values: impl Iterator<Item = &'v Self> + Clone) -> ArrayRef
    where
        Self: 'v,
    {
        V::full_column(values)
    }

    fn cells(column: &dyn Array) -> Result<Vec<Self>, String> {
        V::values(column)?.into_iter().map(|value| value.ok_or_else(|| "it is null in a row".to_owned())).collect()
    }

    fn room(&self) -> usize {
        V::room(self)
    }
}

impl<V: Value> Cell for Option<V> {
    const NULLABLE: bool = true;

    fn kind() -> DataType {
        V::kind()
    }

    fn column<'v>(values: impl Iterator<Item = &'v Self> + Clone) -> ArrayRef
    where
        Self: 'v,
    {
        V::column(values.map(Option::as_ref))
    }

    fn cells(column: &dyn Array) -> Result<Vec<Self>, String> {
        V::values(column)
    }

    fn room(&self) -> usize {
        self.as_ref().map_or(0, V::room)
    }
}

macro_rules! numbers {
    ($($ty:ty: $arrow:ty),* $(,)?) => {$(
        impl Value for $ty {
            fn kind() -> DataType {
                <$arrow>::DATA_TYPE
            }

            fn column<'v>(values: impl Iterator<Item = Option<&'v Self>> + Clone) -> ArrayRef {
                Arc::new(values.map(Option::<&$ty>::copied).collect::<PrimitiveArray<$arrow>>())
            }

            fn full_column<'v>(values: impl Iterator<Item = &'v Self> + Clone) -> ArrayRef {
                Arc::new(PrimitiveArray::<$arrow>::from_iter_values(values.copied()))
            }

            fn values(column: &dyn Array) -> Result<Vec<Option<Self>>, String> {
                Ok(column.as_primitive::<$arrow>().iter().collect())
            }
        }

        /// One for each mechanism, by number.
        impl Value for Vec<$ty> {
            fn kind() -> DataType {
                DataType::List(element::<$arrow>())
            }

            fn column<'v>(values: impl Iterator<Item = Option<&'v Self>> + Clone) -> ArrayRef {
                let mut list = ListBuilder::new(PrimitiveBuilder::<$arrow>::new()).with_field(element::<$arrow>());
                for value in values {
                    list.append_option(value.map(|items| items.iter().copied().map(Some)));
                }
                Arc::new(list.finish())
            }

            fn values(column: &dyn Array) -> Result<Vec<Option<Self>>, String> {
                let list = |items: ArrayRef| {
                    let items = items.as_primitive_opt::<$arrow>().ok_or("a list in it has items of another type")?;
                    items.iter().collect::<Option<Vec<_>>>().ok_or_else(|| "a list in it has a null".to_owned())
                };
                column.as_list::<i32>().iter().map(|items| items.map(list).transpose()).collect()
            }

            fn room(&self) -> usize {
                size_of_val(self.as_slice())
            }
        }
    )*};
}

numbers!(u8: UInt8Type, u16: UInt16Type, u32: UInt32Type, u64: UInt64Type, i64: Int64Type);

/// The item of a list, called as the Parquet specification calls it.
fn element<T: ArrowPrimitiveType>() -> Arc<Field> {
    Arc::new(Field::new("element", T::DATA_TYPE, false))
}

/// What is not finite is no number: it becomes null, as in JSON.
impl Value for f64 {
    fn kind() -> DataType {
        DataType::Float64
    }

    fn column<'v>(values: impl Iterator<Item = Option<&'v Self>> + Clone) -> ArrayRef {
        let finite = values.map(|value| value.copied().filter(|value| value.is_finite()));
        Arc::new(finite.collect::<PrimitiveArray<Float64Type>>())
    }

    fn values(column: &dyn Array) -> Result<Vec<Option<Self>>, String> {
        Ok(column.as_primitive::<Float64Type>().iter().collect())
    }
}

impl Value for bool {
    fn kind() -> DataType {
        DataType::Boolean
    }

    fn column<'v>(values: impl Iterator<Item = Option<&'v Self>> + Clone) -> ArrayRef {
        Arc::new(values.map(Option::<&bool>::copied).collect::<BooleanArray>())
    }

    fn values(column: &dyn Array) -> Result<Vec<Option<Self>>, String> {
        Ok(column.as_boolean().iter().collect())
    }
}

/// Types that are text and hold it as such.
macro_rules! text {
    ($($ty:ty: $to:expr, $from:expr);* $(;)?) => {$(
        impl Value for $ty {
            fn kind() -> DataType {
                DataType::Utf8
            }

            fn column<'v>(values: impl Iterator<Item = Option<&'v Self>> + Clone) -> ArrayRef {
                let texts = values.map(|value| value.map($to));
                let mut column = StringBuilder::with_capacity(
                    texts.size_hint().0,
                    texts.clone().flatten().map(str::len).sum(),
                );
                texts.for_each(|text| column.append_option(text));
                Arc::new(column.finish())
            }

            fn values(column: &dyn Array) -> Result<Vec<Option<Self>>, String> {
                Ok(column.as_string::<i32>().iter().map(|text| text.map($from)).collect())
            }

            fn room(&self) -> usize {
                self.len()
            }
        }
    )*};
}

text! {
    String: String::as_str, str::to_owned;
    Cow<'static, str>: |word: &Cow<'static, str>| -> &str { word }, |text: &str| Cow::Owned(text.to_owned());
    JsonText: JsonText::as_str, JsonText::trusted;
    Word: Word::as_str, Word::from;
}

impl Value for NetUid {
    fn kind() -> DataType {
        <u16 as Value>::kind()
    }

    fn column<'v>(values: impl Iterator<Item = Option<&'v Self>> + Clone) -> ArrayRef {
        Arc::new(values.map(|netuid| netuid.map(|netuid| netuid.0)).collect::<PrimitiveArray<UInt16Type>>())
    }

    fn values(column: &dyn Array) -> Result<Vec<Option<Self>>, String> {
        Ok(<u16 as Value>::values(column)?.into_iter().map(|netuid| netuid.map(Self)).collect())
    }
}

/// Types that are in columns as they are displayed, in texts of about so many bytes.
macro_rules! shown {
    ($($ty:ty: $what:literal, $length:literal, $from:expr);* $(;)?) => {$(
        impl Value for $ty {
            fn kind() -> DataType {
                DataType::Utf8
            }

            fn column<'v>(values: impl Iterator<Item = Option<&'v Self>> + Clone) -> ArrayRef {
                let count = values.size_hint().0;
                let mut column = StringBuilder::with_capacity(count, count * $length);
                for value in values {
                    let Some(value) = value else {
                        column.append_null();
                        continue;
                    };
                    // It is written to memory, where nothing fails.
                    let _ = write!(column, "{value}");
                    column.append_value("");
                }
                Arc::new(column.finish())
            }

            fn values(column: &dyn Array) -> Result<Vec<Option<Self>>, String> {
                let parse = |text: &str| {
                    let wrong = || format!("{:?} in it is no {}", shortened(text), $what);
                    $from(text).ok_or_else(wrong)
                };
                column.as_string::<i32>().iter().map(|text| text.map(parse).transpose()).collect()
            }
        }
    )*};
}

shown! {
    AccountId: "account", 48, |text| Self::from_ss58(text).ok();
    BlockHash: "hash", 66, Self::from_hex;
    Digest: "hash", 66, |text| BlockHash::from_hex(text).map(|hash| Self(hash.0));
    Digits: "integer of up to 128 bits", 20, |text: &str| text.parse().map(Self).ok();
    ItemId: "`<block>-<index>`", 16, |text: &str| text.parse().ok();
}

/// Enough of a text to know it by.
fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}
