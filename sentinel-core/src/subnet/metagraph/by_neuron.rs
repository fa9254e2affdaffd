//! What storage keeps for each neuron: keys, weights, bonds, places, identities.

use super::stored::{by_uid, registrations};
use super::{Api, Axon, Depth, EvmAssociation, Metagraph, Origin};
use crate::chain::AccountId;
use crate::decode::Runtime;
use crate::source::BlockSource;
use crate::subnet::cell::{Cell, Shape};
use crate::subnet::state::{Place, Reads, Values};
use crate::subnet::weights::Rows;
use crate::subnet::{ChainIdentity, SubnetError};

/// The account of zeros, which owns what nobody owns.
pub(super) const NOBODY: AccountId = AccountId([0; 32]);

/// Reads what is still missing of each neuron, in one request if all coldkeys are known, otherwise in two.
pub(super) async fn complete(
    source: &dyn BlockSource,
    runtime: &Runtime,
    metagraph: &mut Metagraph,
    depth: Depth,
) -> Result<(), SubnetError> {
    more_hotkeys(source, runtime, metagraph).await?;
    let mut reads = Reads::new(runtime);
    let mut wanted = Wanted::add(&mut reads, runtime, metagraph, depth);
    if depth == Depth::Full && metagraph.neurons.identities.is_none() && metagraph.neurons.coldkeys.is_some() {
        wanted.identities = identities(&mut reads, runtime, metagraph);
    }
    let at = metagraph.at;
    let values = reads.read(source, &at).await?;
    wanted.fill(metagraph, &values)?;
    before_dynamic_tao(runtime, metagraph);
    if depth == Depth::Full && metagraph.neurons.identities.is_none() {
        let mut reads = Reads::new(runtime);
        if let Some(places) = identities(&mut reads, runtime, metagraph) {
            let values = reads.read(source, &at).await?;
            metagraph.neurons.identities = Some(read_identities(&places, &values)?);
        }
    }
    Ok(())
}

/// Subnets that are larger than usual need their other hotkeys first.
async fn more_hotkeys(
    source: &dyn BlockSource,
    runtime: &Runtime,
    metagraph: &mut Metagraph,
) -> Result<(), SubnetError> {
    let count = metagraph.neurons.count;
    let known = metagraph.neurons.hotkeys.as_ref().map_or(0, Vec::len);
    let (true, Ok(from), Ok(to)) = (known < count, u16::try_from(known), u16::try_from(count)) else { return Ok(()) };
    let mut reads = Reads::new(runtime);
    let places = by_uid(&mut reads, "Keys", metagraph.netuid, from..to);
    let at = metagraph.at;
    let values = reads.read(source, &at).await?;
    let hotkeys = metagraph.neurons.hotkeys.get_or_insert_default();
    for place in places {
        hotkeys.push(values.account(place)?.unwrap_or(NOBODY));
    }
    Ok(())
}

/// Where the values of all neurons will be.
#[derive(Debug, Default)]
struct Wanted {
    registered_at: Vec<Place>,
    rows: Vec<Rows>,
    evm: Option<Vec<Place>>,
    owners: Option<Vec<Place>>,
    axons: Option<Vec<Place>>,
    stakes: Option<Vec<Place>>,
    identities: Option<Vec<Place>>,
}

impl Wanted {
    fn add(reads: &mut Reads<'_>, runtime: &Runtime, metagraph: &Metagraph, depth: Depth) -> Self {
        let count = u16::try_from(metagraph.neurons.count).unwrap_or(u16::MAX);
        let netuid = metagraph.netuid;
        let mut wanted = Self::default();
        let known = metagraph.neurons.registered_at.as_ref().map_or(count, |column| column.len() as u16);
        wanted.registered_at = by_uid(reads, "BlockAtRegistration", netuid, known.min(count)..count);
        if depth == Depth::Full {
            let without = metagraph.mechanisms.iter().filter(|mechanism| mechanism.weights.is_none());
            wanted.rows = without.map(|own| Rows::add(reads, netuid, own.mechanism, count)).collect();
            let has_evm = runtime.storage_item("SubtensorModule", "AssociatedEvmAddress").is_some();
            wanted.evm = has_evm.then(|| by_uid(reads, "AssociatedEvmAddress", netuid, 0..count));
        }
        let hotkeys = metagraph.neurons.hotkeys.as_deref().unwrap_or_default();
        let key = netuid.0.to_le_bytes();
        if metagraph.origin == Origin::Storage {
            wanted.owners = Some(hotkeys.iter().map(|hotkey| reads.add("Owner", &[&hotkey.0])).collect());
            wanted.axons = Some(hotkeys.iter().map(|hotkey| reads.add("Axons", &[&key, &hotkey.0])).collect());
        }
        // The metagraph of a runtime has stakes of its own.
        let is_metagraph = matches!(metagraph.origin, Origin::Api(Api::SelectiveMetagraph | Api::Metagraph));
        let is_missing = metagraph.neurons.own_stake.is_none() && !is_metagraph;
        if is_missing && (depth == Depth::Full || metagraph.origin == Origin::Storage) {
            let has_alpha = runtime.storage_item("SubtensorModule", "TotalHotkeyAlpha").is_some();
            wanted.stakes = Some(match has_alpha {
                true => hotkeys.iter().map(|hotkey| reads.add("TotalHotkeyAlpha", &[&hotkey.0, &key])).collect(),
                false => hotkeys.iter().map(|hotkey| reads.add("TotalHotkeyStake", &[&hotkey.0])).collect(),
            });
        }
        wanted
    }

    fn fill(self, metagraph: &mut Metagraph, values: &Values<'_>) -> Result<(), SubnetError> {
        if let Some(column) = &mut metagraph.neurons.registered_at {
            column.extend(registrations(values, &self.registered_at, 0..self.registered_at.len())?);
        }
        for rows in self.rows {
            let read = rows.of(values)?;
            let own = metagraph.mechanism_mut(read.mechanism);
            (own.weights, own.bonds) = (Some(read.weights), Some(read.bonds));
        }
        let neurons = &mut metagraph.neurons;
        if let Some(places) = self.evm {
            neurons.evm = Some(places.iter().map(|place| evm(values, *place)).collect::<Result<_, _>>()?);
        }
        if let Some(places) = self.owners {
            let owner = |place: &Place| Ok::<_, SubnetError>(values.account(*place)?.unwrap_or(NOBODY));
            neurons.coldkeys = Some(places.iter().map(owner).collect::<Result<_, _>>()?);
        }
        if let Some(places) = self.axons {
            neurons.axons = Some(places.iter().map(|place| axon(values, *place)).collect::<Result<_, _>>()?);
        }
        if let Some(places) = self.stakes {
            let stake = |place: &Place| Ok::<_, SubnetError>(values.u64(*place)?.unwrap_or(0));
            neurons.own_stake = Some(places.iter().map(stake).collect::<Result<_, _>>()?);
        }
        if let Some(places) = self.identities {
            neurons.identities = Some(read_identities(&places, values)?);
        }
        Ok(())
    }
}

/// Before there were children and alpha, what lies on a hotkey is its stake.
fn before_dynamic_tao(runtime: &Runtime, metagraph: &mut Metagraph) {
    let has = |item| runtime.storage_item("SubtensorModule", item).is_some();
    let neurons = &mut metagraph.neurons;
    if !has("TotalHotkeyAlpha") && !has("ChildKeys") && neurons.total_stake.is_none() {
        neurons.tao_stake.clone_from(&neurons.own_stake);
        neurons.total_stake.clone_from(&neurons.own_stake);
    }
}

/// Places of the identities of all coldkeys; `None` where the runtime has no identities.
fn identities(reads: &mut Reads<'_>, runtime: &Runtime, metagraph: &Metagraph) -> Option<Vec<Place>> {
    let has = |item: &&str| runtime.storage_item("SubtensorModule", item).is_some();
    let item = ["IdentitiesV2", "Identities"].into_iter().find(has)?;
    let coldkeys = metagraph.neurons.coldkeys.as_ref()?;
    Some(coldkeys.iter().map(|coldkey| reads.add(item, &[&coldkey.0])).collect())
}

fn read_identities(places: &[Place], values: &Values<'_>) -> Result<Vec<Option<ChainIdentity>>, SubnetError> {
    let identity = |place: &Place| {
        Ok(match values.cell(*place, Shape::Identity)? {
            Cell::Identity(identity) => Some(*identity),
            _ => None,
        })
    };
    places.iter().map(identity).collect()
}

fn evm(values: &Values<'_>, place: Place) -> Result<Option<EvmAssociation>, SubnetError> {
    Ok(match values.cell(place, Shape::Tagged)? {
        Cell::Tagged(address, block) => {
            <[u8; 20]>::try_from(address).ok().map(|address| EvmAssociation { address, block })
        }
        _ => None,
    })
}

/// A neuron that announced nothing is nowhere.
fn axon(values: &Values<'_>, place: Place) -> Result<Axon, SubnetError> {
    Ok(match values.cell(place, Shape::Axon)? {
        Cell::Axon(axon) => *axon,
        _ => Axon::default(),
    })
}
