//! `block`: one block, its extrinsics, events and hyperparameters.

mod events;
mod extrinsics;
mod info;

use std::io::Write;

use sentinel_core::chain::BlockId;
use sentinel_core::decode::BlockIndex;
use sentinel_core::source::{BlockSource, BlockSourceExt, RawBlock};

use crate::args::{Block, Common, Flag};
use crate::commands::hyperparameters;
use crate::connect;
use crate::exit::{CliError, Exit};

pub(crate) async fn run(common: &Common, command: &Block, out: &mut dyn Write) -> Result<Exit, CliError> {
    let (name, takes_netuid) = match command {
        Block::Info => ("block info", false),
        Block::Events => ("block events", false),
        Block::Extrinsics { .. } => ("block extrinsics", true),
        Block::Hyperparameters => ("block hyperparameters", true),
    };
    common.refuse(&[Flag::Mechanism, Flag::Lite], name)?;
    if !takes_netuid {
        common.refuse(&[Flag::Netuid], name)?;
    }
    let source = connect::open(common).await?;
    match command {
        Block::Info => info::run(common, &*source, out).await,
        Block::Extrinsics { hashes, raw } => {
            extrinsics::run(common, &*source, extrinsics::Extras { hashes: *hashes, raw: *raw }, out).await
        }
        Block::Events => events::run(common, &*source, out).await,
        Block::Hyperparameters => hyperparameters::run(common, &*source, hyperparameters::Detail::Values, out).await,
    }
}

/// The block that the flags name, or the newest finalized one.
async fn fetch(common: &Common, source: &dyn BlockSource) -> Result<RawBlock, CliError> {
    let id = match common.block {
        Some(id) => id,
        None => BlockId::from(&source.pin(None).await?),
    };
    Ok(source.block(id).await?)
}

fn index(block: &RawBlock) -> Result<BlockIndex<'_, '_>, CliError> {
    let number = block.header.header.number;
    block.runtime.index(&block.extrinsics, &block.events).map_err(|source| CliError::Decode { block: number, source })
}

/// `{"block_number":…,"block_hash":…,"timestamp":…,"count":…,"<name>":[<items>]}`
fn listing(block: &RawBlock, name: &str, count: usize, items: &[u8]) -> Vec<u8> {
    let timestamp = block.timestamp_ms.map_or_else(|| "null".to_owned(), |ms| ms.to_string());
    let (number, hash) = (block.header.header.number, block.header.hash);
    let mut json = format!(
        "{{\"block_number\":{number},\"block_hash\":\"{hash}\",\"timestamp\":{timestamp},\"count\":{count},\"{name}\":"
    )
    .into_bytes();
    json.extend_from_slice(items);
    json.push(b'}');
    json
}
