//! Metagraphs in all their forms: one writer for each of the 77 fields, and which of them a form has.

use parity_scale_codec::{Compact, Encode};

use super::super::Key;
use super::super::deeds::{identity, subnet_identity};
use super::super::world::World;
use super::super::world::settings::Setting;
use super::super::world::subnet::{Commitment, Mechanism, Neuron, Subnet};

/// The number of the field of the netuid, which every form has.
const NETUID: u16 = 0;
/// Fields that only the selective form has: validators and commitments.
const SELECTIVE_ONLY: [u16; 2] = [72, 73];
/// All fields.
const FIELDS: u16 = 77;

/// A metagraph of one mechanism.
pub(super) fn whole(world: &World, subnet: &Subnet, mechanism: usize) -> Vec<u8> {
    let view = View { world, subnet, mechanism };
    (0..FIELDS).filter(|field| !SELECTIVE_ONLY.contains(field)).flat_map(|field| view.field(field)).collect()
}

/// The fields that were asked for.
pub(super) fn selected(world: &World, subnet: &Subnet, mechanism: usize, wanted: &[u16]) -> Vec<u8> {
    let view = View { world, subnet, mechanism };
    let mut bytes = if wanted.contains(&NETUID) { view.field(NETUID) } else { Compact(0u16).encode() };
    for field in 1..FIELDS {
        if wanted.contains(&field) {
            bytes.push(1);
            bytes.extend(view.field(field));
        } else {
            bytes.push(0);
        }
    }
    bytes
}

/// The overview of a subnet's pool.
pub(super) fn dynamic_info(world: &World, subnet: &Subnet) -> Vec<u8> {
    const ORDER: [u16; 21] = [0, 5, 6, 1, 2, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 4, 3, 21];
    let view = View { world, subnet, mechanism: 0 };
    ORDER.into_iter().flat_map(|field| view.field(field)).collect()
}

/// The vectors of a subnet by uid.
pub(super) fn subnet_state(world: &World, subnet: &Subnet) -> Vec<u8> {
    const ORDER: [u16; 17] = [0, 52, 53, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69];
    let view = View { world, subnet, mechanism: 0 };
    let mut bytes: Vec<u8> = ORDER.into_iter().flat_map(|field| view.field(field)).collect();
    // What each hotkey earned on every subnet.
    let on = |other: &Subnet| {
        let earned = |neuron: &Neuron| {
            let uid = other.uids.get(&neuron.hotkey).map(|uid| usize::from(*uid));
            Compact(uid.and_then(|uid| other.neurons.get(uid)).map_or(0, |neuron| neuron.emission))
        };
        subnet.neurons.iter().map(earned).collect::<Vec<Compact<u64>>>()
    };
    world.subnets.values().map(|other| on(other)).collect::<Vec<_>>().encode_to(&mut bytes);
    bytes
}

/// Text as the chain's structures have it: every byte a compact number.
pub(super) fn compact_text(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| Compact(*byte)).collect::<Vec<_>>().encode()
}

#[derive(Clone, Copy)]
struct View<'w> {
    world: &'w World,
    subnet: &'w Subnet,
    mechanism: usize,
}

/// A compact number; all widths are written alike.
fn compact(value: impl Into<u128>) -> Vec<u8> {
    Compact(value.into()).encode()
}

impl View<'_> {
    /// One field by its number.
    fn field(&self, field: u16) -> Vec<u8> {
        match field {
            0..=21 => self.subnet_field(field),
            22..=51 => self.setting_field(field),
            52..=66 => self.neuron_field(field),
            _ => self.stake_field(field),
        }
    }

    fn subnet_field(&self, field: u16) -> Vec<u8> {
        let Subnet { schedule, reserves, minted, pots, .. } = self.subnet;
        match field {
            0 => compact(self.subnet.index_of(self.mechanism)),
            1 => compact_text(self.subnet.name.as_bytes()),
            2 => compact_text(self.subnet.symbol.as_bytes()),
            3 => identified(self.subnet).encode(),
            4 => compact(self.subnet.registered_at),
            5 => self.subnet.owner_hotkey.to_vec(),
            6 => self.subnet.owner.to_vec(),
            7 => compact(self.world.number),
            8 => self.setting(Setting::Tempo),
            9 => compact(schedule.last_step),
            10 => compact(self.world.number - schedule.last_step),
            12 => compact(reserves.alpha_in),
            13 => compact(reserves.alpha_out),
            14 => compact(reserves.tao),
            15 => compact(minted.alpha_out),
            16 => compact(minted.alpha_in),
            17 => compact(minted.tao_in),
            18 => compact(pots.server + pots.validator),
            20 => compact(reserves.volume),
            21 => reserves.moving_price.encode(),
            // The emission of the subnet and what waits for the root are always nothing now.
            _ => compact(0u64),
        }
    }

    fn setting(&self, setting: Setting) -> Vec<u8> {
        compact(self.subnet.settings.get(setting))
    }

    fn flag(&self, setting: Setting) -> Vec<u8> {
        self.subnet.settings.is(setting).encode()
    }

    fn setting_field(&self, field: u16) -> Vec<u8> {
        use Setting as S;
        let alpha = self.subnet.settings.get(S::AlphaValues);
        match field {
            22 => self.setting(S::Rho),
            23 => self.setting(S::Kappa),
            24 => self.setting(S::MinAllowedWeights),
            25 => self.setting(S::MaxWeightsLimit),
            26 => self.setting(S::WeightsVersionKey),
            27 => self.setting(S::WeightsSetRateLimit),
            28 => compact(self.subnet.settings.activity_cutoff()),
            29 => self.setting(S::MaxAllowedValidators),
            30 => compact(self.subnet.neurons.len() as u16),
            31 => self.setting(S::MaxAllowedUids),
            32 => compact(self.subnet.burn),
            33 => self.setting(S::Difficulty),
            34 => self.flag(S::NetworkRegistrationAllowed),
            35 => self.flag(S::NetworkPowRegistrationAllowed),
            36 => self.setting(S::ImmunityPeriod),
            37 => self.setting(S::MinDifficulty),
            38 => self.setting(S::MaxDifficulty),
            39 => self.setting(S::MinBurn),
            40 => self.setting(S::MaxBurn),
            41 => self.setting(S::AdjustmentAlpha),
            42 => self.setting(S::AdjustmentInterval),
            43 => self.setting(S::TargetRegistrationsPerInterval),
            44 => self.setting(S::MaxRegistrationsPerBlock),
            45 => self.setting(S::ServingRateLimit),
            46 => self.flag(S::CommitRevealWeightsEnabled),
            47 => self.setting(S::RevealPeriodEpochs),
            48 => self.flag(S::LiquidAlphaOn),
            49 => compact(alpha >> 16),
            50 => compact(alpha & 0xffff),
            _ => self.setting(S::BondsMovingAverage),
        }
    }

    fn each<T: Encode>(&self, of: impl Fn(&Neuron) -> T) -> Vec<u8> {
        self.subnet.neurons.iter().map(of).collect::<Vec<T>>().encode()
    }

    fn of_mechanism<T: Copy + Into<u128>>(&self, of: impl Fn(&Mechanism) -> &Vec<T>) -> Vec<u8> {
        let values = self.subnet.mechanisms.get(self.mechanism).map(of).into_iter().flatten();
        values.map(|value| Compact::<u128>((*value).into())).collect::<Vec<_>>().encode()
    }

    fn neuron_field(&self, field: u16) -> Vec<u8> {
        match field {
            52 => self.each(|neuron| neuron.hotkey),
            53 => self.each(|neuron| self.coldkey(&neuron.hotkey)),
            54 => self.each(|neuron| {
                self.world.people.identities.get(&self.coldkey(&neuron.hotkey)).map(|number| identity(*number))
            }),
            55 => self.each(|neuron| self.subnet.axons.get(&neuron.hotkey).copied().unwrap_or_default()),
            56 => self.each(|neuron| neuron.active),
            57 => self.each(|neuron| neuron.permit),
            59 => self.of_mechanism(|mechanism| &mechanism.last_update),
            60 => self.each(|neuron| Compact(neuron.emission)),
            61 => self.each(|neuron| Compact(neuron.dividends)),
            62 => self.of_mechanism(|mechanism| &mechanism.incentive),
            63 => self.each(|neuron| Compact(neuron.consensus)),
            66 => self.each(|neuron| Compact(neuron.registered_at)),
            // Pruning scores, trust and ranks are no longer kept.
            _ => Vec::<u8>::new().encode(),
        }
    }

    fn coldkey(&self, hotkey: &Key) -> Key {
        self.world.owner_of(hotkey).unwrap_or_default()
    }

    /// Alpha and TAO behind a hotkey, children and parents counted in.
    fn stakes(&self, hotkey: &Key) -> (u64, u64) {
        (self.subnet.inherited(hotkey), self.world.root_stake(hotkey))
    }

    fn total(&self, hotkey: &Key) -> u64 {
        let (alpha, tao) = self.stakes(hotkey);
        alpha + self.world.weighted_tao(tao)
    }

    fn stake_field(&self, field: u16) -> Vec<u8> {
        match field {
            67 => self.each(|neuron| Compact(self.stakes(&neuron.hotkey).0)),
            68 => self.each(|neuron| Compact(self.stakes(&neuron.hotkey).1)),
            69 => self.each(|neuron| Compact(self.total(&neuron.hotkey))),
            71 => {
                let earned = |neuron: &Neuron| self.subnet.dividends.get(&neuron.hotkey).copied();
                self.each(|neuron| (neuron.hotkey, Compact(earned(neuron).unwrap_or(0))))
            }
            72 => self.validators().encode(),
            73 => {
                let there = |hotkey: &Key| self.subnet.uids.contains_key(hotkey);
                let one = |(hotkey, commitment): (&Key, &Commitment)| {
                    let info = commitment.info.as_ref().filter(|_| there(hotkey))?;
                    let registration = [&(0u64, commitment.block).encode(), &info[..]].concat();
                    Some([hotkey.to_vec(), compact_text(&registration)].concat())
                };
                super::list(self.subnet.commitments.iter().filter_map(one).collect::<Vec<_>>().into_iter())
            }
            74..=76 => self.each(|_| Compact(0u64)),
            // Dividends in TAO are no longer paid.
            _ => Vec::<u8>::new().encode(),
        }
    }

    /// Uids that may set weights and have the stake for it, the least first.
    fn validators(&self) -> Vec<Compact<u16>> {
        let enough = self.world.globals.stake_threshold;
        let neurons = self.subnet.neurons.iter().enumerate().filter(|(_, neuron)| neuron.permit);
        let mut found: Vec<(u64, u16)> =
            neurons.map(|(uid, neuron)| (self.total(&neuron.hotkey), uid as u16)).collect();
        found.retain(|(stake, _)| *stake > enough);
        found.sort_unstable();
        found.into_iter().map(|(_, uid)| Compact(uid)).collect()
    }
}

/// What a subnet says of itself.
pub(super) fn identified(subnet: &Subnet) -> Option<[Vec<u8>; 8]> {
    (subnet.netuid != 0 && subnet.identified).then(|| subnet_identity(subnet.netuid))
}
