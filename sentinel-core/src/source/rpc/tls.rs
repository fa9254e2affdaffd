//! TLS for `wss://` and `https://`: rustls with the certificates that the machine trusts.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt;

/// A client configuration that names its crypto provider itself.
///
/// Asking rustls for the process-wide provider panics where two are compiled in and none is chosen; a library cannot
/// know what its user compiles in.
pub(super) fn client_config() -> Result<ClientConfig, rustls::Error> {
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()
        .with_no_client_auth())
}
