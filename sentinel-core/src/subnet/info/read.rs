//! Reads what subnets are from a source: storage alone, which every runtime has.

use std::collections::BTreeMap;

use super::{PriceInputs, PriceRule, SubnetInfo};
use crate::chain::{AccountId, BlockRef, NetUid, Rao};
use crate::decode::Runtime;
use crate::source::BlockSource;
use crate::subnet::cell::{Cell, Shape};
use crate::subnet::state::{Place, Reads, Values, no_such_subnet, writer};
use crate::subnet::{SubnetError, netuids};

/// What one subnet is, or all that exist, in the state of a block.
///
/// One read of storage for one subnet; for all of them also the list of netuids.
///
/// # Errors
/// [`SubnetError::NotYet`] for a subnet that was registered later, [`SubnetError::NoSuchSubnet`] otherwise.
///
/// ```no_run
/// # async fn run(source: &dyn sentinel_core::source::BlockSource) -> Result<(), Box<dyn std::error::Error>> {
/// use sentinel_core::chain::Finality;
/// use sentinel_core::subnet::info;
///
/// let head = source.head(Finality::Finalized).await?;
/// for subnet in info::read(source, &head, None).await? {
///     println!("{} {:?} {:?}", subnet.netuid, subnet.name, subnet.price);
/// }
/// # Ok(())
/// # }
/// ```
pub async fn read(
    source: &dyn BlockSource,
    at: &BlockRef,
    netuid: Option<NetUid>,
) -> Result<Vec<SubnetInfo>, SubnetError> {
    let wanted = match netuid {
        Some(netuid) => vec![netuid],
        None => netuids(source, at).await?,
    };
    let (runtime, _) = writer(source, at).await?;
    let mut reads = Reads::new(&runtime);
    let places: Vec<Places> = wanted.iter().map(|netuid| add(&mut reads, &runtime, *netuid)).collect();
    let values = reads.read(source, at).await?;
    let mut subnets = Vec::with_capacity(places.len());
    for place in &places {
        if !place.exists(&values)? {
            return Err(no_such_subnet(source, at, place.netuid).await);
        }
        subnets.push(place.info(&values, at.number)?);
    }
    Ok(subnets)
}

/// Whether each subnet receives TAO, the root network included. A subnet that nobody switched off does; where anything
/// cannot be read, nothing is said. `None` for a runtime that has no such switch.
pub async fn emission_enabled(
    source: &dyn BlockSource,
    at: &BlockRef,
) -> Result<Option<BTreeMap<NetUid, bool>>, SubnetError> {
    let (runtime, _) = writer(source, at).await?;
    if runtime.storage_item("SubtensorModule", "SubnetEmissionEnabled").is_none() {
        return Ok(None);
    }
    let existing = netuids(source, at).await?;
    let mut reads = Reads::new(&runtime);
    let places: Vec<Place> =
        existing.iter().map(|netuid| reads.add("SubnetEmissionEnabled", &[&netuid.0.to_le_bytes()])).collect();
    let values = reads.read(source, at).await?;
    let mut enabled = BTreeMap::new();
    for (netuid, place) in existing.into_iter().zip(places) {
        enabled.insert(netuid, values.flag(place)?.unwrap_or(true));
    }
    Ok(Some(enabled))
}

/// How many mechanisms a subnet has; 1 before the chain had several.
pub async fn mechanism_count(source: &dyn BlockSource, at: &BlockRef, netuid: NetUid) -> Result<u8, SubnetError> {
    let (runtime, _) = writer(source, at).await?;
    let mut reads = Reads::new(&runtime);
    let key = netuid.0.to_le_bytes();
    let (added, count) = (reads.add("NetworksAdded", &[&key]), reads.add("MechanismCountCurrent", &[&key]));
    let values = reads.read(source, at).await?;
    match values.flag(added)? {
        Some(true) => Ok(values.u8(count)?.unwrap_or(1)),
        _ => Err(no_such_subnet(source, at, netuid).await),
    }
}

/// Where the values of one subnet will be.
#[derive(Debug)]
pub(in crate::subnet) struct Places {
    netuid: NetUid,
    added: Place,
    identity: Place,
    symbol: Place,
    owner_hotkey: Place,
    owner_coldkey: Place,
    registered_at: Place,
    registration_counter: Place,
    tempo: Place,
    last_step: Place,
    pub(in crate::subnet) num_uids: Place,
    max_uids: Place,
    immunity_period: Place,
    burn: Place,
    pub(in crate::subnet) mechanism_count: Place,
    emission_enabled: Place,
    tao_in: Place,
    alpha_in: Place,
    alpha_out: Place,
    tao_in_emission: Place,
    alpha_in_emission: Place,
    alpha_out_emission: Place,
    subnet_emission: Place,
    pending: [Place; 3],
    subnet_volume: Place,
    moving_price: Place,
    subnet_mechanism: Place,
    sqrt_price: Place,
    sqrt_initialized: Place,
    balancer: Place,
    /// Since 233; a development runtime before it has reserves, but no dynamic TAO to price.
    is_dynamic: bool,
    has_balancer: bool,
}

/// Adds the keys of one subnet.
pub(in crate::subnet) fn add(reads: &mut Reads<'_>, runtime: &Runtime, netuid: NetUid) -> Places {
    let key = netuid.0.to_le_bytes();
    let has = |item: &str| runtime.storage_item("SubtensorModule", item).is_some();
    let identity = ["SubnetIdentitiesV3", "SubnetIdentitiesV2", "SubnetIdentities"].into_iter().find(|item| has(item));
    let is_dynamic = has("SubnetMovingPrice");
    let mut of = |item: &str| reads.add(item, &[&key]);
    let nowhere = of("");
    Places {
        netuid,
        added: of("NetworksAdded"),
        identity: identity.map_or(nowhere, &mut of),
        symbol: of("TokenSymbol"),
        owner_hotkey: of("SubnetOwnerHotkey"),
        owner_coldkey: of("SubnetOwner"),
        registered_at: of("NetworkRegisteredAt"),
        registration_counter: of("RegisteredSubnetCounter"),
        tempo: of("Tempo"),
        last_step: of("LastMechansimStepBlock"),
        num_uids: of("SubnetworkN"),
        max_uids: of("MaxAllowedUids"),
        immunity_period: of("ImmunityPeriod"),
        burn: of("Burn"),
        mechanism_count: of("MechanismCountCurrent"),
        emission_enabled: of("SubnetEmissionEnabled"),
        tao_in: of("SubnetTAO"),
        alpha_in: of("SubnetAlphaIn"),
        alpha_out: of("SubnetAlphaOut"),
        tao_in_emission: of("SubnetTaoInEmission"),
        alpha_in_emission: of("SubnetAlphaInEmission"),
        alpha_out_emission: of("SubnetAlphaOutEmission"),
        subnet_emission: if is_dynamic { nowhere } else { of("EmissionValues") },
        pending: [of("PendingEmission"), of("PendingServerEmission"), of("PendingValidatorEmission")],
        subnet_volume: of("SubnetVolume"),
        moving_price: of("SubnetMovingPrice"),
        subnet_mechanism: of("SubnetMechanism"),
        sqrt_price: reads.add_in("Swap", "AlphaSqrtPrice", &[&key]),
        sqrt_initialized: reads.add_in("Swap", "SwapV3Initialized", &[&key]),
        balancer: reads.add_in("Swap", "SwapBalancer", &[&key]),
        is_dynamic,
        has_balancer: runtime.storage_item("Swap", "SwapBalancer").is_some(),
    }
}

impl Places {
    /// Whether the subnet is there.
    pub(in crate::subnet) fn exists(&self, values: &Values<'_>) -> Result<bool, SubnetError> {
        Ok(values.flag(self.added)? == Some(true))
    }

    /// What the values say.
    pub(in crate::subnet) fn info(&self, values: &Values<'_>, block: u64) -> Result<SubnetInfo, SubnetError> {
        let last_step = values.u64(self.last_step)?;
        let (tao_in, alpha_in) = (values.u64(self.tao_in)?, values.u64(self.alpha_in)?);
        let price_inputs = self.price_inputs(values, tao_in, alpha_in)?;
        let identity = match values.cell(self.identity, Shape::SubnetIdentity)? {
            Cell::Subnet(identity) => Some(*identity),
            _ => None,
        };
        let name = identity.as_ref().and_then(|identity| identity.subnet_name.clone());
        Ok(SubnetInfo {
            netuid: self.netuid,
            name: name.filter(|name| !name.is_empty()),
            symbol: text(values.cell(self.symbol, Shape::One)?),
            identity,
            owner_hotkey: owner(values.account(self.owner_hotkey)?),
            owner_coldkey: owner(values.account(self.owner_coldkey)?),
            registered_at: values.u64(self.registered_at)?,
            registration_counter: values.u64(self.registration_counter)?,
            tempo: values.u16(self.tempo)?,
            last_step,
            blocks_since_last_step: last_step.map(|step| block.saturating_sub(step)),
            num_uids: values.u16(self.num_uids)?,
            max_uids: values.u16(self.max_uids)?,
            immunity_period: values.u16(self.immunity_period)?,
            burn: values.u64(self.burn)?.map(Rao),
            mechanism_count: Some(values.u8(self.mechanism_count)?.unwrap_or(1)),
            emission_enabled: values.flag(self.emission_enabled)?,
            tao_in: tao_in.map(Rao),
            alpha_in,
            alpha_out: values.u64(self.alpha_out)?,
            tao_in_emission: values.u64(self.tao_in_emission)?.map(Rao),
            alpha_in_emission: values.u64(self.alpha_in_emission)?,
            alpha_out_emission: values.u64(self.alpha_out_emission)?,
            subnet_emission: values.u64(self.subnet_emission)?,
            pending_emission: self.pending(values)?,
            pending_root_emission: None,
            subnet_volume: values.u128(self.subnet_volume)?,
            moving_price_bits: values.i128(self.moving_price)?,
            price: price_inputs.and_then(|inputs| inputs.price()),
            price_inputs,
        })
    }

    /// One pot, or since 343 two.
    fn pending(&self, values: &Values<'_>) -> Result<Option<u64>, SubnetError> {
        let mut sum = None;
        for place in self.pending {
            sum = match (sum, values.u64(place)?) {
                (Some(sum), Some(more)) => Some(u64::saturating_add(sum, more)),
                (sum, more) => sum.or(more),
            };
        }
        Ok(sum)
    }

    /// What the price is made of.
    pub(in crate::subnet) fn price_inputs(
        &self,
        values: &Values<'_>,
        tao_in: Option<u64>,
        alpha_in: Option<u64>,
    ) -> Result<Option<PriceInputs>, SubnetError> {
        let (Some(tao_in), Some(alpha_in), true) = (tao_in, alpha_in, self.is_dynamic) else { return Ok(None) };
        let sqrt_price_bits = values.u128(self.sqrt_price)?;
        let balancer_quote = values.u64(self.balancer)?;
        // The root network, and subnets of mechanism 0, have no pool.
        let rule = if self.netuid.0 == 0 || values.u16(self.subnet_mechanism)? == Some(0) {
            PriceRule::Stable
        } else if self.has_balancer {
            PriceRule::Balancer
        } else if sqrt_price_bits.is_some() && values.flag(self.sqrt_initialized)? == Some(true) {
            PriceRule::SqrtPrice
        } else {
            PriceRule::Reserves
        };
        Ok(Some(PriceInputs { rule, tao_in, alpha_in, sqrt_price_bits, balancer_quote }))
    }
}

/// The account of nobody stands for no account.
fn owner(account: Option<AccountId>) -> Option<AccountId> {
    account.filter(|account| account.0 != [0; 32])
}

fn text(cell: Cell) -> Option<String> {
    match cell {
        Cell::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        _ => None,
    }
}
