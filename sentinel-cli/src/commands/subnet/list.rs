//! `subnet list`: what each subnet is.

use std::io::Write;

use sentinel_core::source::BlockSource;
use sentinel_core::subnet::SubnetInfo;
use sentinel_core::subnet::info;
use serde::Serialize;

use super::Place;
use super::cells::{or_dash, or_empty, short};
use crate::args::Common;
use crate::exit::CliError;
use crate::output::{self, Format};

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    place: Place,
    count: usize,
    subnets: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    place: &'a Place,
    #[serde(flatten)]
    subnet: Item<'a>,
}

#[derive(Serialize)]
struct Item<'a> {
    #[serde(flatten)]
    info: &'a SubnetInfo,
    moving_price: Option<f64>,
}

pub(super) async fn run(common: &Common, source: &dyn BlockSource, out: &mut dyn Write) -> Result<(), CliError> {
    let (at, place) = Place::pin(common, source).await?;
    let subnets = info::read(source, &at, common.netuid).await?;
    let items = subnets.iter().map(|info| Item { info, moving_price: info.moving_price() });
    match common.format {
        Format::Json => {
            let document = Document { place, count: subnets.len(), subnets: items.collect() };
            output::document(out, common, &document)?;
        }
        Format::Jsonl => {
            for subnet in items {
                output::document_line(out, common, &Line { place: &place, subnet })?;
            }
        }
        Format::Csv => output::csv(out, &CSV, subnets.iter().map(|info| csv(&place, info)))?,
        Format::Table => {
            place.title(out)?;
            output::table(out, &TABLE, subnets.iter().map(row))?;
        }
    }
    Ok(())
}

const TABLE: [&str; 10] =
    ["Netuid", "Name", "Symbol", "Owner", "Price τ", "Emission τ", "Tempo", "Registered at", "Uids", "Mechanisms"];

fn row(info: &SubnetInfo) -> Vec<String> {
    let uids = match (info.num_uids, info.max_uids) {
        (Some(uids), Some(most)) => format!("{uids}/{most}"),
        (uids, _) => or_dash(uids),
    };
    // TAO of one block: for the subnet as a whole, later for its pool.
    let emission = info.subnet_emission.map(sentinel_core::chain::Rao).or(info.tao_in_emission);
    vec![
        info.netuid.to_string(),
        or_dash(info.name.as_ref()),
        or_dash(info.symbol.as_ref()),
        short(info.owner_coldkey.as_ref()),
        or_dash(info.price.map(|price| format!("{price:.6}"))),
        or_dash(emission),
        or_dash(info.tempo),
        or_dash(info.registered_at),
        uids,
        or_dash(info.mechanism_count),
    ]
}

const CSV: [&str; 24] = [
    "block_number",
    "netuid",
    "name",
    "symbol",
    "owner_hotkey",
    "owner_coldkey",
    "registered_at",
    "tempo",
    "last_step",
    "num_uids",
    "max_uids",
    "burn",
    "mechanism_count",
    "emission_enabled",
    "tao_in",
    "alpha_in",
    "alpha_out",
    "tao_in_emission",
    "alpha_in_emission",
    "alpha_out_emission",
    "subnet_emission",
    "subnet_volume",
    "moving_price",
    "price",
];

fn csv(place: &Place, info: &SubnetInfo) -> Vec<String> {
    vec![
        place.block_number.to_string(),
        info.netuid.to_string(),
        or_empty(info.name.as_ref()),
        or_empty(info.symbol.as_ref()),
        or_empty(info.owner_hotkey.map(|account| account.to_ss58())),
        or_empty(info.owner_coldkey.map(|account| account.to_ss58())),
        or_empty(info.registered_at),
        or_empty(info.tempo),
        or_empty(info.last_step),
        or_empty(info.num_uids),
        or_empty(info.max_uids),
        or_empty(info.burn.map(|rao| rao.0)),
        or_empty(info.mechanism_count),
        or_empty(info.emission_enabled),
        or_empty(info.tao_in.map(|rao| rao.0)),
        or_empty(info.alpha_in),
        or_empty(info.alpha_out),
        or_empty(info.tao_in_emission.map(|rao| rao.0)),
        or_empty(info.alpha_in_emission),
        or_empty(info.alpha_out_emission),
        or_empty(info.subnet_emission),
        or_empty(info.subnet_volume),
        or_empty(info.moving_price()),
        or_empty(info.price),
    ]
}
