//! Promises about the streams of blocks.

use futures::StreamExt;

use super::{ChainFacts, Report};
use crate::source::{BestUpdate, BlockSource};

pub(super) async fn check(source: &dyn BlockSource, facts: &ChainFacts, report: &mut Report) {
    for from in [facts.first, facts.first.midpoint(facts.last), facts.last] {
        finalized(source, from, facts.last, report).await;
    }
    best(source, facts, report).await;
}

async fn finalized(source: &dyn BlockSource, from: u64, last: u64, report: &mut Report) {
    let mut stream = source.finalized(from);
    let mut parent = None;
    for number in from..=last {
        let Some(block) = stream.next().await else {
            let promise = "the finalized stream gives every block from its start on";
            return report.check(false, promise, || format!("from {from}: it ended before {number}"));
        };
        let Some(block) = report.ok(block, "the finalized stream gives blocks") else { return };
        let at = block.reference();
        report.check(at.number == number, "finalized blocks ascend without gaps", || {
            format!("from {from}: {} where {number} was next", at.number)
        });
        report.check(parent.is_none_or(|parent| parent == at.parent_hash), "finalized blocks are one chain", || {
            format!("from {from}: block {number} has another parent")
        });
        parent = Some(at.hash);
    }
}

async fn best(source: &dyn BlockSource, facts: &ChainFacts, report: &mut Report) {
    let mut stream = source.best(facts.first);
    // The chain may be re-organised above the finalized range while this runs, but not inside it.
    for number in facts.first..=facts.last {
        let applied = match stream.next().await {
            Some(Ok(BestUpdate::Applied(block))) => Some(block.header.header.number),
            _ => None,
        };
        report.check(applied == Some(number), "the best chain applies every finalized block once", || {
            format!("from {}: {applied:?} where {number} was next", facts.first)
        });
        if applied.is_none() {
            return;
        }
    }
}
