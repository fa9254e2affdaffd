//! What every [`Sink`] promises.

use super::{NotConforming, Report};
use crate::chain::{BlockHash, BlockRef, NetUid};
use crate::detect::{Finding, FindingId, Severity, Subject};
use crate::sink::Sink;

/// Checks a sink against the promises of [`Sink`]. It delivers three made-up findings, one of them twice.
///
/// # Errors
/// Lists every promise that was not kept, with what was seen.
///
/// ```
/// # async fn check() -> Result<(), sentinel_core::conformance::NotConforming> {
/// use sentinel_core::{conformance, sink::MemorySink};
///
/// conformance::sink(&MemorySink::new()).await?;
/// # Ok(())
/// # }
/// ```
pub async fn sink(sink: &dyn Sink) -> Result<(), NotConforming> {
    let mut report = Report::default();
    let name = sink.name().to_owned();
    report.check(!name.is_empty(), "a sink has a name", || "an empty one".to_owned());
    report
        .check(!name.contains("://") && !name.contains('@'), "a name is no address with credentials", || name.clone());
    report.ok(sink.check().await, "a sink that works passes its own check");
    // Text from the chain is hostile, and must not end a delivery.
    let findings = [finding(1, "plain"), finding(2, "\u{1b}[31m@everyone\n\"quoted\""), finding(3, "=1+1")];
    for (deliver, promise) in [
        (&findings[..], "every finding of a delivery arrives"),
        (&findings[..1], "a finding that was delivered before can be delivered again"),
        (&findings[..0], "delivering nothing is no failure"),
    ] {
        if let Some(receipt) = report.ok(sink.deliver(deliver).await, promise) {
            report.check(receipt.delivered == deliver.len(), promise, || format!("{receipt:?} for {}", deliver.len()));
        }
    }
    report.check(sink.name() == name, "the name stays the same", || sink.name().to_owned());
    report.finish()
}

fn finding(number: u64, title: &str) -> Finding {
    let block = BlockRef { number, hash: BlockHash([number as u8; 32]), parent_hash: BlockHash::default() };
    let subject = Subject { netuid: Some(NetUid(1)), ..Subject::default() };
    Finding {
        id: FindingId::new("conformance", &block, "conformance", &subject, title),
        detector: "conformance",
        severity: Severity::Info,
        subject,
        block,
        timestamp: Some(12_000 * number),
        extrinsic: None,
        title: title.to_owned(),
        body: format!("{title}, at length"),
        payload: serde_json::json!({ "title": title }),
        retracted: false,
    }
}
