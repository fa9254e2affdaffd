//! Row groups of a Parquet file, their columns on two threads: what a column costs is its own affair.

use std::cmp::Reverse;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{FieldRef, SchemaRef};
use arrow_select::concat::concat;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

/// Rows of a group.
pub(super) const GROUP_ROWS: usize = 131_072;

/// Rows that a column's writer is given at once.
const AT_ONCE: usize = 1_024;

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

    /// Adds the rows of some tables to the group that is open; those that it has no room for begin the next one.
    pub(super) fn write(&mut self, tables: &[RecordBatch]) -> Result<()> {
        let (mut fitting, mut rows) = (Vec::with_capacity(tables.len()), 0);
        for table in tables {
            let mut from = 0;
            while from < table.num_rows() {
                let now = (table.num_rows() - from).min(GROUP_ROWS - self.rows - rows);
                fitting.push(table.slice(from, now));
                (from, rows) = (from + now, rows + now);
                if self.rows + rows == GROUP_ROWS {
                    self.add(&fitting)?;
                    self.end_group()?;
                    fitting.clear();
                    rows = 0;
                }
            }
        }
        self.add(&fitting)
    }

    fn add(&mut self, tables: &[RecordBatch]) -> Result<()> {
        let rows = tables.iter().map(RecordBatch::num_rows).sum::<usize>();
        if rows == 0 {
            return Ok(());
        }
        if self.columns.is_empty() {
            self.columns = self.groups.create_column_writers(self.file.flushed_row_groups().len())?;
        }
        self.rows += rows;
        let work = self.schema.fields().iter().zip(&mut self.columns).enumerate();
        let work: Vec<Work<'_>> = work.map(|(index, (field, writer))| Work { tables, index, field, writer }).collect();
        on_two_threads(work, rows >= WORTH, Work::size, Work::run)?;
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

/// One column of some tables.
struct Work<'w> {
    tables: &'w [RecordBatch],
    index: usize,
    field: &'w FieldRef,
    writer: &'w mut ArrowColumnWriter,
}

impl Work<'_> {
    fn size(&self) -> usize {
        self.tables.iter().map(|table| table.column(self.index).get_buffer_memory_size()).sum()
    }

    /// How a column is cut into pages follows from what its writer is given at once: so many rows, wherever tables end.
    fn run(self) -> Result<()> {
        let Self { tables, index, field, writer } = self;
        let mut write =
            |values: &ArrayRef| compute_leaves(field, values)?.iter().try_for_each(|leaf| writer.write(leaf));
        let (mut waiting, mut rows): (Vec<ArrayRef>, usize) = (Vec::new(), 0);
        for table in tables {
            let column = table.column(index);
            let mut from = 0;
            while from < column.len() {
                let fitting = (column.len() - from).min(AT_ONCE - rows);
                waiting.push(column.slice(from, fitting));
                (from, rows) = (from + fitting, rows + fitting);
                if rows == AT_ONCE {
                    write(&joined(&waiting)?)?;
                    waiting.clear();
                    rows = 0;
                }
            }
        }
        if rows > 0 { write(&joined(&waiting)?) } else { Ok(()) }
    }
}

fn joined(columns: &[ArrayRef]) -> Result<ArrayRef> {
    match columns {
        [one] => Ok(Arc::clone(one)),
        several => Ok(concat(&several.iter().map(|column| &**column).collect::<Vec<_>>())?),
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
