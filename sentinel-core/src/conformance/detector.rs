//! What every [`Detector`] promises.

use std::collections::HashSet;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::{NotConforming, Report};
use crate::detect::{BlockContext, Detector, Finding};
use crate::source::{BlockSource, RawBlock};

/// Checks a detector against the promises of [`Detector`] over the finalized blocks of a source from height `from` on, at
/// most `blocks` of them. `make` gives a fresh detector each time.
///
/// # Errors
/// Lists every promise that was not kept, with what was seen.
pub async fn detector<D: Detector>(
    make: impl Fn() -> D,
    source: &dyn BlockSource,
    from: u64,
    blocks: usize,
) -> Result<(), NotConforming> {
    let mut report = Report::default();
    let read: Result<Vec<RawBlock>, _> = source.finalized(from).take(blocks).try_collect().await;
    let Some(blocks) = report.ok(read, "the blocks can be read") else { return report.finish() };
    report.check(!blocks.is_empty(), "there is something to look at", || format!("no block from {from} on"));

    let mut whole = make();
    let first = run(&mut whole, source, &blocks, &mut report).await;
    for finding in &first {
        let seen = || format!("{finding:?}");
        report.check(finding.detector == whole.name(), "a finding names its detector", seen);
        report.check(!finding.title.is_empty() && !finding.title.contains('\n'), "a title is one line", seen);
    }
    let ids: HashSet<_> = first.iter().map(|finding| finding.id).collect();
    report.check(ids.len() == first.len(), "every finding has an id of its own", || {
        format!("{} ids of {} findings", ids.len(), first.len())
    });

    let again = run(&mut make(), source, &blocks, &mut report).await;
    report.check(again == first, "the same blocks give the same findings", || differ(&first, &again));

    // A run that stops after every block and takes up its snapshot.
    let mut resumed = Vec::new();
    let mut snapshot: Option<Bytes> = None;
    for block in &blocks {
        let mut detector = make();
        if let Some(snapshot) = &snapshot {
            detector.restore(snapshot);
        }
        resumed.extend(run(&mut detector, source, std::slice::from_ref(block), &mut report).await);
        snapshot = detector.snapshot();
    }
    report.check(resumed == first, "a restored detector goes on where it stopped", || differ(&first, &resumed));

    // A run along the best chain, where every block is undone once.
    let (mut detector, mut undone) = (make(), Vec::new());
    for block in &blocks {
        let before = detector.snapshot();
        run(&mut detector, source, std::slice::from_ref(block), &mut report).await;
        detector.restore(before.as_deref().unwrap_or_default());
        undone.extend(run(&mut detector, source, std::slice::from_ref(block), &mut report).await);
    }
    report.check(undone == first, "a detector goes back to what it remembered, or to nothing", || {
        differ(&first, &undone)
    });

    let mut confused = make();
    confused.restore(b"no snapshot of anybody");
    let anew = run(&mut confused, source, &blocks, &mut report).await;
    report.check(anew == first, "a snapshot that is not understood is forgotten", || differ(&first, &anew));
    report.finish()
}

async fn run(
    detector: &mut dyn Detector,
    source: &dyn BlockSource,
    blocks: &[RawBlock],
    report: &mut Report,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for block in blocks {
        let Some(context) = report.ok(BlockContext::new(source, "conformance", block), "the block decodes") else {
            continue;
        };
        let found = report.ok(detector.inspect(&context).await, "a block can be looked at").unwrap_or_default();
        let here = found.iter().all(|finding| finding.block == context.at());
        report.check(here, "a finding belongs to the block that was shown", || format!("at {}", context.at()));
        findings.extend(found);
    }
    findings
}

fn differ(expected: &[Finding], found: &[Finding]) -> String {
    let first = expected.iter().zip(found).find(|(expected, found)| expected != found);
    format!("{} findings, expected {}; the first that differs: {first:?}", found.len(), expected.len())
}
