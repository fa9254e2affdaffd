//! Rows of blocks, extrinsics, events and findings.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::Dataset;
use super::block_rows::{BlockRow, EventRow, ExtrinsicRow, FindingRow};
use super::text::{ItemId, JsonText, Words};
use crate::artifact::raw::Digest;
use crate::chain::{NetUid, blake2_256_all};
use crate::decode::{
    BlockIndex, DecodeError, EventRecord, Extrinsic, ExtrinsicColumns, JsonOptions, JsonWriter, Outcome, Phase,
};
use crate::detect::{Finding, Severity};
use crate::source::RawBlock;

/// Room for the JSON of a block's events that is kept for the next block.
const ROOM: usize = 1 << 20;

/// What one block says of itself, as rows.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockRows {
    /// The block.
    pub block: BlockRow,
    /// Its extrinsics, in order; none where nobody asked for them.
    pub extrinsics: Vec<ExtrinsicRow>,
    /// Its events, in order; none where nobody asked for them.
    pub events: Vec<EventRow>,
}

/// Makes rows of blocks, one block after the other.
///
/// It remembers the addresses of accounts, so one reader for many blocks (and one for each thread) is faster than one
/// for each block. What it remembers is bounded.
///
/// ```no_run
/// use sentinel_core::artifact::datasets::{BlockReader, Dataset};
/// # fn example(block: &sentinel_core::source::RawBlock) -> Result<(), Box<dyn std::error::Error>> {
/// let mut reader = BlockReader::new([Dataset::Blocks, Dataset::Events]);
/// let rows = reader.read(block)?;
/// println!("{} has {} events", rows.block.block, rows.events.len());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BlockReader {
    extrinsics: bool,
    events: bool,
    writer: JsonWriter,
    words: Words,
}

impl BlockReader {
    /// A reader of these datasets; the block itself is always read, and those that are not of its bytes are none of its
    /// business.
    pub fn new(datasets: impl IntoIterator<Item = Dataset>) -> Self {
        let writer = JsonWriter::new(JsonOptions::default());
        let mut reader = Self { extrinsics: false, events: false, writer, words: Words::default() };
        for dataset in datasets {
            reader.extrinsics |= dataset == Dataset::Extrinsics;
            reader.events |= dataset == Dataset::Events;
        }
        reader
    }

    /// The rows of a block.
    ///
    /// # Errors
    /// Events that do not decode: they have no boundaries but their own. An extrinsic that does not decode is a row that
    /// says so.
    pub fn read(&mut self, block: &RawBlock) -> Result<BlockRows, DecodeError> {
        self.read_index(block, &block.runtime.index(&block.extrinsics, &block.events)?)
    }

    /// The rows of a block whose index is there already.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_index(&mut self, block: &RawBlock, index: &BlockIndex<'_, '_>) -> Result<BlockRows, DecodeError> {
        let mut rows = BlockRows { block: BlockRow::of(block, index), extrinsics: Vec::new(), events: Vec::new() };
        if self.extrinsics {
            rows.extrinsics = self.extrinsics(block, index);
        }
        if self.events {
            let events = self.events(block, index);
            if self.writer.as_bytes().len() > ROOM {
                // One huge block is no reason to keep as much room for all that follow.
                self.writer = JsonWriter::new(JsonOptions::default());
            }
            rows.events = events?;
        }
        Ok(rows)
    }

    fn extrinsics(&mut self, block: &RawBlock, index: &BlockIndex<'_, '_>) -> Vec<ExtrinsicRow> {
        let hashes = blake2_256_all(block.extrinsics.iter().map(|bytes| bytes.as_ref()));
        let rows = hashes.into_iter().zip(index.extrinsics()).enumerate().map(|(at, (hash, extrinsic))| {
            self.writer.clear();
            let mut row = ExtrinsicRow::bare(block, at, Digest(hash));
            match (extrinsic, index.columns(at, &mut self.writer)) {
                (Ok(extrinsic), Some(columns)) => row.fill(extrinsic, columns, &self.writer, &mut self.words),
                (Err(error), _) => row.decode_error = Some(error.to_string()),
                (Ok(_), None) => {}
            }
            row
        });
        rows.collect()
    }

    fn events(&mut self, block: &RawBlock, index: &BlockIndex<'_, '_>) -> Result<Vec<EventRow>, DecodeError> {
        let mut attributes = Vec::with_capacity(index.events().len());
        self.writer.clear();
        for event in index.events() {
            let start = self.writer.as_bytes().len();
            event.append_attributes(&mut self.writer)?;
            attributes.push(start..self.writer.as_bytes().len());
        }
        // Those of a block are one text.
        let text: Arc<str> = text(self.writer.as_bytes()).into();
        let rows = index.events().iter().zip(attributes).map(|(event, own)| {
            let attributes = (&text[own.clone()] != "null").then(|| JsonText::part(&text, own));
            EventRow::of(block, event, attributes, &mut self.words)
        });
        Ok(rows.collect())
    }
}

impl BlockRow {
    fn of(block: &RawBlock, index: &BlockIndex<'_, '_>) -> Self {
        let all = 0..index.extrinsics().len();
        Self {
            block: block.header.header.number,
            timestamp_ms: block.timestamp_ms,
            block_hash: block.header.hash,
            parent_hash: block.header.header.parent_hash,
            spec_version: block.runtime.version().spec_version,
            extrinsics: count(all.len()),
            failed_extrinsics: count(all.filter(|at| index.succeeded(*at) == Some(false)).count()),
            events: count(index.events().len()),
        }
    }
}

impl ExtrinsicRow {
    /// What is known of any bytes.
    fn bare(block: &RawBlock, at: usize, extrinsic_hash: Digest) -> Self {
        let number = block.header.header.number;
        Self {
            block: number,
            timestamp_ms: block.timestamp_ms,
            id: ItemId { block: number, index: count(at) },
            index: count(at),
            extrinsic_hash,
            call_module: None,
            call_function: None,
            address: None,
            nonce: None,
            tip: None,
            era: None,
            status: None,
            error: None,
            netuid: None,
            call_args: None,
            nested: None,
            decode_error: None,
        }
    }

    fn fill(
        &mut self,
        extrinsic: &Extrinsic<'_, '_>,
        columns: Result<ExtrinsicColumns, DecodeError>,
        writer: &JsonWriter,
        words: &mut Words,
    ) {
        self.call_module = Some(words.of(extrinsic.pallet()));
        self.call_function = Some(words.of(extrinsic.name()));
        self.address = extrinsic.signer();
        self.nonce = extrinsic.nonce();
        self.tip = extrinsic.tip().and_then(|tip| u64::try_from(tip).ok());
        self.era = extrinsic.era().map(const_hex::encode);
        if self.tip.is_none() && extrinsic.tip().is_some() {
            self.decode_error = Some("a tip of more than 64 bits".to_owned());
        }
        match columns {
            Ok(columns) => {
                let written = |range: Range<usize>| json(&writer.as_bytes()[range]);
                (self.status, self.error) = match columns.outcome {
                    Some(Outcome::Success) => (Some(Cow::Borrowed("success")), None),
                    Some(Outcome::Failed(error)) => (Some(Cow::Borrowed("failed")), Some(error.full_name())),
                    None => (None, None),
                };
                self.netuid = columns.netuid.and_then(|netuid| u16::try_from(netuid).ok()).map(NetUid);
                self.call_args = Some(written(columns.arguments));
                self.nested = columns.nested.map(written);
            }
            Err(error) => self.decode_error = Some(error.to_string()),
        }
    }
}

impl EventRow {
    fn of(block: &RawBlock, event: &EventRecord<'_, '_>, attributes: Option<JsonText>, words: &mut Words) -> Self {
        let number = block.header.header.number;
        let (phase, extrinsic_idx) = match event.phase() {
            Phase::ApplyExtrinsic(at) => ("ApplyExtrinsic", Some(at)),
            Phase::Finalization => ("Finalization", None),
            Phase::Initialization => ("Initialization", None),
        };
        let topics = (event.topics().len() > 0).then(|| {
            let topics = event.topics().map(|topic| serde_json::Value::from(const_hex::encode_prefixed(topic)));
            JsonText::of(&topics.collect())
        });
        Self {
            block: number,
            timestamp_ms: block.timestamp_ms,
            id: ItemId { block: number, index: event.position() },
            index: event.position(),
            phase: Cow::Borrowed(phase),
            extrinsic_idx,
            module_id: words.of(event.pallet()),
            event_id: words.of(event.name()),
            attributes,
            topics,
        }
    }
}

impl FindingRow {
    /// A finding as a row.
    pub fn of(finding: &Finding) -> Self {
        let subject = &finding.subject;
        Self {
            block: finding.block.number,
            timestamp_ms: finding.timestamp,
            id: finding.id.to_string(),
            block_hash: finding.block.hash,
            detector: Cow::Borrowed(finding.detector),
            severity: Cow::Borrowed(match finding.severity {
                Severity::Info => "info",
                Severity::Warning => "warning",
                Severity::Critical => "critical",
            }),
            netuid: subject.netuid,
            hotkey: subject.hotkey,
            coldkey: subject.coldkey,
            parameter: subject.parameter.clone(),
            extrinsic: finding.extrinsic.clone(),
            title: finding.title.clone(),
            body: finding.body.clone(),
            payload: JsonText::of(&finding.payload),
        }
    }
}

fn json(bytes: &[u8]) -> JsonText {
    JsonText::trusted(&text(bytes))
}

/// A writer of JSON writes text. To see that it is takes a fraction of the time of looking for what is not.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// A block has fewer than four billion of anything: its bytes are fewer.
fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
