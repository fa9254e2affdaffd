//! Row groups of a Parquet file, their columns on two threads: what a column costs is its own affair.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{FieldRef, SchemaRef};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

/// Rows of a group.
pub(super) const GROUP_ROWS: usize = 131_072;

/// Rows that are worth a thread: to start one takes as long as some hundred of them.
const WORTH: usize = 4_096;

/// See the module. Every field is one column: a value, or a list of values.
pub(super) struct GroupWriter {
    schema: SchemaRef,
    file: SerializedFileWriter<Vec<u8>>,
    groups: ArrowRowGroupWriterFactory,
    /// The columns of the group that is open.
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
}

impl GroupWriter {
    pub(super) fn new(schema: SchemaRef, properties: WriterProperties) -> Result<Self> {
        let types = ArrowSchemaConverter::new().convert(&schema)?;
        let file = SerializedFileWriter::new(Vec::new(), types.root_schema_ptr(), Arc::new(properties))?;
        let groups = ArrowRowGroupWriterFactory::new(&file, Arc::clone(&schema));
        Ok(Self { schema, file, groups, columns: Vec::new(), rows: 0 })
    }

    /// Adds rows to the group that is open; those that it has no room for begin the next one.
    pub(super) fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let now = rows.num_rows().min(GROUP_ROWS - self.rows);
        self.add(&rows.slice(0, now))?;
        if self.rows == GROUP_ROWS {
            self.end_group()?;
            self.add(&rows.slice(now, rows.num_rows() - now))?;
        }
        Ok(())
    }

    fn add(&mut self, rows: &RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        if self.columns.is_empty() {
            self.columns = self.groups.create_column_writers(self.file.flushed_row_groups().len())?;
        }
        self.rows += rows.num_rows();
        let work: Vec<(&FieldRef, &ArrayRef, &mut ArrowColumnWriter)> = (self.schema.fields().iter())
            .zip(rows.columns())
            .zip(&mut self.columns)
            .map(|((field, values), writer)| (field, values, writer))
            .collect();
        let write = |(field, values, writer): (&FieldRef, &ArrayRef, &mut ArrowColumnWriter)| {
            compute_leaves(field, values)?.iter().try_for_each(|leaf| writer.write(leaf))
        };
        on_two_threads(work, rows.num_rows() >= WORTH, |(_, values, _)| values.get_buffer_memory_size(), write)?;
        Ok(())
    }

    /// What comes next is of another group.
    pub(super) fn end_group(&mut self) -> Result<()> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let columns = std::mem::take(&mut self.columns);
        let is_worth = std::mem::take(&mut self.rows) >= WORTH;
        let chunks = on_two_threads(columns, is_worth, ArrowColumnWriter::memory_size, ArrowColumnWriter::close)?;
        let mut group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<u8>> {
        self.end_group()?;
        self.file.into_inner()
    }
}

/// Does something with each item, the largest first, and gives what comes of it in their order.
fn on_two_threads<T: Send, R: Send>(
    items: Vec<T>,
    is_worth: bool,
    size: impl Fn(&T) -> usize,
    work: impl Fn(T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    if !is_worth {
        return items.into_iter().map(work).collect();
    }
    let mut items: Vec<_> = items.into_iter().enumerate().collect();
    items.sort_by_cached_key(|(_, item)| Reverse(size(item)));
    let rest = Mutex::new(items.into_iter());
    let take_part = || {
        let next = || rest.lock().unwrap_or_else(PoisonError::into_inner).next();
        std::iter::from_fn(next).map(|(index, item)| Ok((index, work(item)?))).collect::<Result<Vec<_>>>()
    };
    let (own, others) = thread::scope(|scope| {
        // Without a second thread, one does it all.
        let other = thread::Builder::new().spawn_scoped(scope, take_part).ok();
        (take_part(), other.map(|other| other.join()))
    });
    let mut all = own?;
    if let Some(others) = others {
        all.extend(others.map_err(|_| ParquetError::General("a column could not be written".to_owned()))??);
    }
    all.sort_unstable_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}
