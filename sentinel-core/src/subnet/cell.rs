//! One value of a subnet as the chain has it, in the few shapes that the views know.

use super::identity::{ChainIdentity, SubnetIdentity};
use super::metagraph::{Axon, metagraph_field, neuron_field};
use crate::chain::AccountId;
use crate::decode::{Bits, DecodeError, Decoded, Dispatch, Entries, Items, Record, VariantAccess, Visitor};

/// A value, or a column of values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// `None`.
    Absent,
    Flag(bool),
    Number(u128),
    Signed(i128),
    Account(AccountId),
    Bytes(Vec<u8>),
    Numbers(Vec<u64>),
    Flags(Vec<bool>),
    Accounts(Vec<AccountId>),
    Axon(Box<Axon>),
    Axons(Vec<Axon>),
    Subnet(Box<SubnetIdentity>),
    Identity(Box<ChainIdentity>),
    Identities(Vec<Option<ChainIdentity>>),
    /// Amounts by account.
    Amounts(Vec<(AccountId, u64)>),
    /// Bytes by account.
    Texts(Vec<(AccountId, Vec<u8>)>),
    /// Pairs of numbers: uid and weight, or 20 bytes and a block.
    Edges(Vec<(u16, u16)>),
    /// A pair of a byte array and a number.
    Tagged(Vec<u8>, u64),
    /// Digits and a power of ten.
    Scaled(u128, i64),
    /// The known fields of a struct.
    Fields(Vec<(&'static str, Cell)>),
    /// The known fields of several.
    Rows(Vec<Vec<(&'static str, Cell)>>),
    /// Not of the shape that was asked for.
    Other,
}

/// What shape is expected. Lists do not say what they hold when they are empty, so the reader has to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A flag, number, account or bytes; a struct of one field stands for that field.
    One,
    Numbers,
    Flags,
    Accounts,
    Axon,
    Axons,
    SubnetIdentity,
    Identity,
    Identities,
    Amounts,
    Texts,
    Edges,
    #[cfg_attr(not(feature = "source"), expect(dead_code, reason = "a shape of storage only"))]
    Tagged,
    #[cfg_attr(not(feature = "source"), expect(dead_code, reason = "a shape of storage only"))]
    Scaled,
    Metagraph,
    Neuron,
    Neurons,
}

impl Shape {
    /// Reads a value of this shape.
    pub(super) fn read(self, value: Decoded<'_, '_>) -> Result<Cell, DecodeError> {
        value.visit(self)
    }

    /// Numbers of a list, or of bytes.
    fn numbers<'r, 'b>(items: &mut Items<'_, 'r, 'b>) -> Result<Cell, DecodeError> {
        if let Some(integers) = items.integers() {
            return Ok(Cell::Numbers(integers.iter().collect()));
        }
        let mut numbers = Vec::with_capacity(items.len());
        while let Some(number) = items.next(Shape::One) {
            match number? {
                Cell::Number(number) if u64::try_from(number).is_ok() => numbers.push(number as u64),
                _ => return Ok(Cell::Other),
            }
        }
        Ok(Cell::Numbers(numbers))
    }

    /// A list whose items all have one shape.
    fn each<'r, 'b, T>(
        items: &mut Items<'_, 'r, 'b>,
        shape: Shape,
        mut of: impl FnMut(Cell) -> Option<T>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let mut all = Vec::with_capacity(items.len());
        while let Some(item) = items.next(shape) {
            match of(item?) {
                Some(item) => all.push(item),
                None => return Ok(None),
            }
        }
        Ok(Some(all))
    }
}

fn field<'r, 'b>(fields: &mut Record<'_, 'r, 'b>, shape: Shape) -> Result<Cell, DecodeError> {
    fields.next(shape).unwrap_or(Ok(Cell::Other))
}

fn pair<'r, 'b>(fields: &mut Record<'_, 'r, 'b>, first: Shape, second: Shape) -> Result<(Cell, Cell), DecodeError> {
    Ok((field(fields, first)?, field(fields, second)?))
}

fn named_text<'r, 'b>(fields: &mut Record<'_, 'r, 'b>, mut set: impl FnMut(&str, String)) -> Result<(), DecodeError> {
    for _ in 0..fields.len() {
        let name = fields.name();
        if let Cell::Bytes(bytes) = field(fields, Shape::One)? {
            set(name, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Ok(())
}

impl<'r, 'b> Visitor<'r, 'b> for Shape {
    type Out = Cell;
    type Error = DecodeError;

    fn bool(self, value: bool) -> Result<Cell, DecodeError> {
        Ok(Cell::Flag(value))
    }

    fn unsigned(self, value: u64) -> Result<Cell, DecodeError> {
        Ok(Cell::Number(value.into()))
    }

    fn wide(self, value: u128) -> Result<Cell, DecodeError> {
        Ok(Cell::Number(value))
    }

    fn u256(self, _: &'b [u8; 32]) -> Result<Cell, DecodeError> {
        Ok(Cell::Other)
    }

    fn signed(self, value: i128) -> Result<Cell, DecodeError> {
        Ok(Cell::Signed(value))
    }

    fn char(self, _: char) -> Result<Cell, DecodeError> {
        Ok(Cell::Other)
    }

    fn text(self, value: &'b str) -> Result<Cell, DecodeError> {
        Ok(Cell::Bytes(value.as_bytes().to_vec()))
    }

    fn bytes(self, value: &'b [u8]) -> Result<Cell, DecodeError> {
        Ok(match self {
            Shape::Numbers => Cell::Numbers(value.iter().map(|byte| u64::from(*byte)).collect()),
            _ => Cell::Bytes(value.to_vec()),
        })
    }

    fn byte_array(self, value: &'b [u8]) -> Result<Cell, DecodeError> {
        Ok(Cell::Bytes(value.to_vec()))
    }

    fn account(self, value: &'b [u8; 32]) -> Result<Cell, DecodeError> {
        Ok(Cell::Account(AccountId(*value)))
    }

    fn era(self, _: &'b [u8]) -> Result<Cell, DecodeError> {
        Ok(Cell::Other)
    }

    fn bits(self, _: Bits<'b>) -> Result<Cell, DecodeError> {
        Ok(Cell::Other)
    }

    fn none(self) -> Result<Cell, DecodeError> {
        Ok(Cell::Absent)
    }

    fn list(self, items: &mut Items<'_, 'r, 'b>) -> Result<Cell, DecodeError> {
        // The items are kept; a unit is some twelve bytes.
        items.charge(match self {
            Shape::Neurons => 128,
            Shape::Identities => 16,
            Shape::Axons | Shape::Texts => 6,
            Shape::Accounts | Shape::Amounts => 4,
            _ => 1,
        })?;
        let column = match self {
            Shape::Numbers => return Shape::numbers(items),
            Shape::Flags => Shape::each(items, Shape::One, |item| match item {
                Cell::Flag(flag) => Some(flag),
                _ => None,
            })?
            .map(Cell::Flags),
            Shape::Accounts => Shape::each(items, Shape::One, |item| match item {
                Cell::Account(account) => Some(account),
                _ => None,
            })?
            .map(Cell::Accounts),
            Shape::Axons => Shape::each(items, Shape::Axon, |item| match item {
                Cell::Axon(axon) => Some(*axon),
                _ => None,
            })?
            .map(Cell::Axons),
            Shape::Identities => Shape::each(items, Shape::Identity, |item| match item {
                Cell::Identity(identity) => Some(Some(*identity)),
                Cell::Absent => Some(None),
                _ => None,
            })?
            .map(Cell::Identities),
            Shape::Amounts => Shape::each(items, Shape::Amounts, |item| match item {
                Cell::Amounts(mut one) => one.pop(),
                _ => None,
            })?
            .map(Cell::Amounts),
            Shape::Texts => Shape::each(items, Shape::Texts, |item| match item {
                Cell::Texts(mut one) => one.pop(),
                _ => None,
            })?
            .map(Cell::Texts),
            Shape::Edges => Shape::each(items, Shape::Edges, |item| match item {
                Cell::Number(edge) => Some((edge as u16, (edge >> 16) as u16)),
                _ => None,
            })?
            .map(Cell::Edges),
            Shape::Neurons => Shape::each(items, Shape::Neuron, |item| match item {
                Cell::Fields(fields) => Some(fields),
                _ => None,
            })?
            .map(Cell::Rows),
            _ => None,
        };
        Ok(column.unwrap_or(Cell::Other))
    }

    fn record(self, fields: &mut Record<'_, 'r, 'b>) -> Result<Cell, DecodeError> {
        Ok(match self {
            Shape::One if fields.len() == 1 => field(fields, Shape::One)?,
            Shape::Metagraph => Cell::Fields(known_fields(fields, metagraph_field)?),
            Shape::Neuron => Cell::Fields(known_fields(fields, neuron_field)?),
            Shape::Axon => Cell::Axon(Box::new(axon(fields)?)),
            Shape::SubnetIdentity => {
                let mut identity = SubnetIdentity::default();
                named_text(fields, |name, text| identity.set(name, text))?;
                Cell::Subnet(Box::new(identity))
            }
            Shape::Identity => {
                let mut identity = ChainIdentity::default();
                named_text(fields, |name, text| identity.set(name, text))?;
                Cell::Identity(Box::new(identity))
            }
            Shape::Amounts => match pair(fields, Shape::One, Shape::One)? {
                (Cell::Account(account), Cell::Number(amount)) => match u64::try_from(amount) {
                    Ok(amount) => Cell::Amounts(vec![(account, amount)]),
                    Err(_) => Cell::Other,
                },
                _ => Cell::Other,
            },
            Shape::Texts => match pair(fields, Shape::One, Shape::Numbers)? {
                (Cell::Account(account), Cell::Numbers(bytes)) => {
                    Cell::Texts(vec![(account, bytes.into_iter().map(|byte| byte as u8).collect())])
                }
                _ => Cell::Other,
            },
            // Both numbers in one, so that no list is made for each.
            Shape::Edges => match pair(fields, Shape::One, Shape::One)? {
                (Cell::Number(to), Cell::Number(weight)) if to <= 0xffff && weight <= 0xffff => {
                    Cell::Number(to | weight << 16)
                }
                _ => Cell::Other,
            },
            Shape::Scaled => match pair(fields, Shape::One, Shape::One)? {
                (Cell::Number(digits), Cell::Signed(power)) => match i64::try_from(power) {
                    Ok(power) => Cell::Scaled(digits, power),
                    Err(_) => Cell::Other,
                },
                _ => Cell::Other,
            },
            Shape::Tagged => match pair(fields, Shape::One, Shape::One)? {
                (Cell::Bytes(bytes), Cell::Number(number)) => match u64::try_from(number) {
                    Ok(number) => Cell::Tagged(bytes, number),
                    Err(_) => Cell::Other,
                },
                _ => Cell::Other,
            },
            _ => Cell::Other,
        })
    }

    fn map(self, _: &mut Entries<'_, 'r, 'b>) -> Result<Cell, DecodeError> {
        Ok(Cell::Other)
    }

    fn variant(self, _: &mut VariantAccess<'_, 'r, 'b>) -> Result<Cell, DecodeError> {
        Ok(Cell::Other)
    }

    fn call(self, _: &mut Dispatch<'_, 'r, 'b>) -> Result<Cell, DecodeError> {
        Ok(Cell::Other)
    }

    fn event(self, _: &mut Dispatch<'_, 'r, 'b>) -> Result<Cell, DecodeError> {
        Ok(Cell::Other)
    }
}

fn known_fields<'r, 'b>(
    fields: &mut Record<'_, 'r, 'b>,
    known: fn(&str) -> Option<(&'static str, Shape)>,
) -> Result<Vec<(&'static str, Cell)>, DecodeError> {
    let mut found = Vec::with_capacity(fields.len());
    for _ in 0..fields.len() {
        match known(fields.name()) {
            Some((name, shape)) => found.push((name, field(fields, shape)?)),
            None => fields.skip()?,
        }
    }
    Ok(found)
}

fn axon<'r, 'b>(fields: &mut Record<'_, 'r, 'b>) -> Result<Axon, DecodeError> {
    let mut axon = Axon::default();
    for _ in 0..fields.len() {
        let name = fields.name();
        if let Cell::Number(number) = field(fields, Shape::One)? {
            axon.set(name, number);
        }
    }
    Ok(axon)
}
