//! What decoding takes of memory: nothing for each value, and no more after a thousand blocks than after a few.

use allocation_counter::measure;
use sentinel_core::decode::{JsonOptions, JsonWriter};
use sentinel_support::corpus::{Block, Corpus};
use sentinel_support::runtimes::{SUBTENSOR_461_V15, subtensor_461};

/// The tables that an index is made of, and the names of three dispatch errors.
const ALLOCATIONS_A_BLOCK: u64 = 24;

#[test]
fn a_thousand_blocks_leave_nothing_behind() {
    let runtime = subtensor_461();
    let blocks = Corpus::of(SUBTENSOR_461_V15, 1, 200).blocks;
    let mut writer = JsonWriter::new(JsonOptions::default());
    let mut decode = |block: &Block| {
        writer.clear();
        let index = runtime.index(&block.extrinsics, &block.events).expect("it decodes");
        index.write_json(&mut writer).expect("it decodes");
        writer.as_bytes().iter().filter(|byte| **byte == b':').count()
    };
    let mut values = 0;
    let cold = measure(|| values = blocks.iter().map(&mut decode).sum::<usize>());
    let warm = measure(|| (0..4).for_each(|_| blocks.iter().for_each(|block| values += decode(block))));
    println!("{} blocks, {values} values: {cold:?}, then {warm:?}", blocks.len());
    let grown = cold.bytes_current + warm.bytes_current;
    assert!(grown < 2 << 20, "{grown} bytes more after 1,000 blocks");
    assert!(warm.bytes_current < 64 << 10, "{} bytes more once it is warm", warm.bytes_current);
    let each = warm.count_total / (4 * blocks.len() as u64);
    assert!(each <= ALLOCATIONS_A_BLOCK, "{each} allocations a block");
    assert!(values > 1_000 * blocks.len(), "and that is for {values} values");
}
