//! A position in the input with the guard's budgets: the only place that reads bytes.

use super::error::{DecodeError, DecodeErrorKind as Kind};

/// Deepest nesting of lists, structs and enums in one input.
pub(crate) const MAX_DEPTH: u32 = 64;
/// Most items of one list. Byte vectors are not lists; the length of the input bounds them.
pub(crate) const MAX_ITEMS: u64 = 1 << 20;
/// Most items of a list whose items take no bytes.
pub(crate) const MAX_EMPTY_ITEMS: u64 = 4096;
/// What an item that takes no bytes costs of the values of one input: a few bytes of lengths announce millions of them.
const EMPTY_ITEM_VALUES: u32 = 64;
/// Most values in one input.
pub(crate) const MAX_VALUES: u32 = 5_000_000;

/// Most that a tree of values may weigh, in units of some twelve bytes.
pub(crate) const MAX_WEIGHT: u32 = 12_000_000;

/// Whether depth and values are counted. Only a measurement of what that costs, and the proof that it is needed, build
/// without: `RUSTFLAGS="--cfg sentinel_unguarded"`, which no dependency can set.
const GUARDED: bool = !cfg!(sentinel_unguarded);

/// What one decode may still read.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'b> {
    data: &'b [u8],
    /// The end of `data` that is not read yet.
    rest: &'b [u8],
    depth: u32,
    values: u32,
    /// What a tree of owned values may still take.
    weight: u32,
    in_event_record: bool,
}

impl<'b> Cursor<'b> {
    pub(crate) fn new(data: &'b [u8]) -> Self {
        Self::at(data, 0)
    }

    pub(crate) fn at(data: &'b [u8], pos: usize) -> Self {
        Self {
            data,
            rest: data.get(pos..).unwrap_or_default(),
            depth: 0,
            values: MAX_VALUES,
            weight: MAX_WEIGHT,
            in_event_record: false,
        }
    }

    #[inline]
    pub(crate) fn pos(&self) -> usize {
        self.data.len() - self.rest.len()
    }

    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub(crate) fn since(&self, start: usize) -> &'b [u8] {
        &self.data[start..self.pos()]
    }

    #[cold]
    pub(crate) fn error(&self, kind: Kind) -> DecodeError {
        DecodeError::new(kind, self.pos())
    }

    #[cold]
    fn end(&self, needed: usize) -> DecodeError {
        let left = self.left();
        self.error(Kind::UnexpectedEnd { needed: needed - left, left })
    }

    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'b [u8], DecodeError> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.end(len)),
        }
    }

    #[inline]
    pub(crate) fn array<const N: usize>(&mut self) -> Result<&'b [u8; N], DecodeError> {
        match self.rest.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.end(N)),
        }
    }

    #[inline]
    pub(crate) fn byte(&mut self) -> Result<u8, DecodeError> {
        match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                Ok(*byte)
            }
            None => Err(self.end(1)),
        }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// A compact integer of a type with this many bits, in its shortest form.
    #[inline]
    pub(crate) fn compact(&mut self, bits: u8) -> Result<u128, DecodeError> {
        match self.rest {
            // Every type that has a compact form holds 63.
            &[byte, ref rest @ ..] if byte & 3 == 0 => {
                self.rest = rest;
                Ok(u128::from(byte >> 2))
            }
            _ => self.long_compact(bits),
        }
    }

    fn long_compact(&mut self, bits: u8) -> Result<u128, DecodeError> {
        let start = self.pos();
        let first = self.byte()?;
        let value = match first & 3 {
            0 => u128::from(first >> 2),
            1 => {
                let value = u128::from(u16::from_le_bytes([first, self.byte()?]) >> 2);
                self.shortest(value, 1 << 6, start)?
            }
            2 => {
                let [b, c, d] = *self.array::<3>()?;
                let value = u128::from(u32::from_le_bytes([first, b, c, d]) >> 2);
                self.shortest(value, 1 << 14, start)?
            }
            _ => {
                let len = usize::from(first >> 2) + 4;
                if len > 16 {
                    return Err(DecodeError::new(Kind::CompactOverflow(u32::from(bits)), start));
                }
                let mut wide = [0; 16];
                wide[..len].copy_from_slice(self.take(len)?);
                let least = if len == 4 { 1 << 30 } else { 1 << (8 * (len - 1)) };
                self.shortest(u128::from_le_bytes(wide), least, start)?
            }
        };
        if bits < 128 && value >> bits != 0 {
            return Err(DecodeError::new(Kind::CompactOverflow(u32::from(bits)), start));
        }
        Ok(value)
    }

    /// Two encodings of one value would give one extrinsic two hashes; the chain refuses the longer one, and so do we.
    #[inline]
    fn shortest(&self, value: u128, least: u128, start: usize) -> Result<u128, DecodeError> {
        if value < least { Err(DecodeError::new(Kind::LongCompact, start)) } else { Ok(value) }
    }

    /// The length prefix of a byte vector or string.
    #[inline]
    pub(crate) fn byte_len(&mut self) -> Result<usize, DecodeError> {
        let len = self.compact(32)? as usize;
        if len > self.left() {
            return Err(self.end(len));
        }
        Ok(len)
    }

    /// The length prefix of a list whose items take at least `min` bytes each.
    #[inline]
    pub(crate) fn items(&mut self, min: u32) -> Result<u32, DecodeError> {
        let start = self.pos();
        let items = self.compact(32)? as u64;
        let fits = match min {
            0 => items <= MAX_EMPTY_ITEMS || !GUARDED,
            min => (items <= MAX_ITEMS || !GUARDED) && items * u64::from(min) <= self.left() as u64,
        };
        if !fits {
            return Err(self.too_many(items, min, start));
        }
        if min == 0 {
            self.spend(items as u32 * EMPTY_ITEM_VALUES)?;
        }
        Ok(items as u32)
    }

    #[cold]
    fn too_many(&self, items: u64, min: u32, start: usize) -> DecodeError {
        let most = match min {
            0 => MAX_EMPTY_ITEMS,
            min => MAX_ITEMS.min(self.left() as u64 / u64::from(min)),
        };
        DecodeError::new(Kind::TooManyItems { items, most }, start)
    }

    /// Checks an array of this length, whose items take at least `min` bytes each, as [`items`](Self::items) does a list.
    #[inline]
    pub(crate) fn array_items(&mut self, min: u32, len: u32) -> Result<(), DecodeError> {
        if min > 0 {
            return Ok(());
        }
        if u64::from(len) > MAX_EMPTY_ITEMS {
            return Err(self.error(Kind::TooManyItems { items: u64::from(len), most: MAX_EMPTY_ITEMS }));
        }
        self.spend(len * EMPTY_ITEM_VALUES)
    }

    /// Enters a list, struct or enum.
    #[inline]
    pub(crate) fn enter(&mut self) -> Result<(), DecodeError> {
        if GUARDED && self.depth == MAX_DEPTH {
            return Err(self.error(Kind::TooDeep(MAX_DEPTH)));
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Counts values against the budget of one input.
    #[inline]
    pub(crate) fn spend(&mut self, values: u32) -> Result<(), DecodeError> {
        if !GUARDED {
            return Ok(());
        }
        match self.values.checked_sub(values) {
            Some(rest) => {
                self.values = rest;
                Ok(())
            }
            None => Err(self.error(Kind::TooManyValues(MAX_VALUES))),
        }
    }

    /// Counts what a tree keeps against what one may weigh.
    pub(crate) fn weigh(&mut self, weight: u32) -> Result<(), DecodeError> {
        match self.weight.checked_sub(weight) {
            Some(rest) => self.weight = rest,
            None if GUARDED => return Err(self.error(Kind::TooManyValues(MAX_WEIGHT))),
            None => {}
        }
        Ok(())
    }

    /// Enters a record of `System.Events`, which is written twice: inside each other, they would double at each level.
    pub(crate) fn enter_event_record(&mut self) -> Result<(), DecodeError> {
        if std::mem::replace(&mut self.in_event_record, true) && GUARDED {
            return Err(self.error(Kind::Unsupported("an event record inside another")));
        }
        Ok(())
    }

    pub(crate) fn leave_event_record(&mut self) {
        self.in_event_record = false;
    }

    /// Requires that everything was read.
    pub(crate) fn finish(&self) -> Result<(), DecodeError> {
        match self.left() {
            0 => Ok(()),
            left => Err(self.error(Kind::TrailingBytes(left))),
        }
    }
}
