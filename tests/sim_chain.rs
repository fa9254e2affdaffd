//! The simulated network is a chain like any other: everything decodes, and it is the same each time.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use sentinel_core::chain::BlockRef;
use sentinel_core::conformance::{self, ChainFacts};
use sentinel_core::decode::{Outcome, storage_prefix};
use sentinel_core::source::{BlockSource, SimAction, SimBuilder, SimSource};
use sentinel_support::node::Node;
use sentinel_support::rpc::connect;

type Checked = Result<(), Box<dyn Error>>;

/// A small network with much going on.
fn busy() -> SimBuilder {
    SimSource::builder()
        .subnets(4)
        .uids(16)
        .tempo(40)
        .traffic(120)
        .head(400)
        .at(60, SimAction::SetTake { netuid: 1, uid: 0, take: 1_000 })
        .at(70, SimAction::SwapHotkey { netuid: 1, uid: 1, everywhere: true })
        .at(80, SimAction::SkipEpoch { netuid: 2 })
        .at(90, SimAction::Dissolve { netuid: 4 })
        .at(120, SimAction::RegisterNetwork)
        .at(130, SimAction::EmptyPool { netuid: 3, uid: 0 })
        .at(140, SimAction::SwapColdkey { netuid: 2, uid: 2 })
}

async fn at(sim: &SimSource, number: u64) -> Result<BlockRef, Box<dyn Error>> {
    Ok(sim.header(number.into()).await?.reference())
}

async fn whole_state(sim: &SimSource, number: u64) -> Result<Vec<(Bytes, Bytes)>, Box<dyn Error>> {
    Ok(sim.storage_prefix(at(sim, number).await?, Bytes::new()).try_collect().await?)
}

const ALERTING_CALLS: &[&str] = &[
    "Timestamp.set",
    "Balances.transfer_keep_alive",
    "Sudo.sudo",
    "Utility.batch",
    "Utility.force_batch",
    "Proxy.proxy",
    "Multisig.as_multi",
    "Commitments.set_commitment",
    "SubtensorModule.add_stake",
    "SubtensorModule.remove_stake",
    "SubtensorModule.move_stake",
    "SubtensorModule.set_weights",
    "SubtensorModule.commit_weights",
    "SubtensorModule.reveal_weights",
    "SubtensorModule.commit_timelocked_weights",
    "SubtensorModule.burned_register",
    "SubtensorModule.register_network",
    "SubtensorModule.serve_axon",
    "SubtensorModule.swap_coldkey_announced",
];

const ALERTING_EVENTS: &[&str] = &[
    "System.ExtrinsicFailed",
    "System.NewAccount",
    "Balances.Transfer",
    "Sudo.Sudid",
    "Multisig.MultisigExecuted",
    "Proxy.ProxyExecuted",
    "Utility.BatchInterrupted",
    "Commitments.Commitment",
    "SubtensorModule.StakeAdded",
    "SubtensorModule.StakeRemoved",
    "SubtensorModule.StakeMoved",
    "SubtensorModule.WeightsSet",
    "SubtensorModule.WeightsCommitted",
    "SubtensorModule.WeightsRevealed",
    "SubtensorModule.TimelockedWeightsRevealed",
    "SubtensorModule.NeuronRegistered",
    "SubtensorModule.NetworkAdded",
    "SubtensorModule.NetworkRemoved",
    "SubtensorModule.NetworkDissolveCleanupCompleted",
    "SubtensorModule.TakeDecreased",
    "SubtensorModule.HotkeySwapped",
    "SubtensorModule.ColdkeySwapAnnounced",
    "SubtensorModule.ColdkeySwapped",
    "SubtensorModule.EpochSkipped",
    "SubtensorModule.IncentiveAlphaEmittedToMiners",
    "SubtensorModule.AxonServed",
    "SubtensorModule.BasketDeposited",
];

#[tokio::test]
async fn every_extrinsic_and_event_decodes() -> Checked {
    let sim = busy().build()?;
    let (mut calls, mut events, mut failures) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for number in 1..=400 {
        let block = sim.block(number.into()).await?;
        let index = block.runtime.index(&block.extrinsics, &block.events)?;
        for (at, extrinsic) in index.extrinsics().iter().enumerate() {
            let extrinsic = extrinsic.as_ref().map_err(|error| format!("block {number}, extrinsic {at}: {error}"))?;
            extrinsic.call().to_value()?;
            calls.insert(format!("{}.{}", extrinsic.pallet(), extrinsic.name()));
            match index.outcome(at)?.ok_or("an extrinsic has an outcome")? {
                Outcome::Success => {}
                other => {
                    failures.insert(format!("{other:?}"));
                }
            }
        }
        for event in index.events() {
            event.event().to_value()?;
            events.insert(format!("{}.{}", event.pallet(), event.name()));
        }
    }
    // Whatever somebody may want to be told of is there.
    for call in ALERTING_CALLS {
        assert!(calls.contains(*call), "{call} is in none of the blocks: {calls:?}");
    }
    for event in ALERTING_EVENTS {
        assert!(events.contains(*event), "{event} is in none of the blocks: {events:?}");
    }
    assert!(failures.len() > 10, "{failures:?}");
    Ok(())
}

#[tokio::test]
async fn every_value_of_the_state_decodes() -> Checked {
    let sim = busy().build()?;
    for number in [0, 1, 60, 95, 250, 400] {
        let block = at(&sim, number).await?;
        let runtime = sim.runtime(&block).await?;
        let mut items = BTreeSet::new();
        let state = whole_state(&sim, number).await?;
        for (key, value) in &state {
            let mut found =
                runtime.pallets().iter().flat_map(|pallet| pallet.storage().iter().map(move |item| (pallet, item)));
            let (pallet, item) = found.find(|(_, item)| key.starts_with(&item.prefix())).ok_or("a known item")?;
            item.key_parts(&runtime, key)?;
            let name = format!("{}.{}", pallet.name(), item.name());
            item.value(&runtime, value).to_value().map_err(|error| format!("block {number}, {name}: {error}"))?;
            items.insert(name);
        }
        assert!(state.is_sorted_by(|left, right| left.0 < right.0));
        let keys: Vec<Bytes> = state.iter().map(|(key, _)| key.clone()).collect();
        let values = sim.storage(&block, &keys).await?;
        assert!(values.into_iter().zip(&state).all(|(value, (_, expected))| value.as_ref() == Some(expected)));
        assert!(items.len() > 120, "block {number}: {} items", items.len());
    }
    Ok(())
}

/// Whatever was read before, and in which order.
#[tokio::test]
async fn a_block_is_the_same_bytes_in_every_instance() -> Checked {
    let (one, other) = (busy().build()?, busy().build()?);
    for number in (0..=400).rev().step_by(29) {
        let (left, right) = (one.block(number.into()).await?, other.block(number.into()).await?);
        assert_eq!((&left.header, &left.extrinsics, &left.events), (&right.header, &right.extrinsics, &right.events));
    }
    for number in [400, 17, 123, 399, 0, 250] {
        assert_eq!(whole_state(&one, number).await?, whole_state(&busy().build()?, number).await?, "block {number}");
    }
    assert_eq!(one.history(400)?, other.history(400)?);
    assert_ne!(one.identity().await?, busy().seed(2).build()?.identity().await?);
    Ok(())
}

#[tokio::test]
async fn the_simulated_network_conforms() -> Checked {
    let sim = busy().head(60).build()?;
    let prefix = |pallet, item| Bytes::copy_from_slice(&storage_prefix(pallet, item));
    let facts = ChainFacts {
        first: 0,
        last: 60,
        upgrades: Vec::new(),
        prefixes: vec![
            (0, prefix("SubtensorModule", "Tempo").slice(..16)),
            (60, prefix("SubtensorModule", "AlphaV2")),
            (60, prefix("System", "Account")),
            (33, prefix("SubtensorModule", "Keys")),
        ],
        absent: vec![(60, prefix("SubtensorModule", "NoSuchItem")), (60, Bytes::from_static(b":code"))],
        calls: vec![(60, "Core_version".to_owned(), Vec::new())],
        missing_calls: vec![(60, "NoSuchApi_nothing".to_owned())],
    };
    conformance::block_source(&sim, &facts).await?;
    let node = Node::serve(Arc::new(sim)).await?;
    Ok(conformance::block_source(&connect(&node).await?, &facts).await?)
}

/// A head that is moved by hand is followed.
#[tokio::test]
async fn new_blocks_come_when_they_are_made() -> Checked {
    let sim = busy().head(10).build()?;
    let mut blocks = sim.finalized(9);
    for number in 9..=10 {
        assert_eq!(blocks.try_next().await?.ok_or("a block")?.reference().number, number);
    }
    let late = tokio::spawn({
        let sim = sim.clone();
        async move { sim.finalized(12).try_next().await.map(|block| block.map(|block| block.reference().number)) }
    });
    tokio::task::yield_now().await;
    assert!(sim.header(11.into()).await.is_err(), "it is not there yet");
    sim.advance(2);
    assert_eq!(late.await??, Some(12));
    assert_eq!(blocks.try_next().await?.ok_or("a block")?.reference().number, 11);
    Ok(())
}
