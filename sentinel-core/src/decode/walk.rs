//! The walk over bytes by their plan: visiting what is wanted, passing over the rest.

use super::cursor::Cursor;
use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::plan::{Item, Layout, NoItem, Op, Outer, PlanId, Plans, VARIABLE};
use super::visit::{Bits, Dispatch, Entries, Items, Record, Step, VariantAccess, VisitError, Visitor};

/// Reads one value and hands it to the visitor.
pub(crate) fn walk<'r, 'b, V: Visitor<'r, 'b>>(
    plans: &'r Plans,
    id: PlanId,
    cursor: &mut Cursor<'b>,
    visitor: V,
) -> Result<V::Out, V::Error> {
    let plan = plans.get(id);
    match plan.op {
        Op::Bool => {
            let byte = cursor.byte()?;
            if byte > 1 {
                return Err(DecodeError::new(Kind::InvalidBool(byte), cursor.pos() - 1).into());
            }
            visitor.bool(byte == 1)
        }
        Op::Char => {
            let code = u32::from_le_bytes(*cursor.array()?);
            match char::from_u32(code) {
                Some(char) => visitor.char(char),
                None => Err(DecodeError::new(Kind::InvalidChar(code), cursor.pos() - 4).into()),
            }
        }
        Op::Str => {
            let len = cursor.byte_len()?;
            let start = cursor.pos();
            match std::str::from_utf8(cursor.take(len)?) {
                Ok(text) => visitor.text(text),
                Err(error) => Err(DecodeError::new(Kind::InvalidUtf8, start + error.valid_up_to()).into()),
            }
        }
        Op::Unsigned(1) => visitor.unsigned(u64::from(cursor.byte()?)),
        Op::Unsigned(2) => visitor.unsigned(u64::from(u16::from_le_bytes(*cursor.array()?))),
        Op::Unsigned(4) => visitor.unsigned(u64::from(u32::from_le_bytes(*cursor.array()?))),
        Op::Unsigned(8) => visitor.unsigned(u64::from_le_bytes(*cursor.array()?)),
        Op::Unsigned(_) => visitor.wide(u128::from_le_bytes(*cursor.array()?)),
        Op::Signed(1) => visitor.signed(i128::from(i8::from_le_bytes(*cursor.array()?))),
        Op::Signed(2) => visitor.signed(i128::from(i16::from_le_bytes(*cursor.array()?))),
        Op::Signed(4) => visitor.signed(i128::from(i32::from_le_bytes(*cursor.array()?))),
        Op::Signed(8) => visitor.signed(i128::from(i64::from_le_bytes(*cursor.array()?))),
        Op::Signed(_) => visitor.signed(i128::from_le_bytes(*cursor.array()?)),
        Op::U256 => visitor.u256(cursor.array()?),
        Op::Compact(bits) => {
            let value = cursor.compact(bits)?;
            match u64::try_from(value) {
                Ok(value) => visitor.unsigned(value),
                Err(_) => visitor.wide(value),
            }
        }
        Op::Bytes => {
            let len = cursor.byte_len()?;
            visitor.bytes(cursor.take(len)?)
        }
        Op::ByteArray(len) => visitor.byte_array(cursor.take(len as usize)?),
        Op::Account => visitor.account(cursor.array()?),
        Op::Era => visitor.era(era(cursor)?),
        Op::Bits(word, msb_first) => visitor.bits(bits(cursor, word, msb_first)?),
        Op::Option(some) => {
            if option(cursor)? {
                // Counted as a level: an option inside itself would otherwise never end.
                cursor.enter()?;
                let out = walk(plans, some, cursor, visitor)?;
                cursor.leave();
                Ok(out)
            } else {
                visitor.none()
            }
        }
        Op::Seq(item) => {
            let len = cursor.items(plans.get(item).min)?;
            list(plans, item, len, cursor, visitor)
        }
        Op::Array(item, len) => {
            cursor.array_items(plans.get(item).min, len)?;
            list(plans, item, len, cursor, visitor)
        }
        Op::Tuple(fields) | Op::Struct(fields) | Op::EventRecord(fields) => {
            cursor.enter()?;
            let fields = plans.fields(fields);
            cursor.spend(fields.len() as u32)?;
            let named = !matches!(plan.op, Op::Tuple(_));
            let mut record = Record { plans, cursor: &mut *cursor, fields, named, next: 0 };
            let out = match plan.op {
                Op::EventRecord(_) => {
                    record.cursor.enter_event_record()?;
                    let out = visitor.event_record(&mut record)?;
                    record.cursor.leave_event_record();
                    out
                }
                _ => visitor.record(&mut record)?,
            };
            record.skip_rest()?;
            cursor.leave();
            Ok(out)
        }
        Op::Map(map) => {
            let (key, value) = plans.map(map);
            let min = plans.get(key).min.saturating_add(plans.get(value).min);
            let len = cursor.items(min)?;
            cursor.enter()?;
            cursor.spend(len)?;
            let mut entries = Entries { plans, cursor: &mut *cursor, key, value, len, next: 0, in_entry: false };
            let out = visitor.map(&mut entries)?;
            entries.skip_rest()?;
            cursor.leave();
            Ok(out)
        }
        Op::Enum(table) => {
            let start = cursor.pos();
            let index = cursor.byte()?;
            let Some(variant) = plans.enumeration(table).variant(index) else {
                return Err(DecodeError::new(Kind::UnknownVariant(index), start).into());
            };
            cursor.enter()?;
            let fields = plans.fields(variant.fields);
            cursor.spend(fields.len() as u32)?;
            let named = variant.layout == Layout::Struct;
            let record = Record { plans, cursor: &mut *cursor, fields, named, next: 0 };
            let mut access = VariantAccess { variant, fields: record };
            let step = Step::Name(plans.name(variant.name).text());
            let out = visitor.variant(&mut access).map_err(|error| error.inside(step))?;
            access.fields.skip_rest().map_err(|error| VisitError::inside(error, step))?;
            cursor.leave();
            Ok(out)
        }
        Op::Call => dispatched(plans, plans.calls(), cursor, |access| visitor.call(access)),
        Op::Event => dispatched(plans, plans.events(), cursor, |access| visitor.event(access)),
        Op::Alias(_) => Err(cursor.error(Kind::Unsupported("a newtype that was not dissolved")).into()),
        Op::Never(why) => Err(cursor.error(Kind::Unsupported(why)).into()),
    }
}

fn list<'r, 'b, V: Visitor<'r, 'b>>(
    plans: &'r Plans,
    item: PlanId,
    len: u32,
    cursor: &mut Cursor<'b>,
    visitor: V,
) -> Result<V::Out, V::Error> {
    cursor.enter()?;
    cursor.spend(len)?;
    let mut items = Items { plans, cursor: &mut *cursor, item, len, next: 0 };
    let out = visitor.list(&mut items)?;
    items.skip_rest()?;
    cursor.leave();
    Ok(out)
}

fn dispatched<'r, 'b, O, E: VisitError>(
    plans: &'r Plans,
    outer: &'r Outer,
    cursor: &mut Cursor<'b>,
    visit: impl FnOnce(&mut Dispatch<'_, 'r, 'b>) -> Result<O, E>,
) -> Result<O, E> {
    let start = cursor.pos();
    let item = dispatch(plans, outer, cursor)?;
    cursor.enter()?;
    let fields = plans.fields(item.fields);
    cursor.spend(fields.len() as u32)?;
    let named = item.layout == Layout::Struct;
    let record = Record { plans, cursor: &mut *cursor, fields, named, next: 0 };
    let mut access = Dispatch { item, head: outer.head(item), start, fields: record };
    let out = visit(&mut access).map_err(|error| error.inside(step(plans, item)))?;
    access.fields.skip_rest().map_err(|error| VisitError::inside(error, step(plans, item)))?;
    cursor.leave();
    Ok(out)
}

#[cold]
fn step<'r>(plans: &'r Plans, item: &Item) -> Step<'r> {
    Step::Dispatch(plans.name(item.pallet).text(), plans.name(item.name).text())
}

/// Passes over one value. Fixed sizes are passed in one step, without looking inside.
pub(crate) fn skip(plans: &Plans, id: PlanId, cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
    let plan = plans.get(id);
    if plan.fixed != VARIABLE {
        cursor.take(plan.fixed as usize)?;
        return Ok(());
    }
    match plan.op {
        Op::Compact(bits) => {
            cursor.compact(bits)?;
        }
        Op::Str | Op::Bytes => {
            let len = cursor.byte_len()?;
            cursor.take(len)?;
        }
        Op::Era => {
            era(cursor)?;
        }
        Op::Bits(word, msb_first) => {
            bits(cursor, word, msb_first)?;
        }
        Op::Option(some) => {
            if option(cursor)? {
                cursor.enter()?;
                skip(plans, some, cursor)?;
                cursor.leave();
            }
        }
        Op::Seq(item) => {
            let plan = plans.get(item);
            let len = cursor.items(plan.min)?;
            if plan.fixed != VARIABLE {
                // `items` checked that this many fit.
                cursor.take(len as usize * plan.fixed as usize)?;
            } else {
                skip_items(plans, item, len, cursor)?;
            }
        }
        Op::Array(item, len) => {
            cursor.array_items(plans.get(item).min, len)?;
            skip_items(plans, item, len, cursor)?;
        }
        Op::ByteArray(len) => {
            cursor.take(len as usize)?;
        }
        Op::Map(map) => {
            let (key, value) = plans.map(map);
            let len = cursor.items(plans.get(key).min.saturating_add(plans.get(value).min))?;
            cursor.enter()?;
            cursor.spend(len)?;
            for _ in 0..len {
                skip(plans, key, cursor)?;
                skip(plans, value, cursor)?;
            }
            cursor.leave();
        }
        Op::Tuple(fields) | Op::Struct(fields) | Op::EventRecord(fields) => {
            cursor.enter()?;
            let fields = plans.fields(fields);
            cursor.spend(fields.len() as u32)?;
            let named = !matches!(plan.op, Op::Tuple(_));
            Record { plans, cursor: &mut *cursor, fields, named, next: 0 }.skip_rest()?;
            cursor.leave();
        }
        Op::Enum(table) => {
            let start = cursor.pos();
            let index = cursor.byte()?;
            let Some(variant) = plans.enumeration(table).variant(index) else {
                return Err(DecodeError::new(Kind::UnknownVariant(index), start));
            };
            if variant.fixed != VARIABLE {
                cursor.take(variant.fixed as usize)?;
                return Ok(());
            }
            cursor.enter()?;
            let fields = plans.fields(variant.fields);
            cursor.spend(fields.len() as u32)?;
            let step = Step::Name(plans.name(variant.name).text());
            Record { plans, cursor: &mut *cursor, fields, named: false, next: 0 }
                .skip_rest()
                .map_err(|error| VisitError::inside(error, step))?;
            cursor.leave();
        }
        Op::Call => skip_item(plans, plans.calls(), cursor)?,
        Op::Event => skip_item(plans, plans.events(), cursor)?,
        Op::Alias(_) => return Err(cursor.error(Kind::Unsupported("a newtype that was not dissolved"))),
        Op::Never(why) => return Err(cursor.error(Kind::Unsupported(why))),
        // The others have a fixed size.
        Op::Bool | Op::Char | Op::Unsigned(_) | Op::Signed(_) | Op::U256 | Op::Account => {}
    }
    Ok(())
}

fn skip_items(plans: &Plans, item: PlanId, len: u32, cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
    cursor.enter()?;
    cursor.spend(len)?;
    Items { plans, cursor: &mut *cursor, item, len, next: 0 }.skip_rest()?;
    cursor.leave();
    Ok(())
}

fn option(cursor: &mut Cursor<'_>) -> Result<bool, DecodeError> {
    match cursor.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(DecodeError::new(Kind::UnknownVariant(other), cursor.pos() - 1)),
    }
}

fn era<'b>(cursor: &mut Cursor<'b>) -> Result<&'b [u8], DecodeError> {
    let start = cursor.pos();
    if cursor.byte()? != 0 {
        cursor.byte()?;
    }
    Ok(cursor.since(start))
}

fn bits<'b>(cursor: &mut Cursor<'b>, word: u8, msb_first: bool) -> Result<Bits<'b>, DecodeError> {
    let len = cursor.compact(32)? as usize;
    let word_bits = usize::from(word) * 8;
    let bytes = cursor.take(len.div_ceil(word_bits) * usize::from(word))?;
    Ok(Bits { bytes, len, word, msb_first })
}

/// Passes over a call or an event.
fn skip_item(plans: &Plans, outer: &Outer, cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
    let item = dispatch(plans, outer, cursor)?;
    cursor.enter()?;
    skip_fields(plans, item, cursor).map_err(|error| VisitError::inside(error, step(plans, item)))?;
    cursor.leave();
    Ok(())
}

/// Passes over the fields of a call or an event.
#[inline]
pub(crate) fn skip_fields(plans: &Plans, item: &Item, cursor: &mut Cursor<'_>) -> Result<(), DecodeError> {
    if item.fixed != VARIABLE {
        cursor.take(item.fixed as usize)?;
        return Ok(());
    }
    let fields = plans.fields(item.fields);
    cursor.spend(fields.len() as u32)?;
    Record { plans, cursor, fields, named: item.layout == Layout::Struct, next: 0 }.skip_rest()
}

/// The call or event that two bytes name.
#[inline]
pub(crate) fn dispatch<'r>(
    plans: &'r Plans,
    outer: &'r Outer,
    cursor: &mut Cursor<'_>,
) -> Result<&'r Item, DecodeError> {
    let start = cursor.pos();
    // The second byte is missed only after the first is known.
    let index = match cursor.array::<2>() {
        Ok(index) => *index,
        Err(_) => return Err(no_item(plans, outer, [cursor.byte()?, 0], start, cursor)),
    };
    outer.get(index).map_err(|_| no_item(plans, outer, index, start, cursor))
}

#[cold]
fn no_item(plans: &Plans, outer: &Outer, index: [u8; 2], start: usize, cursor: &Cursor<'_>) -> DecodeError {
    if outer.get([index[0], 0]).is_err_and(|error| error == NoItem::Pallet) {
        return DecodeError::new(Kind::UnknownVariant(index[0]), start).inside("pallet index");
    }
    if cursor.pos() < start + 2 {
        return cursor.error(Kind::UnexpectedEnd { needed: 1, left: 0 });
    }
    let pallet = outer.items().iter().find(|item| item.index[0] == index[0]);
    let pallet = pallet.map_or("", |item| plans.name(item.pallet).text());
    DecodeError::new(Kind::UnknownVariant(index[1]), start + 1).inside("item index").of(pallet)
}
