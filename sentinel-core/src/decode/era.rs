//! What the two bytes of a mortal era mean.

/// Period and phase of an era, in blocks; `None` for one that lasts for ever, or for bytes that are no era.
///
/// ```
/// use sentinel_core::decode::mortal_era;
///
/// assert_eq!(mortal_era(&[0xe5, 0x00]), Some((64, 14)));
/// assert_eq!(mortal_era(&[0x00]), None);
/// ```
pub fn mortal_era(era: &[u8]) -> Option<(u64, u64)> {
    Some(super::json::mortal_era(era.try_into().ok()?))
}
