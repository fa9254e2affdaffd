//! What a visitor is given of a list, record, map, variant, call or event: its parts, one after the other.

use super::{Step, VisitError, Visitor};
use crate::decode::cursor::Cursor;
use crate::decode::error::DecodeError;
use crate::decode::plan::{Field, Item, Key, Layout, NameId, Op, PlanId, Plans, Variant};
use crate::decode::walk::{skip, walk};

/// The items of a list, one after the other.
#[derive(Debug)]
pub struct Items<'c, 'r, 'b> {
    pub(crate) plans: &'r Plans,
    pub(crate) cursor: &'c mut Cursor<'b>,
    pub(crate) item: PlanId,
    pub(crate) len: u32,
    pub(crate) next: u32,
}

impl<'r, 'b> Items<'_, 'r, 'b> {
    /// Items in all.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Visits the next item; `None` after the last.
    #[inline]
    pub fn next<V: Visitor<'r, 'b>>(&mut self, visitor: V) -> Option<Result<V::Out, V::Error>> {
        if self.next == self.len {
            return None;
        }
        let at = self.next;
        self.next += 1;
        Some(walk(self.plans, self.item, self.cursor, visitor).map_err(|error| error.inside(Step::Item(at))))
    }

    /// Weighs each item against what one input may take, for a visitor that keeps them; a unit is some twelve bytes. Items
    /// without any bytes are bounded already.
    pub fn charge(&mut self, each: u32) -> Result<(), DecodeError> {
        if self.plans.get(self.item).min == 0 {
            return Ok(());
        }
        self.cursor.weigh(self.len.saturating_mul(each))
    }

    /// All items that are left, where they are integers without sign of up to 64 bits: numbers take an order of magnitude
    /// less time in one loop than one by one. `None` for items of other types, which stay where they are.
    pub fn integers(&mut self) -> Option<Integers<'b>> {
        let Op::Unsigned(width @ (1 | 2 | 4 | 8)) = self.plans.get(self.item).op else { return None };
        let len = (self.len - self.next) as usize * usize::from(width);
        if len > self.cursor.left() {
            // One by one, the error says which item is missing.
            return None;
        }
        let bytes = self.cursor.take(len).ok()?;
        self.next = self.len;
        Some(Integers { bytes, width })
    }

    pub(crate) fn skip_rest(&mut self) -> Result<(), DecodeError> {
        while self.next < self.len {
            skip(self.plans, self.item, self.cursor)
                .map_err(|error| VisitError::inside(error, Step::Item(self.next)))?;
            self.next += 1;
        }
        Ok(())
    }
}

/// Integers without sign, all of one width, as they stand in the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Integers<'b> {
    bytes: &'b [u8],
    width: u8,
}

impl<'b> Integers<'b> {
    /// The integers in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u64> + use<'b> {
        self.bytes.chunks_exact(usize::from(self.width.max(1))).map(|bytes| {
            let mut wide = [0; 8];
            wide[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(wide)
        })
    }

    /// Little-endian bytes of all, and how many of them one integer takes.
    #[inline]
    pub(crate) fn raw(&self) -> (&'b [u8], u8) {
        (self.bytes, self.width)
    }
}

/// The fields of a struct, tuple, variant, call or event, one after the other.
#[derive(Debug)]
pub struct Record<'c, 'r, 'b> {
    pub(crate) plans: &'r Plans,
    pub(crate) cursor: &'c mut Cursor<'b>,
    pub(crate) fields: &'r [Field],
    pub(crate) named: bool,
    pub(crate) next: usize,
}

impl<'r, 'b> Record<'_, 'r, 'b> {
    /// Fields in all.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Whether every field has a name.
    pub fn is_named(&self) -> bool {
        self.named
    }

    /// Name of the next field; empty where it has none.
    pub fn name(&self) -> &'r str {
        self.fields.get(self.next).map_or("", |field| self.plans.name(field.name).text())
    }

    /// Type of the next field as the chain's source spells it.
    pub fn type_name(&self) -> &'r str {
        self.fields.get(self.next).map_or("", |field| self.plans.name(field.label).text())
    }

    /// Name of the next field; `None` after the last. A field without a name has the empty one.
    pub fn name_id(&self) -> Option<NameId> {
        self.fields.get(self.next).map(|field| field.name)
    }

    /// Type of the next field, as a name; `None` after the last.
    pub fn type_name_id(&self) -> Option<NameId> {
        self.fields.get(self.next).map(|field| field.label)
    }

    /// Appends `"name":` of the next field, with a comma before it unless it is the first.
    #[inline]
    pub(crate) fn write_key(&self, out: &mut Vec<u8>) {
        match self.fields.get(self.next) {
            Some(field) if self.next > 0 => self.plans.name(field.name).json_next_key().append_to(out),
            Some(field) => self.plans.name(field.name).json_key().append_to(out),
            None => {}
        }
    }

    /// `{"name":…,"type":…,"value":` of the next field, with a comma before it unless it is the first; of calls only.
    #[inline]
    pub(crate) fn json_argument(&self) -> &'r [u8] {
        match self.fields.get(self.next) {
            Some(field) if self.next > 0 => self.plans.argument(field),
            Some(field) => self.plans.argument(field).get(1..).unwrap_or_default(),
            None => b"",
        }
    }

    /// Visits the next field; `None` after the last.
    #[inline]
    pub fn next<V: Visitor<'r, 'b>>(&mut self, visitor: V) -> Option<Result<V::Out, V::Error>> {
        let field = self.fields.get(self.next)?;
        let at = self.next;
        self.next += 1;
        Some(walk(self.plans, field.plan, self.cursor, visitor).map_err(|error| error.inside(self.step(at))))
    }

    /// Weighs the value against what one input may take, for a visitor that keeps it; a unit is some twelve bytes.
    pub fn charge(&mut self, weight: u32) -> Result<(), DecodeError> {
        self.cursor.weigh(weight)
    }

    /// The byte that comes next: of an enum, the index of its variant.
    pub fn peek(&self) -> Option<u8> {
        self.cursor.peek()
    }

    /// Passes over the next field without visiting it.
    pub fn skip(&mut self) -> Result<(), DecodeError> {
        let Some(field) = self.fields.get(self.next) else { return Ok(()) };
        let at = self.next;
        self.next += 1;
        skip(self.plans, field.plan, self.cursor).map_err(|error| VisitError::inside(error, self.step(at)))
    }

    pub(crate) fn skip_rest(&mut self) -> Result<(), DecodeError> {
        while self.next < self.fields.len() {
            self.skip()?;
        }
        Ok(())
    }

    #[cold]
    fn step(&self, at: usize) -> Step<'r> {
        match self.plans.name(self.fields[at].name).text() {
            "" => Step::Position(at as u32),
            name => Step::Name(name),
        }
    }
}

/// The entries of a map, key and value in turn.
#[derive(Debug)]
pub struct Entries<'c, 'r, 'b> {
    pub(crate) plans: &'r Plans,
    pub(crate) cursor: &'c mut Cursor<'b>,
    pub(crate) key: PlanId,
    pub(crate) value: PlanId,
    pub(crate) len: u32,
    pub(crate) next: u32,
    pub(crate) in_entry: bool,
}

impl<'r, 'b> Entries<'_, 'r, 'b> {
    /// Weighs each entry against what one input may take, for a visitor that keeps them; a unit is some twelve bytes.
    pub fn charge(&mut self, each: u32) -> Result<(), DecodeError> {
        self.cursor.weigh(self.len.saturating_mul(each))
    }

    /// Entries in all.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Visits the next key; `None` after the last entry. Its value must be visited next.
    pub fn key<V: Visitor<'r, 'b>>(&mut self, visitor: V) -> Option<Result<V::Out, V::Error>> {
        if self.in_entry || self.next == self.len {
            return None;
        }
        self.in_entry = true;
        Some(walk(self.plans, self.key, self.cursor, visitor).map_err(|error| error.inside(Step::Item(self.next))))
    }

    /// Visits the value that belongs to the key visited last; `None` if no key was.
    pub fn value<V: Visitor<'r, 'b>>(&mut self, visitor: V) -> Option<Result<V::Out, V::Error>> {
        if !self.in_entry {
            return None;
        }
        self.in_entry = false;
        let at = self.next;
        self.next += 1;
        Some(walk(self.plans, self.value, self.cursor, visitor).map_err(|error| error.inside(Step::Item(at))))
    }

    pub(crate) fn skip_rest(&mut self) -> Result<(), DecodeError> {
        while self.next < self.len {
            let at = Step::Item(self.next);
            if !self.in_entry {
                skip(self.plans, self.key, self.cursor).map_err(|error| VisitError::inside(error, at))?;
            }
            self.in_entry = false;
            self.next += 1;
            skip(self.plans, self.value, self.cursor).map_err(|error| VisitError::inside(error, at))?;
        }
        Ok(())
    }
}

/// One value of an enum: which variant, and its fields.
#[derive(Debug)]
pub struct VariantAccess<'c, 'r, 'b> {
    pub(crate) variant: &'r Variant,
    pub(crate) fields: Record<'c, 'r, 'b>,
}

impl<'c, 'r, 'b> VariantAccess<'c, 'r, 'b> {
    /// Name of the variant.
    pub fn name(&self) -> &'r str {
        self.fields.plans.name(self.variant.name).text()
    }

    /// Discriminant of the variant.
    pub fn index(&self) -> u8 {
        self.variant.index
    }

    /// Name of the variant, as a number.
    pub fn name_id(&self) -> NameId {
        self.variant.name
    }

    /// How its fields are written.
    pub fn layout(&self) -> Layout {
        self.variant.layout
    }

    pub(crate) fn json_name(&self) -> &'r [u8] {
        self.fields.plans.name(self.variant.name).json_text()
    }

    pub(crate) fn json_key(&self) -> Key<'r> {
        self.fields.plans.name(self.variant.name).json_key()
    }

    /// Its fields.
    pub fn fields(&mut self) -> &mut Record<'c, 'r, 'b> {
        &mut self.fields
    }
}

/// A call or an event: pallet, item and fields.
#[derive(Debug)]
pub struct Dispatch<'c, 'r, 'b> {
    pub(crate) item: &'r Item,
    /// What stands in JSON before its fields.
    pub(crate) head: &'r [u8],
    pub(crate) start: usize,
    pub(crate) fields: Record<'c, 'r, 'b>,
}

impl<'c, 'r, 'b> Dispatch<'c, 'r, 'b> {
    /// Name of the pallet.
    pub fn pallet(&self) -> &'r str {
        self.fields.plans.name(self.item.pallet).text()
    }

    /// Name of the call or event.
    pub fn name(&self) -> &'r str {
        self.fields.plans.name(self.item.name).text()
    }

    /// Index of the pallet, then of the call or event in it.
    pub fn index(&self) -> [u8; 2] {
        self.item.index
    }

    /// Name of the pallet, as a number.
    pub fn pallet_id(&self) -> NameId {
        self.item.pallet
    }

    /// Name of the call or event, as a number.
    pub fn name_id(&self) -> NameId {
        self.item.name
    }

    /// How its fields are written.
    pub fn layout(&self) -> Layout {
        self.item.layout
    }

    /// Its arguments or fields.
    pub fn fields(&mut self) -> &mut Record<'c, 'r, 'b> {
        &mut self.fields
    }

    /// Where the bytes read so far lie in those that are decoded.
    pub(crate) fn span(&self) -> std::ops::Range<usize> {
        self.start..self.fields.cursor.pos()
    }

    /// The bytes of the call or event read so far: all of it, once its fields are visited.
    pub fn bytes(&self) -> &'b [u8] {
        self.fields.cursor.since(self.start)
    }
}
