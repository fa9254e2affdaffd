//! The fixed layouts of metagraphs and neurons, for answers that the metadata does not describe.
//!
//! Runtimes before 233 answer with opaque bytes, and metadata of version 14 describes no runtime API at all.

use parity_scale_codec::{Compact, Decode, Input};

use super::fields::{SELECTIVE_ONLY, TABLE, Wire, set};
use super::{Axon, Metagraph};
use crate::chain::AccountId;
use crate::subnet::cell::Cell;
use crate::subnet::{ChainIdentity, SubnetIdentity};

/// Fields until here are in every runtime that has the function; the others came later.
const OLDEST: usize = 72;

/// Reads the fields in order; those of the newest runtimes may be missing at the end.
pub(super) fn metagraph(metagraph: &mut Metagraph, mut bytes: &[u8], selective: bool) -> Result<(), String> {
    let input = &mut bytes;
    for (index, (name, wire)) in TABLE.iter().enumerate() {
        if !selective && SELECTIVE_ONLY.contains(&index) {
            continue;
        }
        if input.is_empty() && index >= OLDEST {
            break;
        }
        let cell = if selective && index > 0 { optional(input, *wire) } else { field(input, *wire) };
        let cell = cell.ok_or_else(|| format!("the bytes end inside {name}, or are not it"))?;
        set(metagraph, name, cell)?;
    }
    if input.is_empty() { Ok(()) } else { Err(format!("{} bytes left over", input.len())) }
}

fn optional(input: &mut &[u8], wire: Wire) -> Option<Cell> {
    match input.read_byte().ok()? {
        0 => Some(Cell::Absent),
        1 => field(input, wire),
        _ => None,
    }
}

fn field(input: &mut &[u8], wire: Wire) -> Option<Cell> {
    Some(match wire {
        Wire::Compact => Cell::Number(Compact::<u128>::decode(input).ok()?.0),
        Wire::Fixed => Cell::Signed(i128::decode(input).ok()?),
        Wire::Flag => Cell::Flag(bool::decode(input).ok()?),
        Wire::Account => Cell::Account(account(input)?),
        Wire::Compacts => Cell::Numbers(list(input, compact)?),
        Wire::SubnetIdentity => match option(input, subnet_identity)? {
            Some(identity) => Cell::Subnet(Box::new(identity)),
            None => Cell::Absent,
        },
        Wire::Accounts => Cell::Accounts(list(input, account)?),
        Wire::Identities => Cell::Identities(list(input, |input| option(input, chain_identity))?),
        Wire::Axons => Cell::Axons(list(input, axon)?),
        Wire::Flags => Cell::Flags(list(input, |input| bool::decode(input).ok())?),
        Wire::Amounts => Cell::Amounts(list(input, amount)?),
        Wire::Texts => Cell::Texts(list(input, |input| {
            let account = account(input)?;
            let bytes = list(input, |input| Some(Compact::<u8>::decode(input).ok()?.0))?;
            Some((account, bytes))
        })?),
    })
}

/// Neurons are numbered by 16 bits, and nothing else in these answers is longer.
const MOST_ITEMS: usize = 1 << 16;

/// Items in order. Each takes a byte at least, so that a false count ends with the bytes.
pub(super) fn list<T>(input: &mut &[u8], mut item: impl FnMut(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = Compact::<u32>::decode(input).ok()?.0 as usize;
    if count > input.len().min(MOST_ITEMS) {
        return None;
    }
    (0..count).map(|_| item(input)).collect()
}

fn option<T>(input: &mut &[u8], some: impl FnOnce(&mut &[u8]) -> Option<T>) -> Option<Option<T>> {
    match input.read_byte().ok()? {
        0 => Some(None),
        1 => some(input).map(Some),
        _ => None,
    }
}

pub(super) fn account(input: &mut &[u8]) -> Option<AccountId> {
    <[u8; 32]>::decode(input).ok().map(AccountId)
}

pub(super) fn compact(input: &mut &[u8]) -> Option<u64> {
    Some(Compact::<u64>::decode(input).ok()?.0)
}

pub(super) fn amount(input: &mut &[u8]) -> Option<(AccountId, u64)> {
    Some((account(input)?, compact(input)?))
}

/// Where a neuron can be reached: 40 bytes of fixed size.
pub(super) fn axon(input: &mut &[u8]) -> Option<Axon> {
    let axon = Axon {
        block: u64::decode(input).ok()?,
        version: u32::decode(input).ok()?,
        ip_bits: u128::decode(input).ok()?,
        port: u16::decode(input).ok()?,
        ip_type: u8::decode(input).ok()?,
        protocol: u8::decode(input).ok()?,
    };
    // Two that nobody uses.
    <[u8; 2]>::decode(input).ok()?;
    Some(axon)
}

fn chain_identity(input: &mut &[u8]) -> Option<ChainIdentity> {
    let mut identity = ChainIdentity::default();
    for name in ChainIdentity::FIELDS {
        identity.set(name, text(input)?);
    }
    Some(identity)
}

fn subnet_identity(input: &mut &[u8]) -> Option<SubnetIdentity> {
    let mut identity = SubnetIdentity::default();
    for name in SubnetIdentity::FIELDS {
        identity.set(name, text(input)?);
    }
    Some(identity)
}

fn text(input: &mut &[u8]) -> Option<String> {
    let bytes = Vec::<u8>::decode(input).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
