//! How extrinsics are put together and applied: the call, what it does, its fee, its events.

use parity_scale_codec::{Compact, Encode};

use super::Key;
use super::codec::Raw;
use super::history::Happened;
use super::plan::Plan;
use super::rng::Rng;
use super::tape::{Phase, Tape};
use super::world::World;
use super::world::subnet::Subnet;

/// Why an extrinsic fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// An error of the token, by number.
    Token(u8),
    /// An error of a pallet, by name.
    Module(&'static str, &'static str),
}

pub(super) type Outcome = Result<(), Failure>;

/// An error of the pallet `SubtensorModule`.
pub(super) const fn subtensor(name: &'static str) -> Failure {
    Failure::Module("SubtensorModule", name)
}

type Run<'p> = Box<dyn FnOnce(&mut Desk<'_, 'p>) -> Outcome + 'p>;

/// A call, and what it does. Whatever can fail fails before anything is changed.
pub(super) struct Deed<'p> {
    pub(super) call: Vec<u8>,
    pub(super) free: bool,
    pub(super) run: Run<'p>,
}

impl<'p> Deed<'p> {
    pub(super) fn new(call: Vec<u8>, run: impl FnOnce(&mut Desk<'_, 'p>) -> Outcome + 'p) -> Self {
        Self { call, free: false, run: Box::new(run) }
    }

    /// A call that costs nothing where it succeeds.
    pub(super) fn for_free(mut self) -> Self {
        self.free = true;
        self
    }
}

/// The desk at which one block is made.
pub(super) struct Desk<'d, 'p> {
    pub(super) plan: &'p Plan,
    pub(super) world: &'d mut World,
    pub(super) tape: &'d mut Tape<'p>,
    pub(super) rng: Rng,
}

impl<'p> Desk<'_, 'p> {
    pub(super) fn event(&mut self, pallet: &str, name: &str, fields: &impl Encode) {
        self.tape.event(pallet, name, fields);
    }

    pub(super) fn told(&mut self, what: Happened) {
        self.tape.history.push(what);
    }

    /// A call of the pallet `SubtensorModule`.
    pub(super) fn call(&self, name: &str, args: &impl Encode) -> Vec<u8> {
        self.tape.call("SubtensorModule", name, args)
    }

    pub(super) fn subnet(&self, netuid: u16) -> Result<&Subnet, Failure> {
        self.world.subnet(netuid).ok_or(subtensor("SubnetNotExists"))
    }

    pub(super) fn subnet_mut(&mut self, netuid: u16) -> Result<&mut Subnet, Failure> {
        self.world.subnet_mut(netuid).ok_or(subtensor("SubnetNotExists"))
    }

    /// Adds an extrinsic that nobody signed and that cannot fail.
    pub(super) fn inherent(&mut self, pallet: &str, name: &str, args: &impl Encode) {
        self.next_extrinsic();
        let call = self.tape.call(pallet, name, args);
        self.tape.bare(&call);
        // Mandatory, and free.
        let info = (Compact(1_000_000u64), Compact(1_493u64), 2u8, 1u8);
        self.event("System", "ExtrinsicSuccess", &info);
    }

    /// Adds an extrinsic of `signer` and applies it. True where it succeeded.
    pub(super) fn submit(&mut self, signer: Key, deed: Deed<'p>) -> bool {
        self.next_extrinsic();
        let Deed { call, free, run } = deed;
        let nonce = {
            let account = self.world.people_mut().accounts.entry(signer).or_default();
            account.nonce += 1;
            account.nonce - 1
        };
        let tip = if nonce % 16 == 3 { 1_000 } else { 0 };
        self.tape.signed(self.world.number, &signer, nonce, tip, &call);
        let fee = 120_000 + 1_000 * (self.world.number % 13);
        self.world.withdraw(signer, fee + tip);
        self.event("Balances", "Withdraw", &(signer, fee + tip));
        let outcome = run(self);
        let refunded = free && outcome.is_ok();
        if refunded {
            self.world.deposit(signer, fee);
            self.event("Balances", "Deposit", &(signer, fee));
        }
        let paid = if refunded { 0 } else { fee };
        self.event("TransactionPayment", "TransactionFeePaid", &(signer, paid, tip));
        let info = (Compact(310_000_000u64 + fee), Compact(8_556u64), 0u8, u8::from(refunded));
        match outcome {
            Ok(()) => self.event("System", "ExtrinsicSuccess", &info),
            Err(failure) => {
                let error = self.tape.codec.failure(failure);
                self.event("System", "ExtrinsicFailed", &(Raw(&error), info));
            }
        }
        outcome.is_ok()
    }

    /// Which extrinsic of the block is being applied.
    pub(super) fn extrinsic(&self) -> u32 {
        match self.tape.phase {
            Phase::Initialization => 0,
            Phase::Extrinsic(index) => index,
        }
    }

    fn next_extrinsic(&mut self) {
        self.tape.phase = match self.tape.phase {
            Phase::Initialization => Phase::Extrinsic(0),
            Phase::Extrinsic(index) => Phase::Extrinsic(index + 1),
        };
    }
}
