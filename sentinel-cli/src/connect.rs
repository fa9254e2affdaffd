//! From the name of a network to a source of its blocks.

use std::path::Path;
use std::sync::Arc;

use sentinel_core::chain::Network;
use sentinel_core::source::{ArchiveSource, BlockSource, RpcOptions, RpcSource};
use sentinel_core::storage::{ObjectStorage, Storage};

use crate::args::Common;
use crate::exit::CliError;
use crate::sample;

/// Opens the first of the given networks that answers.
pub(crate) async fn open(common: &Common) -> Result<Arc<dyn BlockSource>, CliError> {
    Ok(open_named(common).await?.1)
}

/// Opens the first of the given networks that answers, and says which it was.
pub(crate) async fn open_named(common: &Common) -> Result<(Network, Arc<dyn BlockSource>), CliError> {
    let networks = common.networks.iter().map(|name| name.trim().parse()).collect::<Result<Vec<Network>, _>>()?;
    let mut last = CliError::Usage("no network given".to_owned());
    for network in networks {
        match open_one(&network).await {
            Ok(source) => return Ok((network, source)),
            Err(error) => {
                tracing::info!(%network, error = %error.line(), "cannot be reached");
                last = error;
            }
        }
    }
    Err(last)
}

async fn open_one(network: &Network) -> Result<Arc<dyn BlockSource>, CliError> {
    match network {
        Network::Sample => archive(sample::storage().await?).await,
        Network::Recording(folder) => {
            // A reader that made the folder would turn a typing mistake into an empty recording.
            if !Path::new(folder).is_dir() {
                return Err(CliError::Failed(format!("no recording at {folder}: there is no such directory")));
            }
            archive(Arc::new(ObjectStorage::local(folder)?)).await
        }
        network => match network.endpoint() {
            Some(url) => Ok(Arc::new(RpcSource::connect(url, RpcOptions::default()).await?)),
            None => Err(CliError::Failed(format!("the network {network} has no endpoint"))),
        },
    }
}

async fn archive(storage: Arc<dyn Storage>) -> Result<Arc<dyn BlockSource>, CliError> {
    Ok(Arc::new(ArchiveSource::open(storage, None).await?))
}
