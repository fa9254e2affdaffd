//! What neurons do for themselves: register, say where they are, commit.

use parity_scale_codec::{Compact, Encode};

use super::super::Key;
use super::super::desk::{Deed, Desk, Failure, subtensor};
use super::super::genesis;
use super::super::history::Happened;
use super::super::world::settings::Setting;
use super::super::world::subnet::{Commitment, Neuron, Prometheus, Row, Sealed, Subnet};
use crate::chain::{AccountId, NetUid};

impl<'p> Desk<'_, 'p> {
    /// A hotkey buys a uid; where none is free, the worst neuron loses its own.
    pub(in super::super) fn register(&self, coldkey: Key, hotkey: Key, netuid: u16, uid: Option<u16>) -> Deed<'p> {
        let call = match hotkey[0] % 3 {
            0 => self.call("register_limit", &(netuid, hotkey, 10_000_000_000u64)),
            _ => self.call("burned_register", &(netuid, hotkey)),
        };
        Deed::new(call, move |desk| {
            let subnet = desk.subnet(netuid)?;
            if subnet.uids.contains_key(&hotkey) {
                return Err(subtensor("HotKeyAlreadyRegisteredInSubNet"));
            }
            if !subnet.settings.is(Setting::NetworkRegistrationAllowed) {
                return Err(subtensor("SubNetRegistrationDisabled"));
            }
            let full = subnet.neurons.len() >= usize::from(subnet.settings.u16(Setting::MaxAllowedUids));
            let uid = match (uid, full) {
                (Some(uid), _) if usize::from(uid) < subnet.neurons.len() => Some(uid),
                (_, false) => None,
                (_, true) => Some(worst(subnet, desk.world.number).ok_or(subtensor("NoNeuronIdAvailable"))?),
            };
            let burn = subnet.burn;
            if desk.world.free(&coldkey) < burn {
                return Err(subtensor("InsufficientTaoBalance"));
            }
            desk.world.withdraw(coldkey, burn);
            desk.world.globals.issuance -= burn;
            desk.world.people_mut().owners.insert(hotkey, coldkey);
            desk.seat(netuid, hotkey, uid)
        })
    }

    fn seat(&mut self, netuid: u16, hotkey: Key, uid: Option<u16>) -> Result<(), Failure> {
        let block = self.world.number;
        let subnet = self.subnet_mut(netuid)?;
        let raised = (u128::from(subnet.burn) * (subnet.settings.get(Setting::BurnIncreaseMult) >> 32)) >> 32;
        subnet.burn = u64::try_from(raised).unwrap_or(u64::MAX).min(subnet.settings.u64(Setting::MaxBurn));
        let replaced = match uid {
            Some(uid) => Some(replace(subnet, uid, hotkey, block)),
            None => {
                genesis::put_neuron(subnet, hotkey, block);
                None
            }
        };
        let uid = subnet.uids.get(&hotkey).copied().unwrap_or_default();
        self.event("SubtensorModule", "NeuronRegistered", &(netuid, uid, hotkey));
        let (netuid, replaced) = (NetUid(netuid), replaced.map(AccountId));
        self.told(Happened::Registered { netuid, uid, hotkey: AccountId(hotkey), replaced });
        Ok(())
    }

    /// Says where a neuron is reached.
    pub(in super::super) fn serve_axon(&mut self, hotkey: Key, netuid: u16) -> Deed<'p> {
        let axon = genesis::axon(&mut self.rng, self.world.number);
        let args = (axon.version, axon.ip, axon.port, axon.ip_type, axon.protocol, 0u8, 0u8);
        let call = self.call("serve_axon", &(netuid, args));
        Deed::new(call, move |desk| {
            let (block, subnet) = (desk.world.number, desk.subnet_mut(netuid)?);
            let Some(_) = subnet.uids.get(&hotkey) else { return Err(subtensor("HotKeyNotRegisteredInSubNet")) };
            let last = subnet.axons.get(&hotkey).map_or(0, |axon| axon.block);
            if last > 0 && block - last < subnet.settings.u64(Setting::ServingRateLimit) {
                return Err(subtensor("ServingRateLimitExceeded"));
            }
            subnet.axons.insert(hotkey, axon);
            desk.event("SubtensorModule", "AxonServed", &(netuid, hotkey));
            Ok(())
        })
        .for_free()
    }

    /// Says where a neuron shows its metrics.
    pub(in super::super) fn serve_prometheus(&mut self, hotkey: Key, netuid: u16) -> Deed<'p> {
        let at = genesis::axon(&mut self.rng, self.world.number);
        let served = Prometheus { block: at.block, version: at.version, ip: at.ip, port: at.port, ip_type: at.ip_type };
        let call = self.call("serve_prometheus", &(netuid, served.version, served.ip, served.port, served.ip_type));
        Deed::new(call, move |desk| {
            let subnet = desk.subnet_mut(netuid)?;
            if !subnet.uids.contains_key(&hotkey) {
                return Err(subtensor("HotKeyNotRegisteredInSubNet"));
            }
            subnet.prometheus.insert(hotkey, served);
            desk.event("SubtensorModule", "PrometheusServed", &(netuid, hotkey));
            Ok(())
        })
        .for_free()
    }

    /// Commits data; the kind of it follows the nonce of the hotkey.
    pub(in super::super) fn commit(&mut self, hotkey: Key, netuid: u16) -> Deed<'p> {
        let kind = self.rng.below(6);
        // Sealed for some minutes.
        let round = self.world.drand_round() + self.rng.between(40, 400);
        let digest = self.rng.bytes();
        let fields = commitment(kind, round, digest, netuid);
        let sealed = (kind == 4).then(|| Sealed { round, text: address(netuid, digest).encode() });
        let info = [&[4], &fields[..]].concat();
        let call = self.tape.call("Commitments", "set_commitment", &(netuid, super::super::codec::Raw(&info)));
        Deed::new(call, move |desk| {
            let (block, subnet) = (desk.world.number as u32, desk.subnet_mut(netuid)?);
            if !subnet.uids.contains_key(&hotkey) {
                return Err(Failure::Module("Commitments", "AccountNotAllowedCommit"));
            }
            let epoch = subnet.schedule.index;
            let before = subnet.commitments.get(&hotkey).filter(|before| before.epoch == epoch);
            let used = before.map_or(0, |before| before.used) + 100;
            if used > 3_100 {
                return Err(Failure::Module("Commitments", "SpaceLimitExceeded"));
            }
            subnet.commitments.insert(hotkey, Commitment { block, info: Some(info), sealed, used, epoch });
            if kind == 4 {
                desk.event("Commitments", "TimelockCommitment", &(netuid, hotkey, round));
            } else {
                desk.event("Commitments", "Commitment", &(netuid, hotkey));
            }
            Ok(())
        })
        .for_free()
    }

    /// Ties an account of the EVM to a neuron.
    pub(in super::super) fn associate_evm(&mut self, hotkey: Key, netuid: u16) -> Deed<'p> {
        let (key, signature): ([u8; 20], [u8; 65]) = (self.rng.bytes(), self.rng.bytes());
        let call = self.call("associate_evm_key", &(netuid, key, self.world.number, signature));
        Deed::new(call, move |desk| {
            let (block, subnet) = (desk.world.number, desk.subnet_mut(netuid)?);
            let Some(uid) = subnet.uids.get(&hotkey).copied() else {
                return Err(subtensor("HotKeyNotRegisteredInSubNet"));
            };
            subnet.evm.insert(uid, (key, block));
            desk.event("SubtensorModule", "EvmKeyAssociated", &(netuid, hotkey, key, block));
            Ok(())
        })
        .for_free()
    }

    /// What a coldkey's miners earn goes to one hotkey.
    pub(in super::super) fn set_auto_stake(&self, coldkey: Key, netuid: u16, hotkey: Key) -> Deed<'p> {
        Deed::new(self.call("set_coldkey_auto_stake_hotkey", &(netuid, hotkey)), move |desk| {
            let subnet = desk.subnet_mut(netuid)?;
            if subnet.auto_stake.insert(coldkey, hotkey) == Some(hotkey) {
                return Err(subtensor("SameAutoStakeHotkeyAlreadySet"));
            }
            desk.event("SubtensorModule", "AutoStakeDestinationSet", &(coldkey, netuid, hotkey));
            Ok(())
        })
    }

    /// Says who stands behind a coldkey.
    pub(in super::super) fn set_identity(&self, coldkey: Key, number: u64) -> Deed<'p> {
        let call = self.call("set_identity", &identity(number));
        Deed::new(call, move |desk| {
            desk.world.people_mut().identities.insert(coldkey, number);
            desk.event("SubtensorModule", "ChainIdentitySet", &coldkey);
            Ok(())
        })
    }
}

/// The fields of an identity by its number; one in seven is not pleasant to print.
pub(in super::super) fn identity(number: u64) -> [Vec<u8>; 7] {
    let name = match number % 7 {
        3 => b"<b>bold</b> @everyone \x1b[31m\xff".to_vec(),
        _ => format!("Simulated Operator {number}").into_bytes(),
    };
    let text = |text: String| text.into_bytes();
    [
        name,
        text(format!("https://operator-{number}.example")),
        text(format!("github.example/operator-{number}")),
        Vec::new(),
        text(format!("operator#{number}")),
        text("made up by a simulation".to_owned()),
        Vec::new(),
    ]
}

/// What miners commit to: where they can be found.
fn address(netuid: u16, digest: [u8; 32]) -> String {
    format!("https://miner-{netuid}.example/{}", digest[0])
}

/// One field of a commitment.
fn commitment(kind: u64, round: u64, digest: [u8; 32], netuid: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    match kind {
        0 => {
            let text = address(netuid, digest);
            bytes.push(text.len() as u8 + 1);
            bytes.extend_from_slice(text.as_bytes());
        }
        1 => (131u8, digest).encode_to(&mut bytes),
        2 => (132u8, digest).encode_to(&mut bytes),
        3 => (136u8, vec![digest[1]; 300]).encode_to(&mut bytes),
        4 => (134u8, digest.to_vec(), round).encode_to(&mut bytes),
        _ => (135u8, Compact(0u8)).0.encode_to(&mut bytes),
    }
    bytes
}

/// The neuron that earns least and is neither new nor the owner's; validators stay.
fn worst(subnet: &Subnet, block: u64) -> Option<u16> {
    let immune = u64::from(subnet.settings.u16(Setting::ImmunityPeriod));
    let may_go = |neuron: &Neuron| {
        let new = neuron.registered_at > 0 && neuron.registered_at + immune > block;
        !new && !neuron.permit && neuron.hotkey != subnet.owner_hotkey
    };
    let candidates = subnet.neurons.iter().enumerate().filter(|(_, neuron)| may_go(neuron));
    candidates.min_by_key(|(uid, neuron)| (neuron.emission, *uid)).map(|(uid, _)| uid as u16)
}

/// Gives a uid to another hotkey; returns the one that had it.
fn replace(subnet: &mut Subnet, uid: u16, hotkey: Key, block: u64) -> Key {
    let at = usize::from(uid);
    let before = std::mem::replace(&mut subnet.neurons[at], Neuron::new(hotkey, block));
    subnet.uids.remove(&before.hotkey);
    subnet.uids.insert(hotkey, uid);
    subnet.axons.remove(&before.hotkey);
    subnet.prometheus.remove(&before.hotkey);
    subnet.evm.remove(&uid);
    for mechanism in subnet.mechanisms.iter_mut() {
        mechanism.incentive[at] = 0;
        mechanism.consensus[at] = 0;
        mechanism.last_update[at] = block;
        mechanism.weights[at] = Row::from([]);
        mechanism.bonds[at] = Row::from([]);
        // Nobody has bonds with a neuron that is new.
        for row in mechanism.bonds.iter_mut().filter(|row| row.iter().any(|(to, _)| *to == uid)) {
            *row = row.iter().copied().filter(|(to, _)| *to != uid).collect();
        }
    }
    before.hotkey
}
