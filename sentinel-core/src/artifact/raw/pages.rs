//! What the pages of a Parquet file claim to unpack to, read from their headers before anything is unpacked.
//!
//! The sums in a file's footer are not what a reader goes by: it makes room for what the header of each page says, and
//! a few bytes can stand for billions of values.

use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};

/// What all pages of a file unpack to, by their own account.
#[derive(Debug, Default)]
pub(in crate::artifact) struct Claim {
    pub(in crate::artifact) bytes: u64,
    pub(in crate::artifact) values: u64,
    /// Bytes of the largest page; no value is larger.
    pub(in crate::artifact) largest: u64,
}

/// Adds up the headers of all pages; `None` where one cannot be read.
pub(in crate::artifact) fn claim(object: &[u8], metadata: &ParquetMetaData) -> Option<Claim> {
    let mut claim = Claim::default();
    for group in metadata.row_groups() {
        claim.add(object, group)?;
    }
    Some(claim)
}

/// Adds up the headers of the pages of one row group; `None` where one cannot be read.
pub(in crate::artifact) fn group_claim(object: &[u8], group: &RowGroupMetaData) -> Option<Claim> {
    let mut claim = Claim::default();
    claim.add(object, group)?;
    Some(claim)
}

impl Claim {
    fn add(&mut self, object: &[u8], group: &RowGroupMetaData) -> Option<()> {
        for column in group.columns() {
            let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
            let start = usize::try_from(start).ok()?;
            let end = start.checked_add(usize::try_from(column.compressed_size()).ok()?)?;
            let mut headers = Headers { rest: object.get(start..end)? };
            while !headers.rest.is_empty() {
                let page = headers.page()?;
                headers.take(page.packed)?;
                self.bytes = self.bytes.checked_add(page.unpacked)?;
                self.largest = self.largest.max(page.unpacked);
                self.values = self.values.checked_add(page.values)?;
            }
        }
        Some(())
    }
}

/// What a page header says of its size.
#[derive(Default)]
struct Page {
    packed: u64,
    unpacked: u64,
    values: u64,
}

/// Page headers in the compact encoding of Thrift, as far as the pages of our files use it. What the Parquet reader might
/// understand otherwise than this is refused.
struct Headers<'a> {
    rest: &'a [u8],
}

const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const STRUCT: u8 = 12;

impl Headers<'_> {
    fn page(&mut self) -> Option<Page> {
        let mut page = Page::default();
        let mut id = 0;
        while let Some(kind) = self.field(&mut id)? {
            match (id, kind) {
                (2, I32) => page.unpacked = self.size()?.max(page.unpacked),
                (3, I32) => page.packed = self.size()?,
                // The type of the page, and its checksum.
                (1 | 4, I32) => drop(self.integer()?),
                // A data page: values, encodings; statistics.
                (5, STRUCT) => page.values = self.values(4)?.max(page.values),
                // A dictionary page: values, encoding; whether it is sorted.
                (7, STRUCT) => page.values = self.values(2)?.max(page.values),
                // A data page of the second version: values, sizes, encoding; whether it is packed; statistics.
                (8, STRUCT) => page.values = self.values(6)?.max(page.values),
                _ => return None,
            }
        }
        Some(page)
    }

    /// The number of values in one of the inner headers, their first field, of which the first `integers` are numbers.
    fn values(&mut self, integers: i16) -> Option<u64> {
        let (mut values, mut id) = (0, 0);
        while let Some(kind) = self.field(&mut id)? {
            match kind {
                I32 if id == 1 => values = self.size()?.max(values),
                I32 if id <= integers => drop(self.integer()?),
                TRUE | FALSE | STRUCT if id > integers => self.skip(kind, 0)?,
                _ => return None,
            }
        }
        Some(values)
    }

    /// The type of the next field, and its number in `id`; nothing inside at the end of a struct.
    fn field(&mut self, id: &mut i16) -> Option<Option<u8>> {
        let head = *self.take(1)?.first()?;
        if head == 0 {
            return Some(None);
        }
        *id = match i16::from(head >> 4) {
            0 => self.integer()?.try_into().ok()?,
            step => id.checked_add(step)?,
        };
        if *id < 1 {
            return None;
        }
        Some(Some(head & 0xf))
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        match kind {
            TRUE | FALSE => {}
            BYTE => drop(self.take(1)?),
            I16 | I32 | I64 => drop(self.varint()?),
            DOUBLE => drop(self.take(8)?),
            BINARY => {
                let length = self.varint()?;
                self.take(length)?;
            }
            // Page headers nest their statistics and nothing deeper.
            STRUCT if depth < 4 => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth + 1)?;
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn size(&mut self) -> Option<u64> {
        i32::try_from(self.integer()?).ok()?.try_into().ok()
    }

    fn integer(&mut self) -> Option<i64> {
        let bits = self.varint()?;
        Some((bits >> 1) as i64 ^ -((bits & 1) as i64))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = *self.take(1)?.first()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: u64) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(taken)
    }
}
