//! Promises about state and runtime calls.

use bytes::Bytes;
use futures::StreamExt;

use super::{ChainFacts, Report};
use crate::chain::{BlockHash, BlockRef};
use crate::source::{BlockSource, KeyValue, SourceError};

pub(super) async fn check(source: &dyn BlockSource, facts: &ChainFacts, report: &mut Report) {
    for (number, prefix) in &facts.prefixes {
        if let Some(at) = pin(source, *number, report).await {
            prefixes(source, at, prefix, report).await;
        }
    }
    for (number, key) in &facts.absent {
        if let Some(at) = pin(source, *number, report).await {
            let value = report.ok(source.storage(&at, std::slice::from_ref(key)).await, "an absent key can be read");
            report.check(value.is_none_or(|value| value == [None]), "an absent key has no value", || {
                format!("block {number}, key 0x{}", const_hex::encode(key))
            });
        }
    }
    for (number, function, args) in &facts.calls {
        if let Some(at) = pin(source, *number, report).await {
            let first = report.ok(source.call(&at, function, args).await, "a known call answers");
            let again = report.ok(source.call(&at, function, args).await, "a known call answers again");
            report.check(first == again, "a call answers the same each time", || format!("block {number}: {function}"));
        }
    }
    for (number, function) in &facts.missing_calls {
        if let Some(at) = pin(source, *number, report).await {
            let answer = source.call(&at, function, &[]).await;
            report.check(
                matches!(&answer, Err(SourceError::Unsupported { .. })),
                "a function that the runtime lacks is Unsupported",
                || format!("block {number}, {function}: {answer:?}"),
            );
        }
    }
    nowhere(source, facts, report).await;
}

async fn pin(source: &dyn BlockSource, number: u64, report: &mut Report) -> Option<BlockRef> {
    report.ok(source.header(number.into()).await, "a block can be pinned").map(|header| header.reference())
}

async fn prefixes(source: &dyn BlockSource, at: BlockRef, prefix: &Bytes, report: &mut Report) {
    let place = || format!("block {}, prefix 0x{}", at.number, const_hex::encode(prefix));
    let mut pairs: Vec<KeyValue> = Vec::new();
    let mut stream = source.storage_prefix(at, prefix.clone());
    while let Some(pair) = stream.next().await {
        match report.ok(pair, "a known prefix can be read") {
            Some(pair) => pairs.push(pair),
            None => return,
        }
    }
    report.check(!pairs.is_empty(), "a known prefix has keys", place);
    report.check(pairs.iter().all(|(key, _)| key.starts_with(prefix)), "keys have the prefix", place);
    report.check(pairs.is_sorted_by(|left, right| left.0 < right.0), "keys ascend, each once", place);

    // Backwards and each twice: the order is that of the question, not of the source.
    let keys: Vec<Bytes> = pairs.iter().rev().flat_map(|(key, _)| [key.clone(), key.clone()]).collect();
    let expected: Vec<_> =
        pairs.iter().rev().flat_map(|(_, value)| [Some(value.clone()), Some(value.clone())]).collect();
    let values = report.ok(source.storage(&at, &keys).await, "listed keys can be read");
    report.check(values.is_none_or(|values| values == expected), "values come in the order of the keys", place);
    let none = report.ok(source.storage(&at, &[]).await, "no keys can be read");
    report.check(none.is_none_or(|none| none.is_empty()), "no keys have no values", place);

    // A longer prefix gives exactly its part. Not a whole key: some development nodes then repeat it without end.
    if let Some((middle, _)) = pairs.get(pairs.len() / 2) {
        let longer = middle.slice(..middle.len().saturating_sub(1).max(prefix.len()));
        let part: Result<Vec<KeyValue>, SourceError> =
            source.storage_prefix(at, longer.clone()).collect::<Vec<_>>().await.into_iter().collect();
        let part = report.ok(part, "a part of a known prefix can be read");
        let expected: Vec<_> = pairs.iter().filter(|(key, _)| key.starts_with(&longer)).cloned().collect();
        report.check(part.is_none_or(|part| part == expected), "a part of a prefix is that part", place);
    }
}

/// A state that does not exist must not look like an empty one.
async fn nowhere(source: &dyn BlockSource, facts: &ChainFacts, report: &mut Report) {
    let hash = BlockHash([0xab; 32]);
    let at = BlockRef { number: facts.last, hash, parent_hash: hash };
    let key = Bytes::from_static(b"key");
    let answers = [
        ("storage", source.storage(&at, std::slice::from_ref(&key)).await.map(drop)),
        ("storage_prefix", source.storage_prefix(at, key).next().await.map_or(Ok(()), |pair| pair.map(drop))),
        ("call", source.call(&at, "Core_version", &[]).await.map(drop)),
        ("runtime", source.runtime(&at).await.map(drop)),
    ];
    for (read, answer) in answers {
        let typed = matches!(&answer, Err(SourceError::UnknownBlock { .. } | SourceError::NotRecorded { .. }));
        report.check(typed, "the state of no block is UnknownBlock (or NotRecorded), never empty", || {
            format!("{read}: {answer:?}")
        });
    }
}
