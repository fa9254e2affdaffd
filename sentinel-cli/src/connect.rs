//! From the name of a network to a source of its blocks.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sentinel_core::artifact::NetworkWord;
use sentinel_core::chain::Network;
use sentinel_core::source::{ArchiveSource, BlockSource, RpcOptions, RpcSource};
use sentinel_core::storage::{ObjectStorage, Storage};

use crate::args::Common;
use crate::exit::CliError;
use crate::sample;

/// A command that answers once gives up on a node that does not, before its user does.
const ONE_SHOT: Duration = Duration::from_secs(9);

/// Opens the first of the given networks that answers.
pub(crate) async fn open(common: &Common) -> Result<Arc<dyn BlockSource>, CliError> {
    Ok(open_one_shot(common).await?.1)
}

/// As [`open`], and says which network it was.
pub(crate) async fn open_one_shot(common: &Common) -> Result<(Network, Arc<dyn BlockSource>), CliError> {
    open_named(common, RpcOptions { request_timeout: ONE_SHOT, ..RpcOptions::default() }).await
}

/// Opens the first of the given networks that answers, and says which it was.
pub(crate) async fn open_named(
    common: &Common,
    options: RpcOptions,
) -> Result<(Network, Arc<dyn BlockSource>), CliError> {
    open_first(&common.networks(), options, common).await
}

/// Opens the first of these networks that answers, and says which it was.
pub(crate) async fn open_first(
    names: &[&str],
    options: RpcOptions,
    common: &Common,
) -> Result<(Network, Arc<dyn BlockSource>), CliError> {
    let networks = names.iter().map(|name| name.parse()).collect::<Result<Vec<Network>, _>>()?;
    let mut failures = Vec::new();
    for network in networks {
        match open_one(&network, &options, common).await {
            Ok(source) => {
                if network.is_simulated() {
                    tracing::warn!("simulated network: nothing below is real");
                }
                return Ok((network, source));
            }
            Err(error) => failures.push(error),
        }
    }
    match failures.len() {
        // One failure keeps its own exit code.
        0 | 1 => Err(failures.pop().unwrap_or_else(|| CliError::Usage("no network given".to_owned()))),
        _ => {
            let lines: Vec<String> = failures.iter().map(CliError::line).collect();
            Err(CliError::Failed(format!("no network can be read: {}", lines.join("; "))))
        }
    }
}

/// Opens networks of one chain to be read together: nodes as one source that goes on where another fails.
pub(crate) async fn open_together(
    names: &[String],
    options: RpcOptions,
    common: &Common,
) -> Result<(Network, Arc<dyn BlockSource>), CliError> {
    let networks = names.iter().map(|name| name.parse()).collect::<Result<Vec<Network>, _>>()?;
    let urls: Option<Vec<&str>> = networks.iter().map(Network::endpoint).collect();
    match (urls, networks.first()) {
        (Some(urls), Some(first)) if urls.len() > 1 => {
            let source = RpcSource::connect_any(&urls, options).await?;
            Ok((first.clone(), Arc::new(source)))
        }
        _ => open_first(&names.iter().map(String::as_str).collect::<Vec<_>>(), options, common).await,
    }
}

async fn open_one(network: &Network, options: &RpcOptions, common: &Common) -> Result<Arc<dyn BlockSource>, CliError> {
    match network {
        Network::Sample => archive(sample::storage().await?, None).await,
        Network::Sim => simulated(common),
        Network::Recording(path) => {
            let (folder, name) = match path.split_once('#') {
                Some((folder, name)) => (folder, Some(name.parse()?)),
                None => (path.as_str(), None),
            };
            // A reader that made the folder would turn a typing mistake into an empty recording.
            if !Path::new(folder).is_dir() {
                return Err(CliError::Failed(format!("no recording at {folder}: there is no such directory")));
            }
            archive(Arc::new(ObjectStorage::local(folder)?), name).await
        }
        network => match network.endpoint() {
            Some(url) => Ok(Arc::new(RpcSource::connect(url, options.clone()).await?)),
            None => Err(CliError::Failed(format!("the network {network} has no endpoint"))),
        },
    }
}

#[cfg(feature = "sim")]
fn simulated(common: &Common) -> Result<Arc<dyn BlockSource>, CliError> {
    let network = sentinel_core::source::SimBuilder::default_network();
    Ok(Arc::new(network.interval(Some(common.sim_interval())).build()?))
}

#[cfg(not(feature = "sim"))]
fn simulated(_: &Common) -> Result<Arc<dyn BlockSource>, CliError> {
    Err(CliError::Failed(
        "this program was built without the simulated network: build it with --features sim".to_owned(),
    ))
}

async fn archive(storage: Arc<dyn Storage>, name: Option<NetworkWord>) -> Result<Arc<dyn BlockSource>, CliError> {
    Ok(Arc::new(ArchiveSource::open(storage, name).await?))
}
