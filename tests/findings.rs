//! What the detector of hyperparameter changes finds in the sample, against the state it was recorded from.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::TryStreamExt;
use sentinel_core::chain::{BlockId, NetUid};
use sentinel_core::conformance;
use sentinel_core::detect::{BlockContext, Cadence, DetectError, Detector, Finding, HyperparameterChange, Interest};
use sentinel_core::sink::{JsonLinesSink, MemorySink, Receipt, Sink, SinkError};
use sentinel_core::source::{ArchiveSource, BlockSource};
use sentinel_core::storage::ObjectStorage;
use sentinel_core::subnet::hyperparameters;

async fn sample() -> ArchiveSource {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    ArchiveSource::open(Arc::new(ObjectStorage::local(folder).unwrap()), None).await.unwrap()
}

async fn watch(source: &ArchiveSource, from: u64) -> Vec<Finding> {
    let sink = MemorySink::new();
    let mut detector = HyperparameterChange::new();
    assert_eq!(detector.interest().cadence(), Cadence::EveryBlock);
    let mut blocks = source.finalized(from);
    while let Some(block) = blocks.try_next().await.unwrap() {
        let context = BlockContext::new(source, "sample", &block).unwrap();
        let findings = detector.inspect(&context).await.unwrap();
        assert_eq!(sink.deliver(&findings).await.unwrap().delivered, findings.len());
    }
    sink.findings()
}

/// Starting from the first values and applying every finding gives the last values: none is missing, none is made up.
#[tokio::test]
async fn findings_lead_from_the_first_values_to_the_last() {
    let source = sample().await;
    let findings = watch(&source, 0).await;
    let mut values = BTreeMap::<(NetUid, String), serde_json::Value>::new();
    let mut at = 0;
    let mut checked = 0;
    for number in 0..=303 {
        let block = source.header(BlockId::Number(number)).await.unwrap().reference();
        let now: BTreeMap<_, _> = hyperparameters::stored(&source, &block)
            .await
            .unwrap()
            .into_iter()
            .flat_map(|subnet| {
                let netuid = subnet.netuid;
                subnet.hyperparameters.into_iter().map(move |parameter| {
                    ((netuid, parameter.name.clone()), serde_json::to_value(parameter.raw).unwrap())
                })
            })
            .collect();
        while at < findings.len() && findings[at].block.number == number {
            let finding = &findings[at];
            let key = (finding.subject.netuid.unwrap(), finding.subject.parameter.clone().unwrap());
            assert_eq!(values.get(&key), Some(&finding.payload["old"]), "{finding:?}");
            values.insert(key, finding.payload["new"].clone());
            at += 1;
        }
        for (key, value) in &now {
            if ["burn", "difficulty"].contains(&key.1.as_str()) {
                continue;
            }
            // A subnet or a parameter that was not there before is no change.
            assert_eq!(values.entry(key.clone()).or_insert_with(|| value.clone()), value, "{key:?} at {number}");
            checked += 1;
        }
        values.retain(|key, _| now.contains_key(key));
    }
    assert_eq!(at, findings.len());
    assert!(checked > 10_000, "{checked}");
    assert!(findings.len() > 50, "{}", findings.len());
}

/// A change made by sudo names its extrinsic, also from inside batches, multisigs and proxies.
#[tokio::test]
async fn a_change_names_the_extrinsic_that_made_it() {
    let findings = watch(&sample().await, 0).await;
    let of = |block: u64, name: &str| {
        let found = findings
            .iter()
            .find(|found| found.block.number == block && found.subject.parameter.as_deref() == Some(name));
        found.and_then(|found| found.extrinsic.as_deref())
    };
    assert_eq!(of(119, "immunity_period"), Some("119-0001"), "a batch inside sudo");
    assert_eq!(of(139, "kappa"), Some("139-0001"), "sudo inside a batch inside a multisig");
    assert_eq!(of(249, "rho"), Some("249-0001"), "a batch inside sudo inside a proxy");
    // Defaults that lie in the code change with the code, and no extrinsic did it.
    let silent = findings
        .iter()
        .find(|found| found.block.number == 177 && found.subject.parameter.as_deref() == Some("bonds_moving_avg"));
    assert!(silent.is_some_and(|found| found.extrinsic.is_none()), "{silent:?}");
}

#[tokio::test]
async fn ids_are_stable_and_each_its_own() {
    let source = sample().await;
    let (first, again) = (watch(&source, 0).await, watch(&source, 0).await);
    assert_eq!(first, again);
    let ids: std::collections::BTreeSet<_> = first.iter().map(|finding| finding.id).collect();
    assert_eq!(ids.len(), first.len());
    // A detector that starts later finds the same from there on: what it remembers is a saving, not knowledge.
    let later = watch(&source, 120).await;
    let expected: Vec<&Finding> = first.iter().filter(|finding| finding.block.number >= 120).collect();
    assert_eq!(later.iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn the_detector_and_the_sinks_conform() {
    conformance::detector(HyperparameterChange::new, &sample().await, 0, usize::MAX).await.unwrap();
    conformance::detector(HyperparameterChange::new, &sample().await, 118, 20).await.unwrap();
    conformance::sink(&MemorySink::new()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    conformance::sink(&JsonLinesSink::append(folder.path().join("findings.jsonl")).unwrap()).await.unwrap();
}

/// The suites find what is wrong: a detector that forgets, and a sink that loses.
#[tokio::test]
async fn what_does_not_conform_is_named() {
    #[derive(Debug)]
    struct Forgetful(HyperparameterChange, u64);
    #[async_trait::async_trait]
    impl Detector for Forgetful {
        fn name(&self) -> &'static str {
            "forgetful"
        }
        fn interest(&self) -> Interest {
            self.0.interest()
        }
        async fn inspect(&mut self, block: &BlockContext<'_>) -> Result<Vec<Finding>, DetectError> {
            self.1 += 1;
            // Silent at first, so that a restored one, which starts at first again, stays silent.
            let findings = self.0.inspect(block).await?;
            Ok(if self.1 > 3 { findings } else { Vec::new() })
        }
    }
    let make = || Forgetful(HyperparameterChange::new(), 0);
    let error = conformance::detector(make, &sample().await, 118, 20).await.unwrap_err().to_string();
    assert!(error.contains("names its detector") && error.contains("goes on where it stopped"), "{error}");

    #[derive(Debug)]
    struct Leaky;
    #[async_trait::async_trait]
    impl Sink for Leaky {
        fn name(&self) -> &str {
            "https://user@hook"
        }
        async fn deliver(&self, findings: &[Finding]) -> Result<Receipt, SinkError> {
            Ok(Receipt { delivered: findings.len().min(1) })
        }
        async fn check(&self) -> Result<(), SinkError> {
            Ok(())
        }
    }
    let error = conformance::sink(&Leaky).await.unwrap_err().to_string();
    assert!(error.contains("credentials") && error.contains("every finding of a delivery arrives"), "{error}");
}

/// A call that is only scheduled did not set anything in the block that schedules it.
#[tokio::test]
async fn a_scheduled_call_is_not_blamed_before_it_runs() {
    let findings = watch(&sample().await, 0).await;
    for finding in &findings {
        assert!(
            !["127-0001", "127-0002", "226-0001", "226-0002"].contains(&finding.extrinsic.as_deref().unwrap_or(""))
        );
    }
    let later = findings.iter().filter(|found| (127..140).contains(&found.block.number) && found.extrinsic.is_none());
    assert!(later.count() > 0, "what was scheduled at 127 runs later, by no extrinsic");
}

#[tokio::test]
async fn json_lines_are_one_object_each() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("findings.jsonl");
    let findings = watch(&sample().await, 250).await;
    let sink = JsonLinesSink::append(&file).unwrap();
    sink.check().await.unwrap();
    sink.deliver(&findings).await.unwrap();
    sink.deliver(&findings[..1]).await.unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), findings.len() + 1);
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in
            ["id", "detector", "severity", "subject", "block", "timestamp", "extrinsic", "title", "body", "payload"]
        {
            assert!(line.get(key).is_some(), "{key} is missing in {line}");
        }
    }
}
