//! How facts of subnets are spelled in the cells of tables.

use sentinel_core::chain::{AccountId, Rao};
use sentinel_core::subnet::metagraph::share;

/// What is absent.
pub(super) const ABSENT: &str = "-";

/// A fact as text; a dash where there is none.
pub(super) fn or_dash(fact: Option<impl ToString>) -> String {
    fact.map_or_else(|| ABSENT.to_owned(), |fact| fact.to_string())
}

/// A fact as text, or nothing: what CSV has for absent.
pub(super) fn or_empty(fact: Option<impl ToString>) -> String {
    fact.map(|fact| fact.to_string()).unwrap_or_default()
}

/// An amount in whole units with four decimals, rounded down; the full amount is in the other formats.
pub(super) fn amount(rao: Option<u64>) -> String {
    or_dash(rao.map(|rao| {
        let rounded = Rao(rao - rao % 100_000);
        if rounded.0 == 0 && rao > 0 { "<0.0001".to_owned() } else { rounded.to_string() }
    }))
}

/// A share of 65,535 as a fraction with five decimals.
pub(super) fn fraction(raw: Option<u16>) -> String {
    or_dash(raw.map(|raw| format!("{:.5}", share(raw))))
}

/// A flag as people read it in a column.
pub(super) fn flag(flag: Option<bool>) -> String {
    or_dash(flag.map(|flag| if flag { "yes" } else { "no" }))
}

/// The ends of an address: enough to tell accounts apart in a table.
pub(super) fn short(account: Option<&AccountId>) -> String {
    or_dash(account.map(|account| {
        let text = account.to_ss58();
        match (text.get(..6), text.get(text.len().saturating_sub(6)..)) {
            (Some(start), Some(end)) => format!("{start}…{end}"),
            _ => text,
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_never_rounded_up_or_to_nothing() {
        assert_eq!(amount(Some(1_999_999_999)), "1.9999");
        assert_eq!(amount(Some(1)), "<0.0001");
        assert_eq!(amount(Some(0)), "0");
        assert_eq!(amount(Some(u64::MAX)), "18446744073.7095");
        assert_eq!(amount(None), "-");
    }
}
