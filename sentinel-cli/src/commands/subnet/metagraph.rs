//! `subnet metagraph`: all neurons of a subnet.

use std::io::Write;

use sentinel_core::chain::NetUid;
use sentinel_core::source::BlockSource;
use sentinel_core::subnet::metagraph::{self, Depth, Metagraph, Origin};
use sentinel_core::text::terminal_safe;
use serde::Serialize;

use super::cells::{ABSENT, amount, flag, fraction, or_dash, or_empty, short};
use super::neuron::{MechanismView, NeuronView, Views};
use super::{Place, check_mechanism, wants};
use crate::args::Common;
use crate::exit::CliError;
use crate::output::{self, Format};

#[derive(Serialize)]
struct Document<'m> {
    #[serde(flatten)]
    place: Place,
    netuid: NetUid,
    subnet_name: Option<&'m str>,
    /// Which function of the runtime answered, or `storage`.
    origin: &'static str,
    neuron_count: usize,
    validator_count: Option<usize>,
    miner_count: Option<usize>,
    total_stake: Option<u128>,
    alpha_out_emission: Option<u64>,
    moving_price: Option<f64>,
    price: Option<f64>,
    tempo: Option<u16>,
    mechanism_count: usize,
    neurons: Vec<NeuronView<'m>>,
}

#[derive(Serialize)]
struct Line<'m> {
    #[serde(flatten)]
    place: &'m Place,
    netuid: NetUid,
    #[serde(flatten)]
    neuron: NeuronView<'m>,
}

pub(super) async fn run(common: &Common, source: &dyn BlockSource, out: &mut dyn Write) -> Result<(), CliError> {
    let netuid = common.one_subnet("subnet metagraph")?;
    let (at, place) = Place::pin(common, source).await?;
    let depth = if common.lite { Depth::Lite } else { Depth::Full };
    let metagraph = metagraph::read(source, &at, netuid, depth).await?;
    check_mechanism(common, &at, metagraph.mechanisms.iter().map(|own| own.mechanism))?;
    let views = Views::new(&metagraph);
    let neurons = metagraph.iter().map(|neuron| views.of(&neuron, |mechanism| wants(common, mechanism)));
    match common.format {
        Format::Json => {
            let document = document(&metagraph, place, views.total_stake(), neurons.collect());
            output::document(out, common, &document)?;
        }
        Format::Jsonl => {
            for neuron in neurons {
                output::document_line(out, common, &Line { place: &place, netuid, neuron })?;
            }
        }
        Format::Csv => {
            let rows = neurons.flat_map(|neuron| csv(&place, netuid, &neuron));
            output::csv(out, &CSV, rows)?;
        }
        Format::Table => {
            let document = document(&metagraph, place, views.total_stake(), neurons.collect());
            title(&document, out)?;
            table(&document.neurons, out)?;
        }
    }
    Ok(())
}

fn document<'m>(
    metagraph: &'m Metagraph,
    place: Place,
    total_stake: Option<u128>,
    neurons: Vec<NeuronView<'m>>,
) -> Document<'m> {
    let permits = metagraph.neurons.validator_permit.as_ref();
    let validators = permits.map(|permits| permits.iter().filter(|permit| **permit).count());
    let info = &metagraph.info;
    Document {
        place,
        netuid: metagraph.netuid,
        subnet_name: info.name.as_deref(),
        origin: match metagraph.origin {
            Origin::Api(api) => api.function(),
            Origin::Storage => "storage",
        },
        neuron_count: metagraph.len(),
        validator_count: validators,
        miner_count: validators.map(|validators| metagraph.len().saturating_sub(validators)),
        total_stake,
        alpha_out_emission: info.alpha_out_emission,
        moving_price: info.moving_price(),
        price: info.price,
        tempo: info.tempo,
        mechanism_count: metagraph.mechanisms.len(),
        neurons,
    }
}

fn title(document: &Document<'_>, out: &mut dyn Write) -> Result<(), CliError> {
    document.place.title(out)?;
    let mut words = vec![format!("Subnet {}", document.netuid)];
    words.extend(document.subnet_name.map(|name| terminal_safe(name).into_owned()));
    words.push(match (document.validator_count, document.miner_count) {
        (Some(validators), Some(miners)) => {
            format!("{} neurons ({validators} validators, {miners} miners)", document.neuron_count)
        }
        _ => format!("{} neurons", document.neuron_count),
    });
    words.extend((document.mechanism_count > 1).then(|| format!("{} mechanisms", document.mechanism_count)));
    words.extend(document.tempo.map(|tempo| format!("tempo {tempo}")));
    words.extend(document.price.map(|price| format!("price τ{price:.6}")));
    writeln!(out, "{}", words.join("  "))?;
    Ok(())
}

/// The columns that anybody has anything in.
fn table(neurons: &[NeuronView<'_>], out: &mut dyn Write) -> Result<(), CliError> {
    let mechanisms: Vec<u8> = neurons
        .first()
        .map_or_else(Vec::new, |neuron| neuron.mechanisms.iter().map(|mechanism| mechanism.mech_id).collect());
    let several = mechanisms.len() > 1;
    let of_mechanism =
        |name: &str, mechanism: &u8| if several { format!("{name} {mechanism}") } else { name.to_owned() };
    let mut header: Vec<String> =
        ["UID", "Stake", "Alpha stake", "Own stake", "Trust", "VTrust", "Consensus"].map(str::to_owned).into();
    header.extend(mechanisms.iter().map(|mechanism| of_mechanism("Incentive", mechanism)));
    header.extend(["Dividends", "Emission", "VPermit"].map(str::to_owned));
    header.extend(mechanisms.iter().map(|mechanism| of_mechanism("Updated", mechanism)));
    header.extend(["Registered", "Active", "Hotkey"].map(str::to_owned));
    let rows: Vec<Vec<String>> = neurons.iter().map(row).collect();
    let shown: Vec<bool> = (0..header.len())
        .map(|column| rows.is_empty() || rows.iter().any(|row| row.get(column).is_some_and(|cell| cell != ABSENT)))
        .collect();
    let header: Vec<&str> =
        header.iter().zip(&shown).filter(|(_, shown)| **shown).map(|(name, _)| name.as_str()).collect();
    let kept =
        |row: Vec<String>| row.into_iter().zip(&shown).filter(|(_, shown)| **shown).map(|(cell, _)| cell).collect();
    output::table(out, &header, rows.into_iter().map(kept))
}

fn row(neuron: &NeuronView<'_>) -> Vec<String> {
    // Where it is known what counts in an epoch, what lies on the hotkey is left to the other formats.
    let own = neuron.own_stake.filter(|_| neuron.stake.is_none());
    let mut row = vec![
        neuron.uid.to_string(),
        amount(neuron.stake),
        amount(neuron.alpha_stake),
        amount(own),
        fraction(neuron.trust_raw),
        fraction(neuron.validator_trust_raw),
        fraction(neuron.consensus_raw),
    ];
    row.extend(neuron.mechanisms.iter().map(|own| fraction(own.incentive_raw)));
    row.extend([fraction(neuron.dividend_raw), amount(neuron.emissions), flag(neuron.is_validator)]);
    row.extend(neuron.mechanisms.iter().map(|own| or_dash(own.updated)));
    row.extend([or_dash(neuron.registered_at), flag(neuron.is_active), short(neuron.hotkey.as_ref())]);
    row
}

const CSV: [&str; 36] = [
    "block_number",
    "netuid",
    "uid",
    "mech_id",
    "hotkey",
    "coldkey",
    "stake",
    "alpha_stake",
    "tao_stake",
    "own_stake",
    "normalized_stake",
    "alpha_dividends",
    "tao_dividends",
    "emissions",
    "dividend",
    "dividend_raw",
    "consensus",
    "consensus_raw",
    "validator_trust",
    "validator_trust_raw",
    "trust",
    "trust_raw",
    "rank",
    "rank_raw",
    "pruning_score_raw",
    "incentive",
    "incentive_raw",
    "weights_sum",
    "last_update",
    "updated",
    "is_validator",
    "is_active",
    "is_immune",
    "registered_at",
    "axon_address",
    "evm_address",
];

/// A row for each mechanism: one neuron has different miners' rewards in each.
fn csv(place: &Place, netuid: NetUid, neuron: &NeuronView<'_>) -> Vec<Vec<String>> {
    neuron.mechanisms.iter().map(|own| csv_row(place, netuid, neuron, own)).collect()
}

fn csv_row(place: &Place, netuid: NetUid, neuron: &NeuronView<'_>, own: &MechanismView) -> Vec<String> {
    vec![
        place.block_number.to_string(),
        netuid.to_string(),
        neuron.uid.to_string(),
        own.mech_id.to_string(),
        or_empty(neuron.hotkey.map(|account| account.to_ss58())),
        or_empty(neuron.coldkey.map(|account| account.to_ss58())),
        or_empty(neuron.stake),
        or_empty(neuron.alpha_stake),
        or_empty(neuron.tao_stake),
        or_empty(neuron.own_stake),
        or_empty(neuron.normalized_stake),
        or_empty(neuron.alpha_dividends),
        or_empty(neuron.tao_dividends),
        or_empty(neuron.emissions),
        or_empty(neuron.dividend),
        or_empty(neuron.dividend_raw),
        or_empty(own.consensus.or(neuron.consensus)),
        or_empty(own.consensus_raw.or(neuron.consensus_raw)),
        or_empty(neuron.validator_trust),
        or_empty(neuron.validator_trust_raw),
        or_empty(neuron.trust),
        or_empty(neuron.trust_raw),
        or_empty(neuron.rank),
        or_empty(neuron.rank_raw),
        or_empty(neuron.pruning_score_raw),
        or_empty(own.incentive),
        or_empty(own.incentive_raw),
        or_empty(own.weights_sum),
        or_empty(own.last_update),
        or_empty(own.updated),
        or_empty(neuron.is_validator),
        or_empty(neuron.is_active),
        or_empty(neuron.is_immune),
        or_empty(neuron.registered_at),
        or_empty(neuron.axon_address.as_ref()),
        or_empty(neuron.evm.map(|evm| format!("0x{}", const_hex::encode(evm.address)))),
    ]
}
