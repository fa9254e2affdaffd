//! From Parquet files, checked against their manifest, back to rows. Whatever the bytes are, the outcome is rows or an error.

use arrow_array::cast::AsArray;
use arrow_array::types::{UInt32Type, UInt64Type};
use arrow_array::{Array, BinaryArray, FixedSizeBinaryArray, ListArray, RecordBatch, StringArray};
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::column::{self, Table};
use super::limits::{self, MAX_UNPACKED, VALUE_WEIGHT};
use super::pages;
use super::rows::{BlockRow, BodyRow, CallRow, PrefixRow, RuntimeRow, StateRow};
use super::write::FOOTER_KEY;
use super::{Digest, Manifest};
use crate::artifact::ArtifactError;
use crate::chain::{BlockHash, Header};

/// Reads and checks the table `blocks`: ascending, inside the window, each the child of the one before.
pub(crate) fn read_blocks(manifest: &Manifest, object: Bytes) -> Result<Vec<BlockRow>, ArtifactError> {
    let mut rows: Vec<BlockRow> = Vec::new();
    decode(manifest, Table::Blocks, object, |batch| {
        let numbers = batch.numbers(column::NUMBER)?;
        let hashes = batch.hashes(column::HASH)?;
        let parents = batch.hashes(column::PARENT_HASH)?;
        let state_roots = batch.hashes(column::STATE_ROOT)?;
        let extrinsics_roots = batch.hashes(column::EXTRINSICS_ROOT)?;
        let digests = batch.lists(column::DIGEST)?;
        let extrinsics = batch.lists(column::EXTRINSICS)?;
        let events = batch.binaries(column::EVENTS)?;
        let timestamps = batch.optional_numbers(column::TIMESTAMP_MS)?;
        let writers = batch.optional_hashes(column::WRITER)?;
        let runtimes = batch.optional_hashes(column::RUNTIME)?;
        for index in 0..numbers.len() {
            let digest = digests[index].as_ref().ok_or("a header without digest")?;
            let body = match (&extrinsics[index], &events[index], writers[index]) {
                (Some(extrinsics), Some(events), Some(writer)) => Some(BodyRow {
                    extrinsics: extrinsics.clone(),
                    events: events.clone(),
                    timestamp_ms: timestamps[index],
                    writer: Digest(writer),
                }),
                (None, None, None) => None,
                _ => return Err(format!("block {} is neither whole nor a lone header", numbers[index])),
            };
            rows.push(BlockRow {
                hash: BlockHash(hashes[index]),
                header: Header {
                    parent_hash: BlockHash(parents[index]),
                    number: numbers[index],
                    state_root: state_roots[index],
                    extrinsics_root: extrinsics_roots[index],
                    digest: digest.iter().map(|item| item.to_vec()).collect(),
                },
                body,
                runtime: runtimes[index].map(Digest),
            });
        }
        Ok(())
    })?;
    check_chain(manifest, &rows).map_err(|message| ArtifactError::damaged(&manifest.tables.blocks.key, message))?;
    Ok(rows)
}

fn check_chain(manifest: &Manifest, rows: &[BlockRow]) -> Result<(), String> {
    let mut previous = manifest.parent.as_ref().map(|parent| (parent.number, parent.hash));
    for row in rows {
        let number = row.header.number;
        if !(manifest.first..=manifest.last).contains(&number) {
            return Err(format!("block {number} is outside of its window"));
        }
        match previous {
            Some((before, _)) if before >= number => return Err(format!("block {number} follows block {before}")),
            Some((before, hash)) if before + 1 == number && hash != row.header.parent_hash => {
                return Err(format!("block {number} is not the child of block {before}"));
            }
            _ => previous = Some((number, row.hash)),
        }
    }
    match rows.last() {
        Some(last) if (last.header.number, last.hash) == (manifest.head.number, manifest.head.hash) => Ok(()),
        _ => Err("its last block is not the one in its manifest".to_owned()),
    }
}

/// Reads the table `runtimes` and checks that each digest is that of its metadata.
pub(crate) fn read_runtimes(manifest: &Manifest, object: Bytes) -> Result<Vec<RuntimeRow>, ArtifactError> {
    let mut rows = Vec::new();
    decode(manifest, Table::Runtimes, object, |batch| {
        let digests = batch.hashes(column::DIGEST)?;
        let names = batch.texts(column::SPEC_NAME)?;
        let versions = batch.array(column::SPEC_VERSION, &DataType::UInt32)?.as_primitive::<UInt32Type>().values();
        let blobs = batch.required_binaries(column::METADATA)?;
        for (index, metadata) in blobs.into_iter().enumerate() {
            let digest = Digest(digests[index]);
            if Digest::of(&metadata) != digest {
                return Err(format!("the metadata with digest {digest} has another"));
            }
            rows.push(RuntimeRow {
                digest,
                spec_name: names.value(index).to_owned(),
                spec_version: versions[index],
                metadata,
            });
        }
        Ok(())
    })?;
    Ok(rows)
}

pub(super) fn read_state(manifest: &Manifest, object: Bytes) -> Result<Vec<StateRow>, ArtifactError> {
    let mut rows: Vec<StateRow> = Vec::new();
    decode(manifest, Table::State, object, |batch| {
        let blocks = batch.numbers(column::BLOCK)?;
        let keys = batch.required_binaries(column::KEY)?;
        let values = batch.binaries(column::VALUE)?;
        for ((key, value), block) in keys.into_iter().zip(values).zip(blocks) {
            if rows.last().is_some_and(|last| (&last.key, last.block) >= (&key, *block)) {
                return Err("its rows are not in order".to_owned());
            }
            rows.push(StateRow { key, block: *block, value });
        }
        Ok(())
    })?;
    Ok(rows)
}

pub(super) fn read_prefixes(manifest: &Manifest, object: Bytes) -> Result<Vec<PrefixRow>, ArtifactError> {
    let mut rows = Vec::new();
    decode(manifest, Table::Prefixes, object, |batch| {
        let blocks = batch.numbers(column::BLOCK)?;
        let complete = batch.array(column::COMPLETE, &DataType::Boolean)?.as_boolean();
        for (index, prefix) in batch.required_binaries(column::PREFIX)?.into_iter().enumerate() {
            rows.push(PrefixRow { block: blocks[index], prefix, complete: complete.value(index) });
        }
        Ok(())
    })?;
    Ok(rows)
}

pub(super) fn read_calls(manifest: &Manifest, object: Bytes) -> Result<Vec<CallRow>, ArtifactError> {
    let mut rows = Vec::new();
    decode(manifest, Table::Calls, object, |batch| {
        let blocks = batch.numbers(column::BLOCK)?;
        let functions = batch.texts(column::FUNCTION)?;
        let arguments = batch.binaries(column::ARGUMENTS)?;
        let answers = batch.binaries(column::ANSWER)?;
        for (index, (arguments, answer)) in arguments.into_iter().zip(answers).enumerate() {
            if arguments.is_none() && answer.is_some() {
                return Err("an answer without arguments".to_owned());
            }
            let function = functions.value(index).to_owned();
            rows.push(CallRow { function, arguments, block: blocks[index], answer });
        }
        Ok(())
    })?;
    Ok(rows)
}

fn decode(
    manifest: &Manifest,
    table: Table,
    object: Bytes,
    each: impl FnMut(Batch) -> Result<(), String>,
) -> Result<(), ArtifactError> {
    manifest.check_table(table, &object)?;
    decode_within(MAX_UNPACKED, manifest, table, object, each)
}

fn decode_within(
    limit: u64,
    manifest: &Manifest,
    table: Table,
    object: Bytes,
    mut each: impl FnMut(Batch) -> Result<(), String>,
) -> Result<(), ArtifactError> {
    let too_much = || format!("it unpacks to more than the {limit} bytes that a table may have");
    let entry = manifest.table(table);
    let mut read = || -> Result<(), String> {
        let foreign = |error: parquet::errors::ParquetError| format!("not a readable Parquet file: {error}");
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let builder =
            ParquetRecordBatchReaderBuilder::try_new_with_options(object.clone(), options).map_err(foreign)?;
        let metadata = builder.metadata();
        let footer = metadata.file_metadata().key_value_metadata();
        let ours = footer.is_some_and(|entries| {
            entries.iter().any(|entry| entry.key == FOOTER_KEY && entry.value.as_deref() == Some(table.name()))
        });
        if !ours {
            return Err(format!("not a table `{table}` of a recording"));
        }
        let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(u64::MAX);
        if rows != entry.rows {
            return Err(format!("it has {rows} rows, and its manifest says {}", entry.rows));
        }
        let blocks = manifest.last.saturating_sub(manifest.first).saturating_add(1);
        if table == Table::Blocks && rows > blocks {
            return Err(format!("it has {rows} rows, and its window {blocks} blocks"));
        }
        // A column of nulls takes no pages worth mentioning, and rows take memory all the same.
        let values = rows.saturating_mul(table.schema().fields().len() as u64);
        let claim = pages::claim(&object, metadata).ok_or("the header of a page is not one")?;
        if claim.bytes > limit || claim.values.max(values) > limit / VALUE_WEIGHT {
            return Err(too_much());
        }
        // Blocks are large; the batch bounds the bytes of one column, which must stay below 2 GiB. Pages may repeat a
        // large value, and a batch is whole before it is weighed.
        let batch_rows: usize = if table == Table::Blocks { 64 } else { 4096 };
        let fitting = usize::try_from(limit / claim.largest.max(1)).unwrap_or(usize::MAX);
        let batch_rows = batch_rows.min(fitting).max(1);
        let (mut seen, mut unpacked) = (0, 0_u64);
        for batch in builder.with_batch_size(batch_rows).build().map_err(foreign)? {
            let batch = batch.map_err(|error| format!("not a readable Parquet file: {error}"))?;
            seen += batch.num_rows() as u64;
            unpacked = unpacked.saturating_add(limits::weight(&batch));
            if unpacked > limit {
                return Err(too_much());
            }
            each(Batch(batch))?;
        }
        if seen != rows { Err(format!("it has {seen} rows and claims {rows}")) } else { Ok(()) }
    };
    read().map_err(|message| ArtifactError::damaged(&entry.key, message))
}

/// Columns by name, checked before they are used.
struct Batch(RecordBatch);

impl Batch {
    fn array(&self, name: &str, kind: &DataType) -> Result<&dyn Array, String> {
        let array = self.optional(name, kind)?;
        if array.null_count() > 0 {
            return Err(format!("a row without `{name}`"));
        }
        Ok(array)
    }

    fn optional(&self, name: &str, kind: &DataType) -> Result<&dyn Array, String> {
        let array = self.0.column_by_name(name).ok_or_else(|| format!("it has no column `{name}`"))?;
        if array.data_type() != kind {
            return Err(format!("its column `{name}` is of type {}, not {kind}", array.data_type()));
        }
        Ok(array.as_ref())
    }

    fn numbers(&self, name: &str) -> Result<&[u64], String> {
        Ok(self.array(name, &DataType::UInt64)?.as_primitive::<UInt64Type>().values())
    }

    fn optional_numbers(&self, name: &str) -> Result<Vec<Option<u64>>, String> {
        Ok(self.optional(name, &DataType::UInt64)?.as_primitive::<UInt64Type>().iter().collect())
    }

    fn texts(&self, name: &str) -> Result<&StringArray, String> {
        Ok(self.array(name, &DataType::Utf8)?.as_string::<i32>())
    }

    fn optional_hashes(&self, name: &str) -> Result<Vec<Option<[u8; 32]>>, String> {
        let array: &FixedSizeBinaryArray = self.optional(name, &DataType::FixedSizeBinary(32))?.as_fixed_size_binary();
        Ok(array.iter().map(|value| value.and_then(|value| value.try_into().ok())).collect())
    }

    fn hashes(&self, name: &str) -> Result<Vec<[u8; 32]>, String> {
        self.optional_hashes(name)?
            .into_iter()
            .map(|hash| hash.ok_or_else(|| format!("a row without `{name}`")))
            .collect()
    }

    fn binaries(&self, name: &str) -> Result<Vec<Option<Bytes>>, String> {
        Ok(slices(self.optional(name, &DataType::Binary)?.as_binary::<i32>()))
    }

    fn required_binaries(&self, name: &str) -> Result<Vec<Bytes>, String> {
        self.binaries(name)?.into_iter().map(|value| value.ok_or_else(|| format!("a row without `{name}`"))).collect()
    }

    fn lists(&self, name: &str) -> Result<Vec<Option<Vec<Bytes>>>, String> {
        let column = self.0.column_by_name(name).ok_or_else(|| format!("it has no column `{name}`"))?;
        let list: &ListArray = column.as_list_opt().ok_or_else(|| format!("its column `{name}` is not a list"))?;
        let items: &BinaryArray =
            list.values().as_binary_opt().ok_or_else(|| format!("its column `{name}` is not a list of bytes"))?;
        let item = slicing(items);
        let offsets = list.value_offsets();
        let lists = (0..list.len()).map(|index| {
            if list.is_null(index) {
                return Ok(None);
            }
            let range =
                usize::try_from(offsets[index]).unwrap_or(usize::MAX)..usize::try_from(offsets[index + 1]).unwrap_or(0);
            if range.start > range.end || range.end > items.len() {
                return Err(format!("a list in `{name}` is out of bounds"));
            }
            range
                .map(|index| item(index).ok_or_else(|| format!("a null in `{name}`")))
                .collect::<Result<_, _>>()
                .map(Some)
        });
        lists.collect()
    }
}

/// The values of a column.
fn slices(array: &BinaryArray) -> Vec<Option<Bytes>> {
    (0..array.len()).map(slicing(array)).collect()
}

/// Gives the values of a column by their index, all sharing its buffer.
fn slicing(array: &BinaryArray) -> impl Fn(usize) -> Option<Bytes> {
    struct Values(BinaryArray);

    impl AsRef<[u8]> for Values {
        fn as_ref(&self) -> &[u8] {
            self.0.value_data()
        }
    }

    let buffer = Bytes::from_owner(Values(array.clone()));
    move |index| {
        let value = array.is_valid(index).then(|| array.value(index))?;
        Some(if value.is_empty() { Bytes::new() } else { buffer.slice_ref(value) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::raw::{BlockRecord, Layout, SealedWindow, Window, WindowBuilder};

    /// Two blocks, each with the same `count` values of `size` bytes.
    fn sealed(count: u32, size: usize) -> SealedWindow {
        let mut builder = WindowBuilder::new(Window::new(1, 2).unwrap(), None, false);
        for number in 1..=2 {
            let header = Header {
                parent_hash: BlockHash([number as u8 - 1; 32]),
                number,
                state_root: [0; 32],
                extrinsics_root: [0; 32],
                digest: vec![vec![7; 100]; 10],
            };
            let mut record = BlockRecord::new(BlockHash([number as u8; 32]), header);
            let value = |index: u32| (Bytes::copy_from_slice(&index.to_be_bytes()), Some(vec![1; size].into()));
            record.values = (0..count).map(value).collect();
            builder.push(record).unwrap();
        }
        builder.seal(&Layout::new("local".parse().unwrap()), BlockHash([0; 32]), "test", None).unwrap()
    }

    fn read_within(limit: u64, window: &SealedWindow, table: Table) -> Result<u64, ArtifactError> {
        let key = &window.manifest.table(table).key;
        let object = window.objects.iter().find(|(of, _)| of == key).unwrap().1.clone();
        let mut weight = 0;
        decode_within(limit, &window.manifest, table, object, |batch| {
            weight += limits::weight(&batch.0);
            Ok(())
        })?;
        Ok(weight)
    }

    fn assert_too_much(window: &SealedWindow, table: Table, limit: u64) {
        match read_within(limit, window, table) {
            Err(ArtifactError::Damaged { object, message }) => {
                assert_eq!(object, window.manifest.table(table).key);
                assert!(message.contains(&format!("more than the {limit} bytes")), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_table_that_unpacks_to_too_much_is_refused() {
        let window = sealed(1_000, 10_000);
        // One value that is repeated: the file says little of what it becomes.
        assert!(window.manifest.tables.state.size < 20_000);
        let whole = 2_000 * (3 * VALUE_WEIGHT + 4 + 10_000);
        assert_eq!(read_within(whole, &window, Table::State).unwrap(), whole);
        assert_too_much(&window, Table::State, whole - 1);
        assert_too_much(&window, Table::State, 0);
    }

    #[test]
    fn elements_of_lists_count() {
        let window = sealed(0, 0);
        // Eleven columns of two rows; ten elements of a hundred bytes in each list of one column.
        let whole = 2 * (11 * VALUE_WEIGHT + 10 * (VALUE_WEIGHT + 100));
        assert_eq!(read_within(whole, &window, Table::Blocks).unwrap(), whole);
        assert_too_much(&window, Table::Blocks, whole - 1);
    }

    #[test]
    fn what_pages_claim_is_known_before_they_are_unpacked() {
        let window = sealed(100_000, 1);
        let key = &window.manifest.tables.state.key;
        let object = window.objects.iter().find(|(of, _)| of == key).unwrap().1.clone();
        let file = ParquetRecordBatchReaderBuilder::try_new(object.clone()).unwrap();
        let claim = pages::claim(&object, file.metadata()).unwrap();
        assert!(claim.values >= 3 * 200_000 && claim.values < 3 * 200_000 + 100, "{claim:?}");
        let footer: i64 = file.metadata().row_groups().iter().map(|group| group.total_byte_size()).sum();
        assert!(claim.bytes <= footer as u64 && claim.bytes > footer as u64 * 9 / 10, "{claim:?} {footer}");
    }

    #[test]
    fn blocks_beyond_the_window_are_refused_before_they_are_read() {
        let mut window = sealed(0, 0);
        window.manifest.first = 2;
        let error = read_within(MAX_UNPACKED, &window, Table::Blocks).unwrap_err();
        assert!(error.to_string().contains("it has 2 rows, and its window 1 blocks"), "{error}");
    }
}
