//! What storage adds to a metagraph: a few values beside an answer, everything where there is none.

use super::{Api, Depth, Metagraph, Origin};
use crate::chain::{BlockRef, NetUid};
use crate::decode::Runtime;
use crate::source::BlockSource;
use crate::subnet::cell::{Cell, Shape};
use crate::subnet::info::{self, Places};
use crate::subnet::mechanism::MAX_MECHANISMS;
use crate::subnet::state::{Place, Reads, Values};
use crate::subnet::{SubnetError, storage_index};

use super::by_neuron;

/// Neurons whose keys are asked for before it is known how many there are: the usual most.
pub(super) const USUAL: u16 = 256;

/// What is read first: all of the subnet that has few keys.
#[derive(Debug)]
pub(super) struct Small {
    subnet: Places,
    mechanisms: Vec<[Place; 3]>,
    validator_trust: Place,
    registered_at: Vec<Place>,
    columns: Option<Columns>,
}

/// What is read where no function answers.
#[derive(Debug)]
struct Columns {
    keys: Vec<Place>,
    flags: [Place; 2],
    emission: Place,
    shares: [Place; 5],
}

/// The values of an item for some uids.
pub(super) fn by_uid(reads: &mut Reads<'_>, item: &str, netuid: NetUid, uids: std::ops::Range<u16>) -> Vec<Place> {
    let key = netuid.0.to_le_bytes();
    uids.map(|uid| reads.add(item, &[&key, &uid.to_le_bytes()])).collect()
}

impl Columns {
    fn add(reads: &mut Reads<'_>, netuid: NetUid) -> Self {
        let keys = by_uid(reads, "Keys", netuid, 0..USUAL);
        let key = netuid.0.to_le_bytes();
        let mut of = |item: &str| reads.add(item, &[&key]);
        Self {
            keys,
            flags: ["Active", "ValidatorPermit"].map(&mut of),
            emission: of("Emission"),
            shares: ["PruningScores", "Dividends", "Consensus", "Trust", "Rank"].map(&mut of),
        }
    }

    fn fill(&self, metagraph: &mut Metagraph, values: &Values<'_>) -> Result<(), SubnetError> {
        let count = metagraph.info.num_uids.unwrap_or(0);
        let neurons = &mut metagraph.neurons;
        neurons.count = usize::from(count);
        let some = |column: &Vec<bool>| !column.is_empty() || count == 0;
        let [active, permits] = self.flags;
        neurons.active = values.flags(active)?.filter(some);
        neurons.validator_permit = values.flags(permits)?.filter(some);
        neurons.emission = values.numbers(self.emission)?.filter(|column| !column.is_empty() || count == 0);
        let [pruning, dividends, consensus, trust, rank] = self.shares;
        let column =
            |place| Ok::<_, SubnetError>(values.shares(place)?.filter(|column| !column.is_empty() || count == 0));
        neurons.pruning_score = column(pruning)?;
        neurons.dividends = column(dividends)?;
        neurons.consensus = column(consensus)?;
        neurons.trust = column(trust)?;
        neurons.rank = column(rank)?;
        let mut hotkeys = Vec::with_capacity(usize::from(count));
        for place in self.keys.iter().take(usize::from(count)) {
            hotkeys.push(values.account(*place)?.unwrap_or(by_neuron::NOBODY));
        }
        neurons.hotkeys = Some(hotkeys);
        Ok(())
    }
}

impl Small {
    /// Adds the keys, in the expectation that this function will answer.
    pub(super) fn add(reads: &mut Reads<'_>, runtime: &Runtime, netuid: NetUid, api: Option<Api>) -> Self {
        let subnet = info::add(reads, runtime, netuid);
        let most =
            if runtime.storage_item("SubtensorModule", "MechanismCountCurrent").is_some() { MAX_MECHANISMS } else { 1 };
        let indexes = (0..most).map_while(|mechanism| storage_index(netuid, mechanism));
        let mechanisms = indexes
            .map(|index| {
                ["Incentive", "LastUpdate", "ConsensusByMechanism"].map(|item| reads.add(item, &[&index.to_le_bytes()]))
            })
            .collect();
        let validator_trust = reads.add("ValidatorTrust", &[&netuid.0.to_le_bytes()]);
        let is_metagraph = matches!(api, Some(Api::SelectiveMetagraph | Api::Metagraph));
        let uids = if is_metagraph { 0..0 } else { 0..USUAL };
        let registered_at = by_uid(reads, "BlockAtRegistration", netuid, uids);
        // Where nothing says that the function is there, its absence must not cost one more request.
        let unsure = api.is_none() || !runtime.describes_apis();
        let columns = unsure.then(|| Columns::add(reads, netuid));
        Self { subnet, mechanisms, validator_trust, registered_at, columns }
    }

    /// Whether the subnet is there.
    pub(super) fn exists(&self, values: &Values<'_>) -> Result<bool, SubnetError> {
        self.subnet.exists(values)
    }

    /// Joins what was read with what was answered, and reads what is still missing.
    pub(super) async fn complete(
        &self,
        source: &dyn BlockSource,
        runtime: &Runtime,
        values: &Values<'_>,
        metagraph: &mut Metagraph,
        depth: Depth,
    ) -> Result<(), SubnetError> {
        let at = metagraph.at;
        let answered = std::mem::replace(&mut metagraph.info, info::SubnetInfo::new(metagraph.netuid));
        metagraph.info = answered.or(self.subnet.info(values, at.number)?);
        if metagraph.origin == Origin::Storage {
            self.columns(source, runtime, values, metagraph, &at).await?;
        }
        self.mechanisms(values, metagraph)?;
        let count = metagraph.neurons.count;
        if metagraph.neurons.validator_trust.is_none() {
            let trust = values.shares(self.validator_trust)?;
            metagraph.neurons.validator_trust = trust.filter(|column| !column.is_empty() || count == 0);
        }
        if metagraph.neurons.registered_at.is_none() {
            metagraph.neurons.registered_at = Some(registrations(values, &self.registered_at, 0..count)?);
        }
        by_neuron::complete(source, runtime, metagraph, depth).await?;
        metagraph.neurons.judge_immunity(at.number, metagraph.info.immunity_period);
        Ok(())
    }

    /// The columns, read once more where a function was expected to answer.
    async fn columns(
        &self,
        source: &dyn BlockSource,
        runtime: &Runtime,
        values: &Values<'_>,
        metagraph: &mut Metagraph,
        at: &BlockRef,
    ) -> Result<(), SubnetError> {
        if let Some(columns) = &self.columns {
            return columns.fill(metagraph, values);
        }
        let mut reads = Reads::new(runtime);
        let columns = Columns::add(&mut reads, metagraph.netuid);
        let values = reads.read(source, at).await?;
        columns.fill(metagraph, &values)
    }

    /// What each mechanism has of its own.
    fn mechanisms(&self, values: &Values<'_>, metagraph: &mut Metagraph) -> Result<(), SubnetError> {
        let count = metagraph.info.mechanism_count.unwrap_or(1);
        for (mechanism, [incentive, last_update, consensus]) in (0..count).zip(&self.mechanisms) {
            let own = metagraph.mechanism_mut(mechanism);
            if own.incentive.is_none() {
                own.incentive = values.shares(*incentive)?;
            }
            if own.last_update.is_none() {
                own.last_update = values.numbers(*last_update)?;
            }
            own.consensus = values.shares(*consensus)?.filter(|_| values.is_stored(*consensus));
        }
        let Some(first) = metagraph.mechanism(0) else { return Ok(()) };
        let (incentive, last_update) = (first.incentive.clone(), first.last_update.clone());
        metagraph.neurons.incentive = metagraph.neurons.incentive.take().or(incentive);
        metagraph.neurons.last_update = metagraph.neurons.last_update.take().or(last_update);
        Ok(())
    }
}

/// Blocks of registration for as many of these uids as there are places.
pub(super) fn registrations(
    values: &Values<'_>,
    places: &[Place],
    uids: std::ops::Range<usize>,
) -> Result<Vec<u64>, SubnetError> {
    let mut blocks = Vec::with_capacity(uids.len());
    for place in places.iter().take(uids.len()) {
        blocks.push(values.u64(*place)?.unwrap_or(0));
    }
    Ok(blocks)
}

impl Values<'_> {
    fn flags(&self, place: Place) -> Result<Option<Vec<bool>>, SubnetError> {
        match self.cell(place, Shape::Flags)? {
            Cell::Flags(flags) => Ok(Some(flags)),
            _ => Ok(None),
        }
    }
}
