//! The columns of every dataset.

use super::cell::Digits;
use super::record::record;
use crate::chain::{AccountId, NetUid};

record! {
    /// One hyperparameter of one subnet in the state of one block.
    HyperparameterRow of Hyperparameters at block sorted by (netuid, block, name) {
        /// The block.
        block: u64,
        /// Its time.
        timestamp_ms: Option<u64>,
        /// The subnet.
        netuid: NetUid,
        /// Name, as the runtime API spells it.
        name: String,
        /// The raw value as the chain has it: decimal digits, `true` or `false`.
        raw: String,
        /// The value in its unit, as a number: a share of one, TAO, blocks; 1 and 0 for true and false.
        value: Option<f64>,
        /// What the raw value counts.
        unit: String,
    }
}

record! {
    /// One neuron in the state of one block.
    ///
    /// What one mechanism has of its own is a list with an item for each mechanism, by number; the plain column is that of
    /// mechanism 0.
    NeuronRow of Neurons at block sorted by (netuid, block, uid) {
        /// The block.
        block: u64,
        /// Its time.
        timestamp_ms: Option<u64>,
        /// The subnet.
        netuid: NetUid,
        /// Its number there.
        uid: u16,
        /// Its hotkey.
        hotkey: Option<AccountId>,
        /// The owner of the hotkey.
        coldkey: Option<AccountId>,
        /// Whether it has set weights lately.
        active: Option<bool>,
        /// Whether its weights count.
        validator_permit: Option<bool>,
        /// Whether it cannot be replaced yet.
        is_immune: Option<bool>,
        /// Block of its registration.
        registered_at: Option<u64>,
        /// Block of its last weights.
        last_update: Option<u64>,
        /// What counts in an epoch: alpha and weighted TAO.
        total_stake: Option<u64>,
        /// Alpha behind it, with parents' and without children's.
        alpha_stake: Option<u64>,
        /// TAO behind it, likewise.
        tao_stake: Option<u64>,
        /// What lies on the hotkey itself.
        own_stake: Option<u64>,
        /// What it earned in the last epoch, before takes.
        emission: Option<u64>,
        /// Alpha that the last epoch gave to its stakers.
        alpha_dividends: Option<u64>,
        /// TAO that the last epoch gave to its root stakers.
        tao_dividends: Option<u64>,
        /// Share of the miners' reward, of 65,535.
        incentive: Option<u16>,
        /// Share of the validators' reward, of 65,535.
        dividends: Option<u16>,
        /// What validators agree on, of 65,535.
        consensus: Option<u16>,
        /// How far it agrees with the others, of 65,535.
        validator_trust: Option<u16>,
        /// Trust, of 65,535.
        trust: Option<u16>,
        /// Rank, of 65,535.
        rank: Option<u16>,
        /// How soon it is replaced.
        pruning_score: Option<u16>,
        /// Where it can be reached: `1.2.3.4:8091`.
        axon: Option<String>,
        /// Version of its software, by its own numbering.
        axon_version: Option<u32>,
        /// Its address of the EVM, in hex.
        evm_address: Option<String>,
        /// The name in its owner's identity: chain text, not escaped.
        identity_name: Option<String>,
        /// Alpha locked as collateral.
        collateral_locked: Option<u64>,
        /// Least collateral.
        collateral_min: Option<u64>,
        /// Collateral earned.
        collateral_earned: Option<u64>,
        /// Incentive in each mechanism.
        incentive_by_mechanism: Option<Vec<u16>>,
        /// Consensus in each mechanism.
        consensus_by_mechanism: Option<Vec<u16>>,
        /// Block of the last weights in each mechanism.
        last_update_by_mechanism: Option<Vec<u64>>,
    }
}

record! {
    /// A weight, a bond, or both, from one neuron to another in the state of one block.
    WeightRow of Weights at block sorted by (netuid, block, mechanism, from_uid, to_uid) {
        /// The block.
        block: u64,
        /// Its time.
        timestamp_ms: Option<u64>,
        /// The subnet.
        netuid: NetUid,
        /// The mechanism.
        mechanism: u8,
        /// Who set it.
        from_uid: u16,
        /// For whom.
        to_uid: u16,
        /// The weight, the largest of a neuron 65,535: it means its share of their sum. Null where the chain has none.
        weight: Option<u16>,
        /// The bond. Null where the chain has none.
        bond: Option<u16>,
    }
}

record! {
    /// What one epoch gave to the stakers of one validator, and on what: all that a return over a window is made of.
    EpochRow of Epochs at block sorted by (netuid, block, hotkey) {
        /// The block in which the epoch ran.
        block: u64,
        /// Its time.
        timestamp_ms: u64,
        /// The subnet.
        netuid: NetUid,
        /// The block in which the subnet was registered: which of those that had its number it is.
        registered_at: Option<u64>,
        /// How many subnets have had its number.
        registration_counter: Option<u64>,
        /// Blocks of an epoch.
        tempo: Option<u16>,
        /// The validator.
        hotkey: AccountId,
        /// Its number on the subnet; null where it is not registered there.
        uid: Option<u16>,
        /// What its stakers were paid, without the operator's take; null where the chain has no row, and before dynamic TAO.
        dividend: Option<u64>,
        /// Its share of the dividends of all, of 65,535; before dynamic TAO, where that is what the chain keeps.
        dividend_share: Option<u16>,
        /// What it was given as a neuron, dividend and incentive together; before dynamic TAO.
        emission: Option<u64>,
        /// The stake just after the dividend and the operator's take were added to it.
        stake_after: Option<u64>,
        /// The stake in the state of the block.
        stake: Option<u64>,
        /// What the operator takes, of 65,535.
        take: Option<u16>,
        /// Epochs that ran since the row before and are not here.
        missing_before: u32,
        /// How often the pool of its shares was emptied.
        pool_epoch: Option<u64>,
        /// All shares in the stake: the digits. With a null exponent the bits of a number with 64 fractional bits.
        shares: Option<Digits>,
        /// All shares in the stake: the power of ten that the digits are times of.
        shares_exponent: Option<i64>,
        /// TAO for one alpha by the rule of the runtime; null before dynamic TAO.
        spot_price: Option<f64>,
    }
}

record! {
    /// The yield of a validator's stakers, or of all of a subnet, over a window.
    ApyRow of Apy at block_end sorted by (netuid, block_end, block_start, hotkey) {
        /// The first block of the window.
        block_start: u64,
        /// Its last block.
        block_end: u64,
        /// The time of the first block.
        timestamp_start_ms: u64,
        /// The time of the last block.
        timestamp_end_ms: u64,
        /// The subnet.
        netuid: NetUid,
        /// The validator; null for all of the subnet together.
        hotkey: Option<AccountId>,
        /// Its number on the subnet at the end; null where it is not registered then.
        uid: Option<u16>,
        /// What its operator takes, of 65,535.
        take: Option<u16>,
        /// Its stake at the end.
        stake: Option<u64>,
        /// The yearly yield, compounded.
        apy: Option<f64>,
        /// The yearly rate without compounding.
        apr: Option<f64>,
        /// What was gained in the window for each unit staked.
        growth: Option<f64>,
        /// The part of the window's time that is known.
        coverage: f64,
        /// Epochs with a known return.
        epochs: u64,
        /// Epochs that ran and were not read.
        missing_epochs: u64,
        /// Why there is no yield.
        reason: Option<String>,
        /// Less than a day is covered.
        short: bool,
        /// A number is too large to be one.
        overflow: bool,
        /// Whether share prices and epochs agree; null where they cannot be compared.
        check_agrees: Option<bool>,
        /// The yearly yield in TAO.
        tao_apy: Option<f64>,
        /// The yearly rate in TAO.
        tao_apr: Option<f64>,
        /// What was gained in TAO.
        tao_growth: Option<f64>,
        /// Why there is no yield in TAO.
        tao_reason: Option<String>,
    }
}

record! {
    /// One hyperparameter of one subnet that one block changed.
    HyperparameterChangeRow of HyperparameterChanges at block sorted by (netuid, block, name) {
        /// The block.
        block: u64,
        /// Its time.
        timestamp_ms: Option<u64>,
        /// The subnet.
        netuid: NetUid,
        /// Name, as the runtime API spells it.
        name: String,
        /// The raw value before, as in the dataset of hyperparameters; null where the runtime before did not have it.
        old_raw: Option<String>,
        /// The value before in its unit.
        old_value: Option<f64>,
        /// The raw value since; null where the runtime no longer has it.
        new_raw: Option<String>,
        /// The value since in its unit.
        new_value: Option<f64>,
        /// What the raw values count.
        unit: String,
        /// The extrinsic behind it: `1234-0007`. Null where no extrinsic of the block did it.
        extrinsic: Option<String>,
        /// The call that set it: `AdminUtils.sudo_set_tempo`. Null where the block does not say.
        call: Option<String>,
        /// Events that tell of it, with commas between them; null where none does.
        events: Option<String>,
        /// The spec version before, where another runtime wrote this block.
        old_runtime: Option<u32>,
        /// The spec version since, where another runtime wrote this block.
        new_runtime: Option<u32>,
    }
}
