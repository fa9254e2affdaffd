//! `subnet dividends`: what validators earned by the chain, and by bonds and incentives.

use std::io::Write;

use sentinel_core::chain::{AccountId, NetUid};
use sentinel_core::source::BlockSource;
use sentinel_core::subnet::dividends::{self, Distance, SubnetDividends, YumaRule};
use sentinel_core::subnet::metagraph::share;
use serde::Serialize;

use super::cells::{fraction, or_empty, short};
use super::{Place, check_mechanism, wants};
use crate::args::Common;
use crate::exit::CliError;
use crate::output::{self, Format};

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    place: Place,
    netuid: NetUid,
    /// By which rule bonds and stake make dividends.
    rule: YumaRule,
    /// How far the two are apart: null where nobody earned anything.
    distance: Option<Distance>,
    mechanisms: Vec<Mechanism>,
    dividends: Vec<Validator>,
}

#[derive(Serialize)]
struct Mechanism {
    mech_id: u8,
    emission_share: f64,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    place: &'a Place,
    netuid: NetUid,
    #[serde(flatten)]
    validator: Validator,
}

#[derive(Serialize)]
struct Validator {
    uid: u16,
    hotkey: Option<AccountId>,
    /// The chain's, as it stores it.
    dividend: Option<f64>,
    dividend_raw: Option<u16>,
    /// The chain's part of all dividends of the subnet, comparable with `recomputed`.
    dividend_share: Option<f64>,
    /// Null where bonds, incentives and stakes of the block give nobody anything.
    recomputed: Option<f64>,
    difference: Option<f64>,
    mechanisms: Vec<Recomputed>,
}

#[derive(Serialize)]
struct Recomputed {
    mech_id: u8,
    recomputed: Option<f64>,
}

pub(super) async fn run(common: &Common, source: &dyn BlockSource, out: &mut dyn Write) -> Result<(), CliError> {
    let netuid = common.one_subnet("subnet dividends")?;
    let (at, place) = Place::pin(common, source).await?;
    let found = dividends::read(source, &at, netuid).await?;
    check_mechanism(common, &at, found.mechanisms.iter().map(|own| own.mechanism))?;
    let validators = validators(common, &found);
    match common.format {
        Format::Json => {
            let mechanisms = found.mechanisms.iter().filter(|own| wants(common, own.mechanism));
            let mechanisms = mechanisms
                .map(|own| Mechanism { mech_id: own.mechanism, emission_share: own.emission_share })
                .collect();
            let (rule, distance) = (found.rule, found.distance);
            output::document(
                out,
                common,
                &Document { place, netuid, rule, distance, mechanisms, dividends: validators },
            )?;
        }
        Format::Jsonl => {
            for validator in validators {
                output::document_line(out, common, &Line { place: &place, netuid, validator })?;
            }
        }
        Format::Csv => output::csv(out, &CSV, validators.iter().map(|one| csv(&place, netuid, one)))?,
        Format::Table => {
            place.title(out)?;
            title(&found, out)?;
            let earning =
                validators.iter().filter(|one| one.recomputed > Some(0.0) || one.dividend_raw.unwrap_or(0) > 0);
            output::table(
                out,
                &["UID", "Hotkey", "Chain", "Chain share", "Recomputed", "Difference"],
                earning.map(row),
            )?;
        }
    }
    Ok(())
}

fn validators(common: &Common, found: &SubnetDividends) -> Vec<Validator> {
    let sum: u64 = found.stored.iter().map(|stored| u64::from(*stored)).sum();
    let count = found.hotkeys.len().max(found.stored.len()).max(found.recomputed.len());
    let validator = |uid: u16| {
        let at = usize::from(uid);
        let stored = found.stored.get(at).copied();
        let part = stored.filter(|_| sum > 0).map(|stored| f64::from(stored) / sum as f64);
        let recomputed = known(&found.recomputed).and_then(|all| all.get(at)).copied();
        let mechanisms = found.mechanisms.iter().filter(|own| wants(common, own.mechanism));
        Validator {
            uid,
            hotkey: found.hotkeys.get(at).copied(),
            dividend: stored.map(share),
            dividend_raw: stored,
            dividend_share: part,
            recomputed,
            difference: recomputed.zip(part).map(|(recomputed, part)| recomputed - part),
            mechanisms: mechanisms
                .map(|own| Recomputed {
                    mech_id: own.mechanism,
                    recomputed: known(&own.recomputed).and_then(|all| all.get(at)).copied(),
                })
                .collect(),
        }
    };
    (0..u16::try_from(count).unwrap_or(u16::MAX)).map(validator).collect()
}

/// Parts of a whole; nothing where all are zero.
fn known(parts: &[f64]) -> Option<&[f64]> {
    parts.iter().any(|part| *part > 0.0).then_some(parts)
}

fn title(found: &SubnetDividends, out: &mut dyn Write) -> Result<(), CliError> {
    let rule = match found.rule {
        YumaRule::Yuma2 => "Yuma 2",
        YumaRule::Yuma3 => "Yuma 3",
    };
    let distance = match found.distance {
        Some(apart) => format!("{:.6} apart at most, {:.6} in all", apart.largest, apart.moved),
        None if found.stored.iter().all(|stored| *stored == 0) => "nobody earned anything".to_owned(),
        None => "bonds, incentives and stakes of this block give nobody anything".to_owned(),
    };
    writeln!(out, "Subnet {}  {rule}  {distance}", found.netuid)?;
    Ok(())
}

fn row(validator: &Validator) -> Vec<String> {
    let number =
        |value: Option<f64>| value.map_or_else(|| super::cells::ABSENT.to_owned(), |value| format!("{value:.6}"));
    vec![
        validator.uid.to_string(),
        short(validator.hotkey.as_ref()),
        fraction(validator.dividend_raw),
        number(validator.dividend_share),
        number(validator.recomputed),
        number(validator.difference),
    ]
}

const CSV: [&str; 9] = [
    "block_number",
    "netuid",
    "uid",
    "hotkey",
    "dividend",
    "dividend_raw",
    "dividend_share",
    "recomputed",
    "difference",
];

fn csv(place: &Place, netuid: NetUid, validator: &Validator) -> Vec<String> {
    vec![
        place.block_number.to_string(),
        netuid.to_string(),
        validator.uid.to_string(),
        or_empty(validator.hotkey.map(|account| account.to_ss58())),
        or_empty(validator.dividend),
        or_empty(validator.dividend_raw),
        or_empty(validator.dividend_share),
        or_empty(validator.recomputed),
        or_empty(validator.difference),
    ]
}
