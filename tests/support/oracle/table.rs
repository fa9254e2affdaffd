//! Rows of Parquet and JSONL objects, by their own libraries.

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;
use serde_json::Value;

use super::OracleError;

/// The chosen columns of one row, in the order they were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row(Vec<Value>);

impl Row {
    /// The first column as a height.
    pub fn height(&self) -> Option<u64> {
        self.0.first()?.as_u64()
    }

    /// A column as text; bytes are `0x` and hex digits.
    pub fn text(&self, column: usize) -> Option<String> {
        match self.0.get(column)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    /// All columns.
    pub fn values(&self) -> &[Value] {
        &self.0
    }
}

/// The rows of an object, by what its key ends with. The inner error is a file that is not whole.
///
/// # Errors
/// Where it has no such columns, or a key that says neither `.parquet` nor `.jsonl`.
pub fn rows(key: &str, bytes: &Bytes, columns: &[&str]) -> Result<Result<Vec<Row>, String>, OracleError> {
    match key.rsplit('.').next() {
        Some("parquet") => parquet_rows(key, bytes, columns),
        Some("jsonl") => json_rows(key, bytes, columns),
        _ => Err(OracleError::Form { key: key.to_owned() }),
    }
}

fn json_rows(key: &str, bytes: &[u8], columns: &[&str]) -> Result<Result<Vec<Row>, String>, OracleError> {
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        return Ok(Err("the last line has no end".to_owned()));
    }
    let mut rows = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Ok(Value::Object(mut object)) = serde_json::from_slice(line) else {
            return Ok(Err(format!("not a JSON object: {}", String::from_utf8_lossy(line))));
        };
        let cells = columns.iter().map(|column| object.remove(*column).ok_or_else(|| no_column(key, column)));
        rows.push(Row(cells.collect::<Result<_, _>>()?));
    }
    Ok(Ok(rows))
}

fn parquet_rows(key: &str, bytes: &Bytes, columns: &[&str]) -> Result<Result<Vec<Row>, String>, OracleError> {
    let reader = match SerializedFileReader::new(bytes.clone()) {
        Ok(reader) => reader,
        Err(broken) => return Ok(Err(broken.to_string())),
    };
    let schema = reader.metadata().file_metadata().schema();
    // In the order of the file, which may not be the one asked for.
    let mut chosen = Vec::new();
    for column in columns {
        let found = schema.get_fields().iter().find(|field| field.name() == *column);
        chosen.push(found.cloned().ok_or_else(|| no_column(key, column))?);
    }
    let projection = Type::group_type_builder(schema.name()).with_fields(chosen).build();
    let projection = projection.map_err(|source| OracleError::Columns { key: key.to_owned(), source })?;
    let iter = match reader.get_row_iter(Some(projection)) {
        Ok(iter) => iter,
        Err(broken) => return Ok(Err(broken.to_string())),
    };
    let mut rows = Vec::new();
    for row in iter {
        let row = match row {
            Ok(row) => row,
            Err(broken) => return Ok(Err(broken.to_string())),
        };
        let cell =
            |column: &&str| row.get_column_iter().find(|(name, _)| name == column).map(|(_, field)| value(field));
        rows.push(Row(columns.iter().filter_map(cell).collect()));
    }
    Ok(Ok(rows))
}

fn no_column(key: &str, column: &str) -> OracleError {
    OracleError::NoColumn { key: key.to_owned(), column: column.to_owned() }
}

fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bytes(bytes) => const_hex::encode_prefixed(bytes.data()).into(),
        Field::Str(text) => text.clone().into(),
        Field::ULong(number) => (*number).into(),
        Field::UInt(number) => (*number).into(),
        Field::UShort(number) => (*number).into(),
        Field::UByte(number) => (*number).into(),
        Field::Long(number) => (*number).into(),
        Field::Int(number) => (*number).into(),
        Field::Bool(yes) => (*yes).into(),
        other => other.to_string().into(),
    }
}
