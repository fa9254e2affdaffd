//! The vocabulary of the chain: accounts, amounts, blocks and networks, with no I/O.

mod account;
mod amount;
mod block;
pub mod epoch;
mod netuid;
mod network;
mod time;

pub(crate) use account::SS58_LEN;
pub use account::{AccountId, Ss58Error};
pub use amount::{RAO_PER_TAO, Rao};
pub(crate) use block::blake2_256_all;
pub use block::{BlockHash, BlockId, BlockRef, Finality, Header, ParseBlockIdError, blake2_256};
pub use netuid::{NetUid, ParseNetUidError};
pub use network::{Network, NetworkError};
pub use time::{BlockTime, BlockTimes, TimeOrigin};
