//! `subnet weights`: what is set from uid to uid.

use std::collections::BTreeMap;
use std::io::Write;

use sentinel_core::chain::NetUid;
use sentinel_core::source::BlockSource;
use sentinel_core::subnet::weights::{self, MechanismWeights};
use serde::Serialize;

use super::cells::or_empty;
use super::{Place, check_mechanism, wants};
use crate::args::Common;
use crate::exit::CliError;
use crate::output::{self, Format};

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    place: Place,
    netuid: NetUid,
    mechanisms: Vec<Mechanism>,
}

#[derive(Serialize)]
struct Mechanism {
    mech_id: u8,
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    place: &'a Place,
    netuid: NetUid,
    mech_id: u8,
    #[serde(flatten)]
    row: Row,
}

/// What one neuron has set. Those that have set nothing have no row.
#[derive(Serialize)]
struct Row {
    uid: u16,
    weights: Vec<Weight>,
    bonds: Vec<Bond>,
}

#[derive(Serialize)]
struct Weight {
    uid: u16,
    /// Of 65,535, the largest of a row.
    raw: u16,
    /// Its part of the row: what the weight means.
    share: Option<f64>,
}

#[derive(Serialize)]
struct Bond {
    uid: u16,
    raw: u16,
}

pub(super) async fn run(common: &Common, source: &dyn BlockSource, out: &mut dyn Write) -> Result<(), CliError> {
    let netuid = common.one_subnet("subnet weights")?;
    let (at, place) = Place::pin(common, source).await?;
    let found = weights::read(source, &at, netuid).await?;
    check_mechanism(common, &at, found.mechanisms.iter().map(|own| own.mechanism))?;
    let wanted = found.mechanisms.iter().filter(|own| wants(common, own.mechanism));
    let mechanisms = wanted.map(|own| Mechanism { mech_id: own.mechanism, rows: rows(own) });
    match common.format {
        Format::Json => {
            output::document(out, common, &Document { place, netuid, mechanisms: mechanisms.collect() })?;
        }
        Format::Jsonl => {
            for Mechanism { mech_id, rows } in mechanisms {
                for row in rows {
                    output::document_line(out, common, &Line { place: &place, netuid, mech_id, row })?;
                }
            }
        }
        Format::Csv => {
            let entries = mechanisms.flat_map(|own| {
                let entries: Vec<_> = own.rows.iter().flat_map(|row| csv(&place, netuid, own.mech_id, row)).collect();
                entries
            });
            output::csv(out, &CSV, entries)?;
        }
        Format::Table => {
            place.title(out)?;
            let rows: Vec<_> = mechanisms
                .flat_map(|own| own.rows.iter().map(|row| cells(own.mech_id, row)).collect::<Vec<_>>())
                .collect();
            writeln!(out, "Subnet {netuid}  {} neurons have set weights or have bonds", rows.len())?;
            output::table(out, &["Mechanism", "UID", "Weights", "To uid: share", "Bonds"], rows)?;
        }
    }
    Ok(())
}

fn rows(own: &MechanismWeights) -> Vec<Row> {
    let count = u16::try_from(own.weights.len().max(own.bonds.len())).unwrap_or(u16::MAX);
    let row = |uid: u16| {
        let sum: u64 = own.weights.row(uid).map(|(_, raw)| u64::from(raw)).sum();
        let part = |raw: u16| (sum > 0).then(|| f64::from(raw) / sum as f64);
        let weights = own.weights.row(uid).map(|(to, raw)| Weight { uid: to, raw, share: part(raw) });
        let bonds = own.bonds.row(uid).map(|(to, raw)| Bond { uid: to, raw });
        Row { uid, weights: weights.collect(), bonds: bonds.collect() }
    };
    (0..count).map(row).filter(|row| !row.weights.is_empty() || !row.bonds.is_empty()).collect()
}

/// Weights of a row that a table shows; all are in the other formats.
const SHOWN: usize = 6;

fn cells(mechanism: u8, row: &Row) -> Vec<String> {
    let mut largest: Vec<&Weight> = row.weights.iter().collect();
    largest.sort_by_key(|weight| (std::cmp::Reverse(weight.raw), weight.uid));
    let percent = |weight: &&Weight| format!("{}: {:.2} %", weight.uid, weight.share.unwrap_or(0.0) * 100.0);
    let mut shown: Vec<String> = largest.iter().take(SHOWN).map(percent).collect();
    shown.extend((largest.len() > SHOWN).then(|| format!("{} more", largest.len() - SHOWN)));
    vec![
        mechanism.to_string(),
        row.uid.to_string(),
        row.weights.len().to_string(),
        shown.join(", "),
        row.bonds.len().to_string(),
    ]
}

const CSV: [&str; 8] =
    ["block_number", "netuid", "mech_id", "from_uid", "to_uid", "weight_raw", "weight_share", "bond_raw"];

/// Weights and bonds of one neuron, by target.
fn csv(place: &Place, netuid: NetUid, mechanism: u8, row: &Row) -> Vec<Vec<String>> {
    let mut targets: BTreeMap<u16, (Option<&Weight>, Option<u16>)> = BTreeMap::new();
    for weight in &row.weights {
        targets.entry(weight.uid).or_default().0 = Some(weight);
    }
    for bond in &row.bonds {
        targets.entry(bond.uid).or_default().1 = Some(bond.raw);
    }
    let entry = |(to, (weight, bond)): (u16, (Option<&Weight>, Option<u16>))| {
        vec![
            place.block_number.to_string(),
            netuid.to_string(),
            mechanism.to_string(),
            row.uid.to_string(),
            to.to_string(),
            or_empty(weight.map(|weight| weight.raw)),
            or_empty(weight.and_then(|weight| weight.share)),
            or_empty(bond),
        ]
    };
    targets.into_iter().map(entry).collect()
}
