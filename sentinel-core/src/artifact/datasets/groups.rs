//! Row groups of a Parquet file, their columns on two threads: what a column costs is its own affair.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{FieldRef, SchemaRef};
use arrow_select::concat::concat;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::Result;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use super::parquet::slice;
use crate::artifact::threads::on_two_threads;

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
        let rest = self.fill_groups(tables)?;
        if !rest.is_empty() {
            self.columns = self.on_columns(&rest, Ok)?;
        }
        Ok(())
    }

    /// The same, and what comes next is of another group.
    pub(super) fn write_last(&mut self, tables: &[RecordBatch]) -> Result<()> {
        let rest = self.fill_groups(tables)?;
        if rest.is_empty() && self.columns.is_empty() { Ok(()) } else { self.end_group(&rest) }
    }

    /// The file, with the rows of some more tables.
    pub(super) fn finish(mut self, tables: &[RecordBatch]) -> Result<Vec<u8>> {
        self.write_last(tables)?;
        self.file.into_inner()
    }

    /// Writes the groups that some tables fill, and gives the rows that remain.
    fn fill_groups(&mut self, tables: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
        let (mut fitting, mut rows) = (Vec::with_capacity(tables.len()), 0);
        for table in tables {
            let mut from = 0;
            while from < table.num_rows() {
                let now = (table.num_rows() - from).min(GROUP_ROWS - self.rows - rows);
                fitting.push(slice(table, from, now));
                (from, rows) = (from + now, rows + now);
                if self.rows + rows == GROUP_ROWS {
                    self.end_group(&fitting)?;
                    fitting.clear();
                    rows = 0;
                }
            }
        }
        Ok(fitting)
    }

    fn end_group(&mut self, tables: &[RecordBatch]) -> Result<()> {
        let chunks = self.on_columns(tables, ArrowColumnWriter::close)?;
        self.rows = 0;
        let mut group = self.file.next_row_group()?;
        for chunk in chunks {
            chunk.append_to_row_group(&mut group)?;
        }
        group.close()?;
        Ok(())
    }

    /// Adds the rows of some tables to the columns of the group that is open, and does something with each of those.
    fn on_columns<R: Send>(
        &mut self,
        tables: &[RecordBatch],
        then: impl Fn(ArrowColumnWriter) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        if self.columns.is_empty() {
            self.columns = self.groups.create_column_writers(self.file.flushed_row_groups().len())?;
        }
        self.rows += tables.iter().map(RecordBatch::num_rows).sum::<usize>();
        let columns = self.schema.fields().iter().zip(self.columns.drain(..)).enumerate();
        let work = columns.map(|(index, (field, writer))| Work { tables, index, field, writer }).collect();
        on_two_threads(work, self.rows >= WORTH, Work::size, |work| then(work.done()?))
    }
}

/// The rows of some tables that one column still has to write.
struct Work<'t> {
    tables: &'t [RecordBatch],
    index: usize,
    field: &'t FieldRef,
    writer: ArrowColumnWriter,
}

impl Work<'_> {
    fn size(&self) -> usize {
        let values = self.tables.iter().map(|table| table.column(self.index).get_buffer_memory_size());
        self.writer.memory_size() + values.sum::<usize>()
    }

    /// How a column is cut into pages follows from what its writer is given at once: so many rows, wherever tables end.
    fn done(self) -> Result<ArrowColumnWriter> {
        let Self { tables, index, field, mut writer } = self;
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
        if rows > 0 {
            write(&joined(&waiting)?)?;
        }
        Ok(writer)
    }
}

fn joined(columns: &[ArrayRef]) -> Result<ArrayRef> {
    match columns {
        [one] => Ok(Arc::clone(one)),
        several => Ok(concat(&several.iter().map(|column| &**column).collect::<Vec<_>>())?),
    }
}
