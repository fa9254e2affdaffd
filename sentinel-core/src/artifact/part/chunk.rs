//! Chunks: rows of one dataset as a compressed table.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::reader::StreamDecoder;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;
use arrow_select::concat::concat_batches;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zstd::bulk::{Compressor, Decompressor};

use crate::artifact::ArtifactError;
use crate::artifact::datasets::{Dataset, encode_error};
use crate::chain::NetUid;

/// Parts live for minutes and are on the way of every block: speed before size.
const ZSTD_LEVEL: i32 = 1;

/// Beyond so many rows, or bytes of text, a chunk is closed and another begun.
const CHUNK_ROWS: usize = 65_536;
const CHUNK_ROOM: usize = 32 << 20;

/// No chunk unpacks to more: what a chunk may hold, the text of one more block, and what a table needs around it.
const MAX_UNPACKED: usize = 2 << 30;

/// Rows of one dataset, and of one subnet where the dataset is sorted by subnets; sorted.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::artifact) struct Chunk {
    pub(in crate::artifact) dataset: Dataset,
    pub(in crate::artifact) netuid: Option<NetUid>,
    /// The first and the last block that has rows in it.
    blocks: (u64, u64),
    content: Content,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Tables(Vec<RecordBatch>),
    Packed { bytes: Bytes, unpacked: usize },
}

/// What the head of a part says of a chunk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    dataset: Dataset,
    netuid: Option<NetUid>,
    blocks: (u64, u64),
    unpacked: usize,
    pub(super) size: u64,
}

impl Chunk {
    pub(super) fn new(entry: Entry, packed: Bytes) -> Self {
        let Entry { dataset, netuid, blocks, unpacked, size: _ } = entry;
        Self { dataset, netuid, blocks, content: Content::Packed { bytes: packed, unpacked } }
    }

    /// As it is written: what the head says of it, and its bytes.
    pub(super) fn written(&self) -> Result<(Entry, Bytes), ArtifactError> {
        let (packed, unpacked) = match &self.content {
            Content::Packed { bytes, unpacked } => (bytes.clone(), *unpacked),
            Content::Tables(tables) => packed(self.dataset, tables)?,
        };
        let Self { dataset, netuid, blocks, .. } = *self;
        Ok((Entry { dataset, netuid, blocks, unpacked, size: packed.len() as u64 }, packed))
    }

    /// The same, compressed.
    fn pack(self) -> Result<Self, ArtifactError> {
        let (entry, packed) = self.written()?;
        Ok(Self::new(entry, packed))
    }

    /// Whether it may hold rows of some of these blocks.
    pub(in crate::artifact) fn meets(&self, blocks: &RangeInclusive<u64>) -> bool {
        self.blocks.0 <= *blocks.end() && *blocks.start() <= self.blocks.1
    }

    /// The bytes that it unpacks to.
    pub(in crate::artifact) fn size(&self) -> usize {
        match &self.content {
            Content::Tables(tables) => tables.iter().map(RecordBatch::get_array_memory_size).sum(),
            Content::Packed { unpacked, .. } => *unpacked,
        }
    }

    /// Its tables, one after the other.
    pub(in crate::artifact) fn tables(&self) -> Result<Vec<RecordBatch>, ArtifactError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| encode_error(self.dataset, error);
        let bytes = match &self.content {
            Content::Tables(tables) => return Ok(tables.clone()),
            Content::Packed { bytes, unpacked } => unpack(bytes, *unpacked).map_err(|error| failed(error.into()))?,
        };
        let mut buffer = Buffer::from_vec(bytes);
        let mut decoder = StreamDecoder::new();
        let mut tables = Vec::new();
        while !buffer.is_empty() {
            tables.extend(decoder.decode(&mut buffer).map_err(|error| failed(error.into()))?);
        }
        decoder.finish().map_err(|error| failed(error.into()))?;
        Ok(tables)
    }
}

/// Chunks in the making.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    open: BTreeMap<(Dataset, Option<NetUid>), Open>,
    closed: Vec<Chunk>,
}

#[derive(Debug, Default)]
struct Open {
    tables: Vec<RecordBatch>,
    /// The first and the last block.
    blocks: Option<(u64, u64)>,
    rows: usize,
    room: usize,
}

impl Chunks {
    /// Adds rows from a first to a last block that take so much room as text; they come after those before.
    pub(super) fn add(
        &mut self,
        dataset: Dataset,
        netuid: Option<NetUid>,
        blocks: (u64, u64),
        table: RecordBatch,
        room: usize,
    ) -> Result<(), ArtifactError> {
        let rows = table.num_rows();
        self.add_open(dataset, netuid, Open { tables: vec![table], blocks: Some(blocks), rows, room })
    }

    /// Adds what was made of blocks that come after those before.
    pub(super) fn append(&mut self, later: Self) -> Result<(), ArtifactError> {
        for chunk in later.closed {
            let open = self.open.remove(&(chunk.dataset, chunk.netuid));
            if let Some(before) = open.and_then(|open| open.close(chunk.dataset, chunk.netuid)) {
                self.closed.push(before.pack()?);
            }
            self.closed.push(chunk);
        }
        later.open.into_iter().try_for_each(|((dataset, netuid), open)| self.add_open(dataset, netuid, open))
    }

    fn add_open(&mut self, dataset: Dataset, netuid: Option<NetUid>, later: Open) -> Result<(), ArtifactError> {
        let open = self.open.entry((dataset, netuid)).or_default();
        open.extend(later);
        if (open.rows >= CHUNK_ROWS || open.room >= CHUNK_ROOM)
            && let Some(chunk) = std::mem::take(open).close(dataset, netuid)
        {
            self.closed.push(chunk.pack()?);
        }
        Ok(())
    }

    /// What the rows that are not compressed yet take as text.
    pub(super) fn room(&self) -> usize {
        self.open.values().map(|open| open.room).sum()
    }

    /// All chunks; those of one dataset and subnet in the order of their rows. Loose ones take more room, and less time.
    pub(super) fn finish(self, loose: bool) -> Result<Vec<Chunk>, ArtifactError> {
        let mut chunks = self.closed;
        for ((dataset, netuid), open) in self.open {
            let Some(chunk) = open.close(dataset, netuid) else { continue };
            chunks.push(if loose { chunk } else { chunk.pack()? });
        }
        chunks.sort_by_key(|chunk| (chunk.dataset, chunk.netuid));
        Ok(chunks)
    }
}

impl Open {
    fn extend(&mut self, later: Self) {
        let Some((first, last)) = later.blocks else { return };
        self.blocks = Some((self.blocks.map_or(first, |(first, _)| first), last));
        self.rows += later.rows;
        self.room += later.room;
        self.tables.extend(later.tables);
    }

    fn close(self, dataset: Dataset, netuid: Option<NetUid>) -> Option<Chunk> {
        let Self { tables, blocks, .. } = self;
        Some(Chunk { dataset, netuid, blocks: blocks?, content: Content::Tables(tables) })
    }
}

/// Tables of one dataset as one, compressed, and how large they are.
fn packed(dataset: Dataset, tables: &[RecordBatch]) -> Result<(Bytes, usize), ArtifactError> {
    let write = || -> Result<Vec<u8>, ArrowError> {
        let schema = dataset.schema();
        let mut writer = StreamWriter::try_new(Vec::new(), &schema)?;
        match tables {
            [one] => writer.write(one)?,
            several => writer.write(&concat_batches(&schema, several)?)?,
        }
        writer.into_inner()
    };
    let bytes = write().map_err(|error| encode_error(dataset, error))?;
    let packed = pack(&bytes).map_err(|error| encode_error(dataset, error))?;
    Ok((packed.into(), bytes.len()))
}

thread_local! {
    /// What packing and unpacking need: a megabyte, which takes longer to come by than to pack what most chunks are.
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Compresses.
pub(super) fn pack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    PACKER.with_borrow_mut(|packer| {
        let mut ready = packer.take().map_or_else(|| Compressor::new(ZSTD_LEVEL), Ok)?;
        let packed = ready.compress(bytes)?;
        *packer = Some(ready);
        Ok(packed)
    })
}

/// Gives back what [`pack`] compressed, at most so many bytes.
pub(super) fn unpack(packed: &[u8], most: usize) -> io::Result<Vec<u8>> {
    if most > MAX_UNPACKED {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it unpacks to more than 2 GiB"));
    }
    UNPACKER.with_borrow_mut(|unpacker| {
        let mut ready = unpacker.take().map_or_else(Decompressor::new, Ok)?;
        let bytes = ready.decompress(packed, most)?;
        *unpacker = Some(ready);
        Ok(bytes)
    })
}
