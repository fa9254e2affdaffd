//! From the name of a network to a source of its blocks.

use std::sync::Arc;

use sentinel_core::chain::Network;
use sentinel_core::source::{BlockSource, RpcOptions, RpcSource};

use crate::args::Common;
use crate::exit::CliError;

/// Opens the first of the given networks that answers.
pub(crate) async fn open(common: &Common) -> Result<Arc<dyn BlockSource>, CliError> {
    let networks = common.networks.iter().map(|name| name.trim().parse()).collect::<Result<Vec<Network>, _>>()?;
    let mut last = CliError::Usage("no network given".to_owned());
    for network in networks {
        match open_one(&network).await {
            Ok(source) => return Ok(source),
            Err(error) => {
                tracing::info!(%network, error = %error.line(), "cannot be reached");
                last = error;
            }
        }
    }
    Err(last)
}

async fn open_one(network: &Network) -> Result<Arc<dyn BlockSource>, CliError> {
    match network.endpoint() {
        Some(url) => Ok(Arc::new(RpcSource::connect(url, RpcOptions::default()).await?)),
        None => Err(CliError::Failed(format!("the network {network} is not built in"))),
    }
}
