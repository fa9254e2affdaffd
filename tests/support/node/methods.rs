//! The legacy methods, answered from a source in the words of a real node.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use jsonrpsee::types::ErrorObjectOwned;
use parity_scale_codec::Encode;
use sentinel_core::chain::{AccountId, BlockHash, BlockId, BlockRef, Finality, Header};
use sentinel_core::decode::Runtime;
use sentinel_core::source::{BlockSource, SourceError};
use serde_json::{Value, json};

use super::pruned::Dropped;

/// All methods that answer once.
pub(super) const METHODS: &[&str] = &[
    "chain_getBlock",
    "chain_getBlockHash",
    "chain_getFinalizedHead",
    "chain_getHead",
    "chain_getHeader",
    "rpc_methods",
    "state_call",
    "state_getKeysPaged",
    "state_getMetadata",
    "state_getRuntimeVersion",
    "state_getStorage",
    "state_getStorageAt",
    "state_queryStorageAt",
    "system_accountNextIndex",
    "system_chain",
    "system_chainType",
    "system_health",
    "system_name",
    "system_properties",
    "system_version",
];

type Outcome<T = Value> = Result<T, ErrorObjectOwned>;

/// A source and what else the node knows of its runtimes.
#[derive(Debug)]
pub(super) struct Chain {
    source: Arc<dyn BlockSource>,
    pub(super) dropped: Dropped,
    /// By spec version and metadata version.
    more_metadata: BTreeMap<(u32, u8), Vec<u8>>,
}

impl Chain {
    pub(super) fn new(source: Arc<dyn BlockSource>, more_metadata: Vec<Vec<u8>>) -> Self {
        let more_metadata = more_metadata
            .into_iter()
            .map(|metadata| {
                let spec = Runtime::from_metadata(&metadata).map_or(0, |runtime| runtime.version().spec_version);
                ((spec, metadata[4]), metadata)
            })
            .collect();
        Self { source, dropped: Dropped::default(), more_metadata }
    }

    pub(super) fn source(&self) -> &dyn BlockSource {
        &*self.source
    }

    pub(super) async fn answer(&self, method: &str, params: &[Value]) -> Outcome {
        let param = |index: usize| params.get(index).unwrap_or(&Value::Null);
        match method {
            "system_chain" => Ok(json!(self.source.identity().await.map_err(internal)?.chain)),
            "system_name" => Ok(json!("sentinel test node")),
            "system_version" => Ok(json!(env!("CARGO_PKG_VERSION"))),
            "system_chainType" => Ok(json!("Development")),
            "system_properties" => {
                Ok(json!({"isEthereum": false, "ss58Format": 42, "tokenDecimals": 9, "tokenSymbol": "TAO"}))
            }
            "system_health" => Ok(json!({"peers": 0, "isSyncing": false, "shouldHavePeers": false})),
            "system_accountNextIndex" => self.next_index(param(0)).await,
            "rpc_methods" => Ok(json!({"methods": METHODS})),
            "chain_getHead" => Ok(json!(self.head(Finality::Best).await?.hash)),
            "chain_getFinalizedHead" => Ok(json!(self.head(Finality::Finalized).await?.hash)),
            "chain_getBlockHash" => self.block_hash(param(0)).await,
            "chain_getHeader" => self.header(param(0)).await,
            "chain_getBlock" => self.block(param(0)).await,
            "state_getStorage" | "state_getStorageAt" => {
                let at = self.state(param(1)).await?;
                let values = self.source.storage(&at, &[bytes(param(0))?]).await;
                Ok(values.map_err(|error| state_error(error, &at))?.pop().flatten().map_or(Value::Null, hex))
            }
            "state_queryStorageAt" => self.query(param(0), param(1)).await,
            "state_getKeysPaged" => self.keys(params).await,
            "state_call" => self.call(params).await,
            "state_getMetadata" => {
                let runtime = self.runtime(param(0)).await?;
                let legacy = self.metadata(&runtime, 14).unwrap_or_else(|| runtime.metadata());
                Ok(hex(legacy))
            }
            "state_getRuntimeVersion" => {
                let runtime = self.runtime(param(0)).await?;
                let mut version = serde_json::Map::new();
                let known = runtime.version();
                version.insert("specName".to_owned(), json!(known.spec_name));
                version.insert("implName".to_owned(), json!(known.impl_name));
                version.insert("specVersion".to_owned(), json!(known.spec_version));
                version.insert("implVersion".to_owned(), json!(known.impl_version));
                version.insert("transactionVersion".to_owned(), json!(known.transaction_version));
                version.insert("apis".to_owned(), json!([]));
                version.insert("authoringVersion".to_owned(), json!(known.authoring_version));
                version.insert("stateVersion".to_owned(), json!(known.state_version));
                Ok(Value::Object(version))
            }
            _ => Err(ErrorObjectOwned::owned(-32601, "Method not found", None::<()>)),
        }
    }

    async fn head(&self, finality: Finality) -> Outcome<BlockRef> {
        self.source.head(finality).await.map_err(internal)
    }

    /// How many extrinsics an account has sent: its nonce.
    async fn next_index(&self, address: &Value) -> Outcome {
        let account: Option<AccountId> = address.as_str().and_then(|address| address.parse().ok());
        let account = account.ok_or_else(|| invalid("an address"))?;
        let at = self.head(Finality::Best).await?;
        let answer = self.source.call(&at, "AccountNonceApi_account_nonce", &account.0).await;
        let nonce = answer.map_err(|error| state_error(error, &at))?;
        Ok(json!(u32::from_le_bytes(nonce[..].try_into().map_err(|_| invalid("a nonce of 4 bytes"))?)))
    }

    async fn block_hash(&self, number: &Value) -> Outcome {
        let number = match number {
            Value::Null => return Ok(json!(self.head(Finality::Best).await?.hash)),
            Value::Array(numbers) => {
                let mut hashes = Vec::with_capacity(numbers.len());
                for number in numbers {
                    hashes.push(Box::pin(self.block_hash(number)).await?);
                }
                return Ok(Value::Array(hashes));
            }
            number => height(number).ok_or_else(|| invalid("a block number"))?,
        };
        match self.source.header(BlockId::Number(number)).await {
            Ok(header) => Ok(json!(header.hash)),
            Err(error) => null(error),
        }
    }

    async fn header(&self, hash: &Value) -> Outcome {
        let hash = match hash {
            Value::Null => self.head(Finality::Best).await?.hash,
            hash => block_hash(hash)?,
        };
        match self.source.header(BlockId::Hash(hash)).await {
            Ok(header) => Ok(header_json(&header.header)),
            Err(error) => null(error),
        }
    }

    async fn block(&self, hash: &Value) -> Outcome {
        let hash = match hash {
            Value::Null => self.head(Finality::Best).await?.hash,
            hash => block_hash(hash)?,
        };
        match self.source.block(BlockId::Hash(hash)).await {
            Ok(block) => {
                let extrinsics: Vec<_> = block.extrinsics.into_iter().map(hex).collect();
                let header = header_json(&block.header.header);
                Ok(json!({"block": {"header": header, "extrinsics": extrinsics}, "justifications": null}))
            }
            Err(error) => null(error),
        }
    }

    /// The block whose state is asked for.
    async fn state(&self, hash: &Value) -> Outcome<BlockRef> {
        if hash.is_null() {
            return self.head(Finality::Best).await;
        }
        let hash = block_hash(hash)?;
        match self.source.header(BlockId::Hash(hash)).await {
            Ok(header) => self.dropped.check(header.reference()),
            Err(error) => Err(state_error(error, &BlockRef { number: 0, hash, parent_hash: hash })),
        }
    }

    async fn runtime(&self, hash: &Value) -> Outcome<Arc<Runtime>> {
        let at = self.state(hash).await?;
        self.source.runtime(&at).await.map_err(|error| state_error(error, &at))
    }

    async fn query(&self, keys: &Value, hash: &Value) -> Outcome {
        let at = self.state(hash).await?;
        let mut seen = HashSet::new();
        let keys: Vec<Bytes> =
            keys.as_array().ok_or_else(|| invalid("keys"))?.iter().map(bytes).collect::<Result<_, _>>()?;
        // Like the real one: a key that is asked twice is answered once.
        let keys: Vec<Bytes> = keys.into_iter().filter(|key| seen.insert(key.clone())).collect();
        let values = self.source.storage(&at, &keys).await.map_err(|error| state_error(error, &at))?;
        let changes: Vec<_> =
            keys.into_iter().zip(values).map(|(key, value)| json!([hex(key), value.map(hex)])).collect();
        Ok(json!([{"block": at.hash, "changes": changes}]))
    }

    async fn keys(&self, params: &[Value]) -> Outcome {
        let [prefix, count, start, rest @ ..] = params else { return Err(invalid("prefix, count, start")) };
        let count = count.as_u64().ok_or_else(|| invalid("a count"))? as usize;
        if count > 1000 {
            let message = format!("count exceeds maximum value. value: {count}, max: 1000");
            return Err(ErrorObjectOwned::owned(4002, message, None::<()>));
        }
        let at = self.state(rest.first().unwrap_or(&Value::Null)).await?;
        let start = if start.is_null() { None } else { Some(bytes(start)?) };
        let mut pairs = self.source.storage_prefix(at, bytes(prefix)?);
        let mut keys = Vec::new();
        while let Some(pair) = pairs.next().await {
            let (key, _) = pair.map_err(|error| state_error(error, &at))?;
            if start.as_ref().is_none_or(|start| key > *start) {
                keys.push(hex(key));
            }
            if keys.len() == count {
                break;
            }
        }
        Ok(json!(keys))
    }

    async fn call(&self, params: &[Value]) -> Outcome {
        let [Value::String(function), args, rest @ ..] = params else { return Err(invalid("function, arguments")) };
        let args = bytes(args)?;
        let hash = rest.first().unwrap_or(&Value::Null);
        if function.starts_with("Metadata_metadata_") {
            let runtime = self.runtime(hash).await?;
            return self.metadata_call(&runtime, function, &args);
        }
        let at = self.state(hash).await?;
        self.source.call(&at, function, &args).await.map(hex).map_err(|error| match error {
            SourceError::Unsupported { .. } => no_function(function),
            error => state_error(error, &at),
        })
    }

    /// Runtimes that know metadata 14 only do not have these functions.
    fn metadata_call(&self, runtime: &Runtime, function: &str, args: &[u8]) -> Outcome {
        let offered: Vec<u32> = (14..=16).filter(|version| self.metadata(runtime, *version as u8).is_some()).collect();
        if offered == [14] {
            return Err(no_function(function));
        }
        match function {
            "Metadata_metadata_versions" => Ok(hex(offered.encode())),
            "Metadata_metadata_at_version" => {
                let version = u32::from_le_bytes(args.try_into().map_err(|_| invalid("a version"))?);
                Ok(hex(u8::try_from(version).ok().and_then(|version| self.metadata(runtime, version)).encode()))
            }
            _ => Err(no_function(function)),
        }
    }

    fn metadata<'a>(&'a self, runtime: &'a Runtime, version: u8) -> Option<&'a [u8]> {
        if runtime.metadata()[4] == version {
            return Some(runtime.metadata());
        }
        self.more_metadata.get(&(runtime.version().spec_version, version)).map(Vec::as_slice)
    }
}

pub(super) fn header_json(header: &Header) -> Value {
    json!({
        "parentHash": header.parent_hash,
        "number": format!("{:#x}", header.number),
        "stateRoot": hex(header.state_root),
        "extrinsicsRoot": hex(header.extrinsics_root),
        "digest": {"logs": header.digest.iter().map(hex).collect::<Vec<_>>()},
    })
}

/// A height as a number, or as the hex of one.
fn height(value: &Value) -> Option<u64> {
    let digits = || u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok();
    value.as_u64().or_else(digits)
}

fn hex(bytes: impl AsRef<[u8]>) -> Value {
    Value::String(const_hex::encode_prefixed(bytes))
}

fn bytes(value: &Value) -> Outcome<Bytes> {
    // Real nodes take it with and without 0x.
    let digits = value.as_str().ok_or_else(|| invalid("hex"))?;
    const_hex::decode(digits).map(Bytes::from).map_err(|_| invalid("hex"))
}

fn block_hash(value: &Value) -> Outcome<BlockHash> {
    value.as_str().and_then(BlockHash::from_hex).ok_or_else(|| invalid("a block hash"))
}

fn invalid(expected: &str) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(-32602, format!("Invalid params: expected {expected}"), None::<()>)
}

fn internal(error: SourceError) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(-32603, format!("Internal error: {error}"), None::<()>)
}

/// Chain methods say null of what they do not know.
fn null(error: SourceError) -> Outcome {
    match error {
        SourceError::UnknownBlock { .. } | SourceError::NotRecorded { .. } => Ok(Value::Null),
        error => Err(internal(error)),
    }
}

fn no_function(function: &str) -> ErrorObjectOwned {
    let message = format!("Client error: Execution failed: Other: Exported method {function} is not found");
    ErrorObjectOwned::owned(-32603, message, None::<()>)
}

fn state_error(error: SourceError, at: &BlockRef) -> ErrorObjectOwned {
    let message = match error {
        SourceError::UnknownBlock { .. } => {
            format!("Client error: UnknownBlock: Header was not found in the database: {}", at.hash)
        }
        SourceError::StatePruned { .. } | SourceError::NotRecorded { .. } => {
            format!("Client error: UnknownBlock: State already discarded for {}", at.hash)
        }
        error => return internal(error),
    };
    ErrorObjectOwned::owned(4003, message, None::<()>)
}
