//! Parts: the rows of a few consecutive blocks, kept until the window they belong to is complete.
//!
//! A part is not an artifact: where parts begin and end depends on who made them and when, and nobody but sentinel reads
//! them. [`WindowBuilder`](super::window::WindowBuilder) makes the artifacts of a window from its parts, the same ones
//! whatever the parts were.
//!
//! ```text
//! "sentpart" · version, u32 · blake2b-256 of all that follows · length of the head, u32 · head · chunks
//! ```
//!
//! The head is JSON, the chunks are streams of Arrow IPC, all compressed with zstd. A chunk holds rows of one dataset, and
//! of one subnet where the dataset is sorted by subnets.

mod chunk;
mod pending;

use std::ops::Range;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::ArtifactError;
use super::datasets::{BlockRows, Row, encode_error};
use super::raw::Digest;
use crate::chain::BlockRef;
use crate::storage::Key;

pub(in crate::artifact) use chunk::Chunk;
use chunk::{Chunks, pack, unpack};
pub(super) use pending::Kept;
use pending::Pending;

const MAGIC: &[u8; 8] = b"sentpart";

/// The version of the format that is written and read.
const FORMAT: u32 = 1;

/// Magic, version, digest.
const DIGEST: Range<usize> = 12..44;
const HEAD: usize = 48;

/// More blocks than a part can hold.
const MAX_HEAD: usize = 64 << 20;

/// Collects the rows of consecutive blocks.
///
/// ```no_run
/// use sentinel_core::artifact::datasets::{BlockReader, Dataset};
/// use sentinel_core::artifact::part::PartBuilder;
/// # fn example(blocks: &[sentinel_core::source::RawBlock]) -> Result<(), Box<dyn std::error::Error>> {
/// let mut reader = BlockReader::new([Dataset::Blocks, Dataset::Events]);
/// let mut part = PartBuilder::new();
/// for block in blocks {
///     part.begin(block.reference())?;
///     part.block_rows(reader.read(block)?)?;
/// }
/// let bytes = part.finish()?.encode()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct PartBuilder {
    blocks: Vec<BlockRef>,
    pending: Pending,
    chunks: Chunks,
}

impl PartBuilder {
    /// One without blocks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the next block: what follows is about it. Blocks ascend; some may be left out.
    ///
    /// # Errors
    /// [`ArtifactError::Contradiction`] for a block that does not come after the one before, or is not its child where it
    /// should be.
    pub fn begin(&mut self, block: BlockRef) -> Result<(), ArtifactError> {
        if let Some(before) = self.blocks.last() {
            follows(before, &block)?;
        }
        self.pending.end_block(&mut self.chunks, false)?;
        self.blocks.push(block);
        Ok(())
    }

    /// Adds rows of the block begun last, in any order.
    ///
    /// # Errors
    /// [`ArtifactError::Contradiction`] for rows of another block.
    pub fn rows<R: Row>(&mut self, rows: impl IntoIterator<Item = R>) -> Result<(), ArtifactError> {
        let begun = self.blocks.last().map(|block| block.number);
        let rows: Vec<R> = rows.into_iter().collect();
        if let Some(row) = rows.iter().find(|row| Some(row.block()) != begun) {
            let message = match begun {
                Some(begun) => format!("a row of `{}` is among those of block {begun}", R::DATASET),
                None => format!("a row of `{}` comes before any block was begun", R::DATASET),
            };
            return Err(ArtifactError::Contradiction { block: row.block(), message });
        }
        R::pending(&mut self.pending).add(rows);
        Ok(())
    }

    /// Adds the rows of the block begun last that were made of its bytes, as many as there are.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub fn block_rows(&mut self, rows: BlockRows) -> Result<(), ArtifactError> {
        self.rows([rows.block])?;
        self.rows(rows.extrinsics)?;
        self.rows(rows.events)
    }

    /// Makes tables of the rows so far, ahead of time.
    pub(crate) fn make_tables(&mut self) -> Result<(), ArtifactError> {
        self.pending.end_block(&mut self.chunks, true)
    }

    /// Adds the blocks of another, which come after those begun so far, and their rows.
    pub(crate) fn append(&mut self, mut later: Self) -> Result<(), ArtifactError> {
        let Some(first) = later.blocks.first() else { return Ok(()) };
        if let Some(before) = self.blocks.last() {
            follows(before, first)?;
        }
        self.make_tables()?;
        later.make_tables()?;
        self.blocks.append(&mut later.blocks);
        self.chunks.append(later.chunks)
    }

    /// The blocks begun so far.
    pub fn blocks(&self) -> &[BlockRef] {
        &self.blocks
    }

    /// Whether no block was begun.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The part.
    ///
    /// # Errors
    /// [`ArtifactError::Encode`] for rows of one block that do not fit a table: more than 1 GiB of text.
    pub fn finish(self) -> Result<Part, ArtifactError> {
        self.end(false)
    }

    /// The part for whoever uses it at once: nothing in it is compressed.
    pub(crate) fn finish_loose(self) -> Result<Part, ArtifactError> {
        self.end(true)
    }

    fn end(mut self, loose: bool) -> Result<Part, ArtifactError> {
        self.make_tables()?;
        Ok(Part { blocks: self.blocks, chunks: self.chunks.finish(loose)? })
    }

    /// What the rows that are not compressed yet take as text.
    pub(crate) fn room(&self) -> usize {
        self.pending.room() + self.chunks.room()
    }
}

/// The rows of a few consecutive blocks, compressed.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    blocks: Vec<BlockRef>,
    chunks: Vec<Chunk>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    blocks: Vec<BlockRef>,
    chunks: Vec<chunk::Entry>,
}

impl Part {
    /// The blocks in it, ascending. A block without rows is one of them, too.
    pub fn blocks(&self) -> &[BlockRef] {
        &self.blocks
    }

    /// The rows of one dataset in it, in the order of the dataset.
    ///
    /// # Errors
    /// [`ArtifactError::Encode`] for a part that was not made by this version.
    pub fn rows<R: Row>(&self) -> Result<Vec<R>, ArtifactError> {
        let mut rows: Vec<R> = Vec::new();
        for chunk in self.chunks.iter().filter(|chunk| chunk.dataset == R::DATASET) {
            for batch in chunk.tables()? {
                rows.extend(R::from_batch(&batch).map_err(|message| encode_error(R::DATASET, message))?);
            }
        }
        rows.sort_by(R::order);
        Ok(rows)
    }

    pub(in crate::artifact) fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// As one object.
    ///
    /// # Errors
    /// [`ArtifactError::Encode`] for more blocks than one part can hold: some ten million.
    pub fn encode(&self) -> Result<Bytes, ArtifactError> {
        let chunks = self.chunks.iter().map(Chunk::written).collect::<Result<Vec<_>, _>>()?;
        let (chunks, packed): (Vec<_>, Vec<_>) = chunks.into_iter().unzip();
        let head = Head { blocks: self.blocks.clone(), chunks };
        let head = serde_json::to_vec(&head).map_err(head_error)?;
        let head = pack(&head).map_err(head_error)?;
        let length = u32::try_from(head.len()).map_err(head_error)?;
        let size = packed.iter().map(Bytes::len).sum::<usize>();
        let mut bytes = Vec::with_capacity(HEAD + head.len() + size);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&[0; 32]);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&head);
        for chunk in &packed {
            bytes.extend_from_slice(chunk);
        }
        let digest = Digest::of(&bytes[DIGEST.end..]);
        bytes[DIGEST].copy_from_slice(&digest.0);
        Ok(bytes.into())
    }

    /// Reads what [`encode`](Self::encode) makes. The key says in errors which object it was.
    ///
    /// # Errors
    /// [`ArtifactError::Damaged`] for anything else, [`ArtifactError::Format`] for a part of another version: fetch its
    /// blocks again.
    pub fn decode(key: &Key, bytes: Bytes) -> Result<Self, ArtifactError> {
        let damaged = |message: &str| ArtifactError::damaged(key, message);
        if bytes.len() < HEAD || !bytes.starts_with(MAGIC) {
            return Err(damaged("it is no part, or is cut off"));
        }
        let number = |at: usize| bytes[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        let format = number(MAGIC.len());
        if format != FORMAT {
            return Err(ArtifactError::Format { object: key.clone(), format: format.into(), supported: FORMAT.into() });
        }
        if Digest::of(&bytes[DIGEST.end..]).0 != bytes[DIGEST] {
            return Err(damaged("its digest is not that of its content"));
        }
        let head_end = (HEAD + number(DIGEST.end) as usize).min(bytes.len());
        let head = unpack(&bytes[HEAD..head_end], MAX_HEAD).map_err(|_| damaged("its head cannot be unpacked"))?;
        let head: Head = serde_json::from_slice(&head).map_err(|error| damaged(&format!("its head: {error}")))?;
        let (mut chunks, mut at) = (Vec::with_capacity(head.chunks.len()), head_end);
        for entry in head.chunks {
            let end = usize::try_from(entry.size).ok().and_then(|size| at.checked_add(size));
            let end = end.filter(|end| *end <= bytes.len()).ok_or_else(|| damaged("its chunks are cut off"))?;
            chunks.push(Chunk::new(entry, bytes.slice(at..end)));
            at = end;
        }
        if at != bytes.len() {
            return Err(damaged("more follows its chunks"));
        }
        if !head.blocks.is_sorted_by(|one, next| one.number < next.number) {
            return Err(damaged("its blocks do not ascend"));
        }
        Ok(Self { blocks: head.blocks, chunks })
    }
}

fn head_error(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ArtifactError {
    ArtifactError::Encode { table: "part", source: error.into() }
}

/// Checks that a block may come after another: higher, and its child if it is the next.
pub(in crate::artifact) fn follows(before: &BlockRef, block: &BlockRef) -> Result<(), ArtifactError> {
    let message = if block.number <= before.number {
        format!("it comes after block {}", before.number)
    } else if block.number - before.number == 1 && block.parent_hash != before.hash {
        format!("its parent is {}, and block {before} comes before it", block.parent_hash)
    } else {
        return Ok(());
    };
    Err(ArtifactError::Contradiction { block: block.number, message })
}
