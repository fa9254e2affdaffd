//! Promises about headers, blocks and the runtimes that wrote them.

use parity_scale_codec::{Compact, Decode};

use super::{ChainFacts, Report};
use crate::chain::{BlockHash, BlockId, Finality};
use crate::source::{BlockSource, RawBlock, SourceError};

pub(super) async fn check(source: &dyn BlockSource, facts: &ChainFacts, report: &mut Report) {
    heads(source, facts, report).await;
    let mut parent: Option<RawBlock> = None;
    for number in facts.first..=facts.last {
        let Some(block) = report.ok(source.block(number.into()).await, "a block in the range can be read") else {
            parent = None;
            continue;
        };
        one(source, number, &block, report).await;
        runtimes(source, facts, &block, report).await;
        if let Some(parent) = &parent {
            linked(parent, &block, report);
        }
        parent = Some(block);
    }
    together(source, facts, report).await;
    nowhere(source, facts, report).await;
}

/// Blocks that are read together.
const TOGETHER: u64 = 20;

async fn together(source: &dyn BlockSource, facts: &ChainFacts, report: &mut Report) {
    let heights = facts.first..=facts.last.min(facts.first + TOGETHER);
    let blocks = source.blocks(heights.clone()).await;
    let (found, asked) = (blocks.len(), heights.clone().count());
    report
        .check(found == asked, "blocks read together are as many as were asked for", || format!("{found} for {asked}"));
    for (number, together) in heights.zip(blocks) {
        let together = report.ok(together, "a block can be read together with others");
        let alone = report.ok(source.block(number.into()).await, "a block in the range can be read");
        if let (Some(together), Some(alone)) = (together, alone) {
            report.check(same(&together, &alone), "a block is the same alone and together with others", || {
                format!("block {number}")
            });
        }
    }
}

fn same(one: &RawBlock, other: &RawBlock) -> bool {
    one.header == other.header
        && one.extrinsics == other.extrinsics
        && one.events == other.events
        && one.timestamp_ms == other.timestamp_ms
        && one.runtime.digest() == other.runtime.digest()
}

async fn heads(source: &dyn BlockSource, facts: &ChainFacts, report: &mut Report) {
    let identity = report.ok(source.identity().await, "a source knows its chain");
    let again = report.ok(source.identity().await, "a source knows its chain");
    report.check(identity == again, "the chain stays the same", || format!("{identity:?}, then {again:?}"));
    if facts.first == 0 {
        let genesis = report.ok(source.header(BlockId::Number(0)).await, "the genesis has a header");
        if let (Some(identity), Some(genesis)) = (identity, genesis) {
            report.check(identity.genesis_hash == genesis.hash, "the chain is named by the hash of block 0", || {
                format!("{} and {}", identity.genesis_hash, genesis.hash)
            });
        }
    }
    let finalized = report.ok(source.head(Finality::Finalized).await, "a source has a finalized head");
    let best = report.ok(source.head(Finality::Best).await, "a source has a best head");
    if let (Some(finalized), Some(best)) = (finalized, best) {
        report.check(
            facts.last <= finalized.number && finalized.number <= best.number,
            "the range is finalized, and the best head is not older",
            || format!("last {}, finalized {finalized}, best {best}", facts.last),
        );
        let header = report.ok(source.header(BlockId::Hash(finalized.hash)).await, "the head has a header");
        let header = header.map(|header| header.reference());
        report.check(header.is_none_or(|header| header == finalized), "the head is the block of its hash", || {
            format!("head {finalized:?}, header {header:?}")
        });
    }
}

async fn one(source: &dyn BlockSource, number: u64, block: &RawBlock, report: &mut Report) {
    let header = &block.header;
    report.check(header.header.number == number, "a block has the number that was asked for", || {
        format!("asked for {number}, got {}", header.header.number)
    });
    // Development nodes give the genesis a hash of their own.
    report.check(number == 0 || header.header.hash() == header.hash, "a header hashes to its hash", || {
        format!("block {number}: {} hashes to {}", header.hash, header.header.hash())
    });
    for id in [BlockId::Number(number), BlockId::Hash(header.hash)] {
        let alone = report.ok(source.header(id).await, "a header can be read alone");
        report.check(alone.is_none_or(|alone| alone == *header), "a header alone is that of the block", || {
            format!("block {id}")
        });
    }
    if let Some(again) = report.ok(source.block(BlockId::Hash(header.hash)).await, "a block can be read by hash") {
        report.check(same(&again, block), "a block is the same by number and by hash", || format!("block {number}"));
    }
    report.check(!block.events.is_empty(), "events are a list", || format!("block {number}: no bytes at all"));
    report.check(number == 0 || block.timestamp_ms.is_some_and(|ms| ms > 0), "a block has a time", || {
        format!("block {number}: {:?}", block.timestamp_ms)
    });
    for (index, extrinsic) in block.extrinsics.iter().enumerate() {
        let mut rest = &extrinsic[..];
        let length = Compact::<u32>::decode(&mut rest).map(|length| length.0 as usize);
        report.check(length == Ok(rest.len()), "an extrinsic begins with its length", || {
            format!("block {number}, extrinsic {index}: {length:?} announced, {} there", rest.len())
        });
    }
}

/// Extrinsics and events belong to the runtime in the state of the parent.
async fn runtimes(source: &dyn BlockSource, facts: &ChainFacts, block: &RawBlock, report: &mut Report) {
    let at = block.reference();
    let Some(after) = report.ok(source.runtime(&at).await, "the runtime after a block can be read") else { return };
    let upgraded = after.digest() != block.runtime.digest();
    report.check(
        at.number == 0 || upgraded == facts.upgrades.contains(&at.number),
        "a block is written by its parent's runtime, also where it enacts another",
        || {
            let (writer, after) = (block.runtime.version().spec_version, after.version().spec_version);
            format!("block {}: written by {writer}, after it {after}", at.number)
        },
    );
    if at.number > facts.first {
        let Some(parent) = report.ok(source.header(BlockId::Hash(at.parent_hash)).await, "a parent can be read") else {
            return;
        };
        if let Some(before) =
            report.ok(source.runtime(&parent.reference()).await, "the runtime before a block is known")
        {
            report.check(
                before.digest() == block.runtime.digest(),
                "a block is written by the runtime that its parent left",
                || format!("block {}", at.number),
            );
        }
    }
}

fn linked(parent: &RawBlock, block: &RawBlock, report: &mut Report) {
    let number = block.header.header.number;
    report.check(block.header.header.parent_hash == parent.header.hash, "a block names the one before it", || {
        format!("block {number}: parent {}, before it {}", block.header.header.parent_hash, parent.header.hash)
    });
    report.check(block.timestamp_ms >= parent.timestamp_ms, "time does not run back", || {
        format!("block {number}: {:?} after {:?}", block.timestamp_ms, parent.timestamp_ms)
    });
}

async fn nowhere(source: &dyn BlockSource, facts: &ChainFacts, report: &mut Report) {
    let head = source.head(Finality::Best).await.map_or(facts.last, |head| head.number);
    for id in [BlockId::Number(head + 100_000), BlockId::Number(u64::MAX), BlockId::Hash(BlockHash([0xab; 32]))] {
        let (header, block) = (source.header(id).await.map(drop), source.block(id).await.map(drop));
        for answer in [header, block] {
            let typed = match &answer {
                Err(SourceError::UnknownBlock { block, head }) => {
                    *block == id && head.is_none_or(|head| head >= facts.last)
                }
                Err(SourceError::NotRecorded { block, .. }) => *block == id,
                _ => false,
            };
            report.check(typed, "a block that does not exist is UnknownBlock (or NotRecorded), naming it", || {
                format!("block {id}: {answer:?}")
            });
        }
    }
}
