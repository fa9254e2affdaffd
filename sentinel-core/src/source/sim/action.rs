//! What a script makes happen at a block.

/// Something that happens at a block because a script says so.
///
/// Neurons are named by netuid and uid, as they are when the block runs. What does not fit (a uid that nobody has, a
/// netuid that is free) does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The take of a neuron's hotkey becomes this, in parts of 65,535.
    SetTake {
        /// Subnet.
        netuid: u16,
        /// Neuron.
        uid: u16,
        /// Take.
        take: u16,
    },
    /// A neuron gets a new hotkey, which takes all its stake along.
    SwapHotkey {
        /// Subnet.
        netuid: u16,
        /// Neuron.
        uid: u16,
        /// On every subnet, or on this one only.
        everywhere: bool,
    },
    /// A new neuron takes this uid from the one that has it.
    Replace {
        /// Subnet.
        netuid: u16,
        /// Neuron.
        uid: u16,
    },
    /// The tempo changes, and with it the cycle begins anew.
    SetTempo {
        /// Subnet.
        netuid: u16,
        /// Blocks.
        tempo: u16,
    },
    /// The owner asks for an epoch.
    TriggerEpoch {
        /// Subnet.
        netuid: u16,
    },
    /// The next epoch finds two uids with one hotkey and is skipped.
    SkipEpoch {
        /// Subnet.
        netuid: u16,
    },
    /// This many epochs may run in a block.
    SetMaxEpochsPerBlock {
        /// Epochs.
        cap: u8,
    },
    /// A subnet ends; its netuid becomes free.
    Dissolve {
        /// Subnet.
        netuid: u16,
    },
    /// A subnet is registered under the lowest free netuid, with neurons and stake, and started.
    RegisterNetwork,
    /// A hyperparameter changes.
    SetHyperparameter {
        /// Subnet.
        netuid: u16,
        /// Its storage item (`Kappa`) or the name of its call without `sudo_set_` (`kappa`).
        name: &'static str,
        /// Raw value.
        raw: u128,
    },
    /// A nominator stakes TAO behind a neuron.
    AddStake {
        /// Subnet.
        netuid: u16,
        /// Neuron.
        uid: u16,
        /// Rao.
        tao: u64,
    },
    /// Everybody behind a neuron takes all stake away.
    EmptyPool {
        /// Subnet.
        netuid: u16,
        /// Neuron.
        uid: u16,
    },
    /// A neuron lets another work with a part of its stake.
    SetChild {
        /// Subnet.
        netuid: u16,
        /// The parent.
        uid: u16,
        /// The child.
        child: u16,
        /// In parts of 2^64 − 1; 0 ends it.
        proportion: u64,
    },
    /// The owner's coldkey of a neuron is replaced by another, as announced.
    SwapColdkey {
        /// Subnet.
        netuid: u16,
        /// Neuron.
        uid: u16,
    },
}
