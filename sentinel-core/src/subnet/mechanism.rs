//! Mechanisms of a subnet, and the numbers under which storage keeps them.

use crate::chain::NetUid;

/// Storage indexes of one mechanism: those of the next begin behind them.
const SUBNETS: u16 = 4096;

/// Mechanisms that fit into a storage index.
pub const MAX_MECHANISMS: u8 = 16;

/// The number under which storage keeps weights, bonds, incentives and updates of a mechanism: `mechanism × 4096 + netuid`.
///
/// `None` for a netuid or mechanism beyond what the chain can number. Before there were mechanisms, netuids could be larger:
/// mechanism 0 is always kept under the netuid itself.
///
/// ```
/// use sentinel_core::chain::NetUid;
/// use sentinel_core::subnet::{of_storage_index, storage_index};
///
/// assert_eq!(storage_index(NetUid(7), 1), Some(4103));
/// assert_eq!(of_storage_index(4103), (NetUid(7), 1));
/// assert_eq!(storage_index(NetUid(4096), 1), None);
/// ```
pub fn storage_index(netuid: NetUid, mechanism: u8) -> Option<u16> {
    match mechanism {
        0 => Some(netuid.0),
        _ if netuid.0 >= SUBNETS || mechanism >= MAX_MECHANISMS => None,
        _ => Some(u16::from(mechanism) * SUBNETS + netuid.0),
    }
}

/// Subnet and mechanism of a storage index; events of runtimes with mechanisms carry it where they say `netuid`.
pub fn of_storage_index(index: u16) -> (NetUid, u8) {
    (NetUid(index % SUBNETS), (index / SUBNETS) as u8)
}
