//! Addresses made once: a bounded memo from account to its SS58 text.

use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};

use pyo3::prelude::*;
use pyo3::types::PyString;
use sentinel_core::AccountId;

/// A power of two; with an address in every slot the memo holds less than three megabytes.
const SLOTS: usize = 1 << 14;

/// The accounts of blocks are few and come again and again, their checksum and base 58 cost a microsecond. Two slots can
/// hold an account, chosen by its bytes: accounts made to collide push each other out, and no more.
pub(crate) struct Accounts {
    slots: Vec<Option<Slot>>,
}

struct Slot {
    account: [u8; 32],
    address: Py<PyString>,
}

static MEMO: OnceLock<Mutex<Accounts>> = OnceLock::new();

impl Accounts {
    /// The memo of this process, unless somebody is at it: a finalizer can run in the middle of a decode and decode too.
    pub(crate) fn take() -> Option<MutexGuard<'static, Self>> {
        let memo = MEMO.get_or_init(|| Mutex::new(Self { slots: Vec::new() }));
        let mut guard = match memo.try_lock() {
            Ok(guard) => guard,
            // Whole at every step: a panic elsewhere took nothing from it.
            Err(TryLockError::Poisoned(guard)) => guard.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        if guard.slots.is_empty() {
            guard.slots.resize_with(SLOTS, || None);
        }
        Some(guard)
    }

    /// The address of an account.
    pub(crate) fn address<'py>(&mut self, py: Python<'py>, account: &[u8; 32]) -> Bound<'py, PyString> {
        let first = slot(account);
        for at in [first, first ^ 1] {
            if let Some(Some(known)) = self.slots.get(at)
                && known.account == *account
            {
                return known.address.bind(py).clone();
            }
        }
        let address = address(py, account);
        let at = if matches!(self.slots.get(first), Some(Some(_))) { first ^ 1 } else { first };
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some(Slot { account: *account, address: address.clone().unbind() });
        }
        address
    }
}

/// The address of an account, made anew.
pub(crate) fn address<'py>(py: Python<'py>, account: &[u8; 32]) -> Bound<'py, PyString> {
    PyString::new(py, &AccountId(*account).to_ss58())
}

/// Well-known accounts, of pallets for instance, differ in their later bytes only: all of them count.
fn slot(account: &[u8; 32]) -> usize {
    let (words, _) = account.as_chunks::<8>();
    let mixed = words.iter().fold(0u64, |mixed, word| {
        (mixed ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    });
    mixed as usize & (SLOTS - 1)
}
