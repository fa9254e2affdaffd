//! Row structs from which the columns follow.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::Field;

use super::cell::Cell;

/// A struct whose fields are columns. Made by [`record!`].
pub trait Record: Sized {
    /// The columns.
    fn fields() -> Vec<Field>;
    /// The columns of some rows.
    fn arrays(rows: &[&Self]) -> Vec<ArrayRef>;
    /// How much room the row takes in columns of text and lists.
    fn room(&self) -> usize;
    /// Rows from their columns.
    fn from_batch(batch: &RecordBatch) -> Result<Vec<Self>, String>;
}

pub(super) fn field<C: Cell>(name: &str) -> Field {
    Field::new(name, C::kind(), C::NULLABLE)
}

/// The cells of a column, whose type is checked.
pub(super) fn cells<C: Cell>(batch: &RecordBatch, name: &str) -> Result<std::vec::IntoIter<C>, String> {
    let column = batch.column_by_name(name).ok_or_else(|| format!("it has no column `{name}`"))?;
    if *column.data_type() != C::kind() {
        return Err(format!("its column `{name}` is of type {}, not {}", column.data_type(), C::kind()));
    }
    let cells =
        C::cells(column.as_ref()).map_err(|message| format!("its column `{name}` cannot be read: {message}"))?;
    Ok(cells.into_iter())
}

/// Declares the row of a dataset: the fields are the columns of all its forms, in this order.
macro_rules! record {
    (
        $(#[$doc:meta])*
        $name:ident of $dataset:ident at $at:ident sorted by ($($key:ident),+) {
            $($(#[$field_doc:meta])* $field:ident: $ty:ty),+ $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* pub $field: $ty),+ }

        impl super::record::Record for $name {
            fn fields() -> Vec<arrow_schema::Field> {
                vec![$(super::record::field::<$ty>(stringify!($field))),+]
            }

            fn arrays(rows: &[&Self]) -> Vec<arrow_array::ArrayRef> {
                vec![$(<$ty as super::cell::Cell>::column(rows.iter().map(|row| &row.$field))),+]
            }

            fn room(&self) -> usize {
                [$(super::cell::Cell::room(&self.$field)),+].iter().sum()
            }

            fn from_batch(batch: &arrow_array::RecordBatch) -> Result<Vec<Self>, String> {
                $(let mut $field = super::record::cells::<$ty>(batch, stringify!($field))?;)+
                let missing = || "its columns are not of one length".to_owned();
                (0..batch.num_rows())
                    .map(|_| Ok(Self { $($field: $field.next().ok_or_else(missing)?),+ }))
                    .collect()
            }
        }

        impl super::Row for $name {
            const DATASET: super::Dataset = super::Dataset::$dataset;

            fn columns() -> &'static [&'static str] {
                &[$(stringify!($field)),+]
            }

            fn sorted_by() -> &'static [&'static str] {
                &[$(stringify!($key)),+]
            }

            fn block_column() -> &'static str {
                stringify!($at)
            }

            fn block(&self) -> u64 {
                self.$at
            }

            fn subnet(&self) -> Option<crate::chain::NetUid> {
                super::record::first_netuid!(self $(, $key)+)
            }

            fn order(&self, other: &Self) -> std::cmp::Ordering {
                ($(&self.$key,)+).cmp(&($(&other.$key,)+))
            }
        }
    };
}

/// The subnet of a row that is sorted by subnets first.
macro_rules! first_netuid {
    ($row:ident, netuid $(, $key:ident)*) => {
        Some($row.netuid)
    };
    ($row:ident $(, $key:ident)+) => {
        None
    };
}

pub(super) use {first_netuid, record};
