//! Times of blocks: the chain's own where it can be had, and otherwise a guess that says what it is.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use sentinel_core::chain::{BlockTimes, TimeOrigin};
use sentinel_core::source::{BlockSource, BlockSourceExt, SimSource};
use sentinel_support::chains;

/// A chain that misses slots: what is known is exact, what is not lies between its neighbours and is marked.
#[tokio::test]
async fn the_chain_s_time_wins_over_a_guess() {
    let sim = SimSource::builder().subnets(1).uids(4).traffic(0).missed_slots(200).head(120).build().unwrap();
    let mut truth = Vec::new();
    for block in 1..=120 {
        truth.push((block, sim.block(block.into()).await.unwrap().timestamp_ms.unwrap()));
    }
    let every_tenth: Vec<u64> = (1..=120).filter(|block| block % 10 == 1).collect();
    let mut times = sim.block_times(&every_tenth).await.unwrap();
    let mut wrong = 0;
    for (block, timestamp_ms) in &truth[..111] {
        let time = times.at(*block).unwrap();
        let known = every_tenth.contains(block);
        assert_eq!(time.origin, if known { TimeOrigin::Chain } else { TimeOrigin::Interpolated });
        assert!(!known || time.timestamp_ms == *timestamp_ms, "block {block}");
        // No more than what ten slots can be apart.
        assert!(time.timestamp_ms.abs_diff(*timestamp_ms) < 120_000, "block {block}");
        wrong += usize::from(time.timestamp_ms != *timestamp_ms);
    }
    assert!(wrong > 20, "12 seconds a block would have been wrong too");
    assert!(truth[111..].iter().all(|(block, _)| times.at(*block).is_none()), "nothing is known after the last");
    // Repaired as the chain's own times are learnt.
    truth.iter().for_each(|(block, timestamp_ms)| times.learn(*block, *timestamp_ms));
    let all: BlockTimes = truth.iter().copied().collect();
    assert_eq!(times, all);
    assert!(truth.iter().all(|(block, time)| times.at(*block).is_some_and(|at| at.timestamp_ms == *time)));
}

/// A node that dropped old states has no time for them, and the genesis never had one; neither is 1970.
#[tokio::test]
async fn what_has_no_time_is_absent() {
    let (source, _) = chains::upgrading(3);
    source.prune(10);
    let times = source.block_times(&[0, 1, 9, 10, 20]).await.unwrap();
    for absent in [0, 1, 9] {
        assert_eq!(times.at(absent), None, "block {absent}");
    }
    let exact = times.at(10).unwrap();
    assert_eq!((exact.timestamp_ms, exact.origin), (chains::FIRST_BLOCK_MS + 120_000, TimeOrigin::Chain));
    assert_eq!(times.at(15).unwrap().origin, TimeOrigin::Interpolated);
    assert!(source.block_times(&[10, 999]).await.is_err(), "no such block is an error, not a gap");
    let backwards: BlockTimes = [(5, 100), (9, 50)].into_iter().collect();
    assert_eq!((backwards.at(7), backwards.at(9).map(|time| time.timestamp_ms)), (None, Some(50)));
    assert_eq!(serde_json::to_string(&exact.origin).unwrap(), "\"chain\"");
}
