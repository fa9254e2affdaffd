//! The columns of what happened in blocks.

use std::borrow::Cow;

use super::record::record;
use super::text::{ItemId, JsonText, Word};
use crate::artifact::raw::Digest;
use crate::chain::{AccountId, BlockHash, NetUid};

record! {
    /// One block.
    BlockRow of Blocks at block sorted by (block) {
        /// Its height.
        block: u64,
        /// Its time; null in the genesis.
        timestamp_ms: Option<u64>,
        /// Its hash.
        block_hash: BlockHash,
        /// The hash of the block before it.
        parent_hash: BlockHash,
        /// The version of the runtime that wrote it: the one in the state of the block before.
        spec_version: u32,
        /// How many extrinsics it has.
        extrinsics: u32,
        /// How many of them failed.
        failed_extrinsics: u32,
        /// How many events it has.
        events: u32,
    }
}

record! {
    /// One extrinsic.
    ///
    /// One that cannot be decoded has its bytes' hash, and `decode_error` says why there is no more.
    ExtrinsicRow of Extrinsics at block sorted by (block, index) {
        /// The block.
        block: u64,
        /// Its time.
        timestamp_ms: Option<u64>,
        /// `<block>-<index>`, the index of four digits or more.
        id: ItemId,
        /// Its place in the block.
        index: u32,
        /// blake2b-256 of its bytes.
        extrinsic_hash: Digest,
        /// The pallet called.
        call_module: Option<Word>,
        /// The function called.
        call_function: Option<Word>,
        /// Who signed; null for nobody, and for signers that are no account.
        address: Option<AccountId>,
        /// The signer's count of extrinsics before this one.
        nonce: Option<u64>,
        /// What was paid on top of the fee.
        tip: Option<u64>,
        /// How long it was valid: hex of one byte for ever, of two for an era.
        era: Option<String>,
        /// `success` or `failed`; null where the events do not say.
        status: Option<Cow<'static, str>>,
        /// Why it failed: `SubtensorModule.SubnetNotExists`, `BadOrigin`.
        error: Option<String>,
        /// The subnet it is about: its argument of that name, or the one that all calls inside it share.
        netuid: Option<NetUid>,
        /// The arguments: `[{name, type, value}]`.
        call_args: Option<JsonText>,
        /// The calls inside it: `[{path, call, effective_origin, succeeded}]`; null where it carries none.
        nested: Option<JsonText>,
        /// Why it, or how it ended, cannot be read.
        decode_error: Option<String>,
    }
}

record! {
    /// One event.
    EventRow of Events at block sorted by (block, index) {
        /// The block.
        block: u64,
        /// Its time.
        timestamp_ms: Option<u64>,
        /// `<block>-<index>`, the index of four digits or more.
        id: ItemId,
        /// Its place among the events of the block.
        index: u32,
        /// `Initialization`, `ApplyExtrinsic` or `Finalization`.
        phase: Cow<'static, str>,
        /// The extrinsic that it belongs to; null in the other phases.
        extrinsic_idx: Option<u32>,
        /// The pallet.
        module_id: Word,
        /// The event.
        event_id: Word,
        /// Its fields; null for none.
        attributes: Option<JsonText>,
        /// What it can be looked up by, each `0x` and 64 hex digits; null for nothing.
        topics: Option<JsonText>,
    }
}

record! {
    /// One finding of a detector.
    FindingRow of Findings at block sorted by (block, id) {
        /// The block.
        block: u64,
        /// Its time.
        timestamp_ms: Option<u64>,
        /// The same whenever the same thing is found again.
        id: String,
        /// The block's hash.
        block_hash: BlockHash,
        /// The detector that found it.
        detector: Cow<'static, str>,
        /// `info`, `warning` or `critical`.
        severity: Cow<'static, str>,
        /// The subnet it is about.
        netuid: Option<NetUid>,
        /// The hotkey it is about.
        hotkey: Option<AccountId>,
        /// The coldkey it is about.
        coldkey: Option<AccountId>,
        /// The hyperparameter it is about.
        parameter: Option<String>,
        /// The extrinsic that did it.
        extrinsic: Option<String>,
        /// One line for people: may hold chain text, not escaped.
        title: String,
        /// More for people, likewise.
        body: String,
        /// The facts for programs.
        payload: JsonText,
    }
}
