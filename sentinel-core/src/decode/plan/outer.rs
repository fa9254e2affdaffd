//! The outer enums, calls and events, as tables: two bytes of the input are the way to an item, its names and its JSON.

use super::{Fields, Layout, NameId};

/// Calls or events of all pallets.
#[derive(Debug, Default)]
pub(crate) struct Outer {
    /// By the index of a pallet: where its part of `slots` starts, and how long it is.
    pallets: Box<[Span]>,
    /// Positions in `items`, or [`NO_ITEM`].
    slots: Box<[u16]>,
    items: Box<[Item]>,
    /// What stands in JSON before the fields of each item, one after the other.
    heads: Box<[u8]>,
}

/// One call or event of one pallet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    pub(crate) pallet: NameId,
    pub(crate) name: NameId,
    /// Index of the pallet, then of the item in it.
    pub(crate) index: [u8; 2],
    pub(crate) layout: Layout,
    pub(crate) fields: Fields,
    /// Encoded size of the fields, or [`VARIABLE`](super::VARIABLE).
    pub(crate) fixed: u32,
    head: Span,
}

#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    len: u32,
}

const NO_ITEM: u16 = u16::MAX;

/// Why two bytes name no item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoItem {
    Pallet,
    Item,
}

impl Outer {
    /// The item that the two bytes name.
    #[inline]
    pub(crate) fn get(&self, [pallet, item]: [u8; 2]) -> Result<&Item, NoItem> {
        let span = self.pallets.get(usize::from(pallet)).filter(|span| span.len > 0).ok_or(NoItem::Pallet)?;
        if u32::from(item) >= span.len {
            return Err(NoItem::Item);
        }
        let at = self.slots.get(span.start as usize + usize::from(item)).ok_or(NoItem::Item)?;
        self.items.get(usize::from(*at)).ok_or(NoItem::Item)
    }

    /// All items, by pallet and then in the order of the metadata.
    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    /// What stands in JSON before the fields of an item.
    #[inline]
    pub(crate) fn head(&self, item: &Item) -> &[u8] {
        &self.heads[item.head.start as usize..][..item.head.len as usize]
    }

    #[cfg(test)]
    pub(super) fn heap_size(&self) -> usize {
        size_of_val(&*self.pallets) + size_of_val(&*self.slots) + size_of_val(&*self.items) + self.heads.len()
    }
}

/// Collects the items of a runtime. Its user keeps [`size`](Self::size) far below what 65,535 items would take.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pallets: Vec<Span>,
    slots: Vec<u16>,
    items: Vec<Item>,
    heads: Vec<u8>,
}

impl Builder {
    /// Makes room for a pallet whose greatest item index is this.
    pub(super) fn pallet(&mut self, index: u8, greatest: u8) {
        let at = usize::from(index);
        if self.pallets.len() <= at {
            self.pallets.resize(at + 1, Span::default());
        }
        self.pallets[at] = Span { start: self.slots.len() as u32, len: u32::from(greatest) + 1 };
        self.slots.resize(self.slots.len() + usize::from(greatest) + 1, NO_ITEM);
    }

    /// Adds an item of the pallet made room for last.
    pub(super) fn item(
        &mut self,
        (pallet, name): (NameId, NameId),
        index: [u8; 2],
        (layout, fields, fixed): (Layout, Fields, u32),
        head: &[&[u8]],
    ) {
        let span = self.pallets[usize::from(index[0])];
        self.slots[span.start as usize + usize::from(index[1])] = self.items.len() as u16;
        let start = self.heads.len();
        head.iter().for_each(|part| self.heads.extend_from_slice(part));
        let head_span = Span { start: start as u32, len: (self.heads.len() - start) as u32 };
        self.items.push(Item { pallet, name, index, layout, fields, fixed, head: head_span });
    }

    /// Bytes held so far, in JSON and in tables.
    pub(super) fn size(&self) -> usize {
        self.heads.len() + self.items.len() * size_of::<Item>() + self.slots.len() * 2
    }

    pub(super) fn finish(self) -> Outer {
        Outer {
            pallets: self.pallets.into(),
            slots: self.slots.into(),
            items: self.items.into(),
            heads: self.heads.into(),
        }
    }
}
