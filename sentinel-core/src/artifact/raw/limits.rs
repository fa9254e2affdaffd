//! How much a table may unpack to, and how that is counted.

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;

/// No table unpacks to more: 1 GiB, by [`weight`].
pub(in crate::artifact) const MAX_UNPACKED: u64 = 1 << 30;

/// What every value counts besides its bytes: about what it takes in memory, and never nothing.
pub(in crate::artifact) const VALUE_WEIGHT: u64 = 32;

/// How much some rows unpack to: the bytes of their values, and [`VALUE_WEIGHT`] for each value and element of a list.
pub(in crate::artifact) fn weight(batch: &RecordBatch) -> u64 {
    batch.columns().iter().map(|column| weight_of(column)).fold(0, u64::saturating_add)
}

fn weight_of(array: &dyn Array) -> u64 {
    let inside = match array.data_type() {
        DataType::Binary => spanned(array.as_binary::<i32>().value_offsets()),
        DataType::Utf8 => spanned(array.as_string::<i32>().value_offsets()),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            match list.value_offsets() {
                // Of a part of a column, those of its own rows.
                [first, .., last] => weight_of(&list.values().slice(*first as usize, (last - first) as usize)),
                _ => 0,
            }
        }
        // Of fixed size, and no larger than what every value counts.
        _ => 0,
    };
    (array.len() as u64).saturating_mul(VALUE_WEIGHT).saturating_add(inside)
}

fn spanned(offsets: &[i32]) -> u64 {
    match offsets {
        [first, .., last] => u64::try_from(i64::from(*last) - i64::from(*first)).unwrap_or(0),
        _ => 0,
    }
}
