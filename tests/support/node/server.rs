//! The network side of the node: connections that can be cut, requests that are logged and scripted.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use futures::future::{self, Either};
use jsonrpsee::core::SubscriptionError;
use jsonrpsee::server::{
    HttpBody, HttpRequest, HttpResponse, PendingSubscriptionSink, RpcModule, ServerConfig, stop_channel,
};
use jsonrpsee::types::ErrorObjectOwned;
use sentinel_core::chain::Finality;
use sentinel_core::source::BestUpdate;
use serde_json::{Value, value::RawValue};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tower::Service;

use super::methods::{METHODS, header_json};
use super::{Answer, Call, Shared};

/// The open connections and what new ones meet.
#[derive(Debug, Default)]
pub(super) struct Listener {
    tasks: Mutex<Vec<AbortHandle>>,
    accepting: Mutex<Option<AbortHandle>>,
    refusal: Mutex<Option<(u16, Option<u32>)>>,
    accepted: AtomicUsize,
}

impl Listener {
    pub(super) fn hang_up(&self) {
        lock(&self.tasks).drain(..).for_each(|task| task.abort());
    }

    pub(super) fn stop(&self) {
        if let Some(accepting) = lock(&self.accepting).take() {
            accepting.abort();
        }
        self.hang_up();
    }

    pub(super) fn refuse(&self, status: Option<(u16, Option<u32>)>) {
        *lock(&self.refusal) = status;
    }

    pub(super) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) async fn start(shared: Arc<Shared>, max_response: u32, port: u16) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    let module = module(Arc::clone(&shared)).map_err(io::Error::other)?;
    let config = ServerConfig::builder().max_response_body_size(max_response).max_request_body_size(64 << 20).build();
    let accepting = {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                shared.listener.accepted.fetch_add(1, Ordering::Relaxed);
                let task = tokio::spawn(connection(socket, Arc::clone(&shared), module.clone(), config.clone()));
                lock(&shared.listener.tasks).push(task.abort_handle());
            }
        })
    };
    *lock(&shared.listener.accepting) = Some(accepting.abort_handle());
    Ok(address)
}

/// Serves one connection through a pipe: to abort this task is to cut the connection at once, whatever the server does.
async fn connection(mut socket: TcpStream, shared: Arc<Shared>, module: RpcModule<Arc<Shared>>, config: ServerConfig) {
    // Small answers are not held back to be sent together.
    let _ = socket.set_nodelay(true);
    let (mut near, far) = tokio::io::duplex(1 << 20);
    let (stop, server) = stop_channel();
    let builder = jsonrpsee::server::Server::builder().set_config(config).to_service_builder();
    let service = tower::service_fn(move |request: HttpRequest<_>| {
        let mut service = builder.clone().build(module.clone(), stop.clone());
        let refusal = *lock(&shared.listener.refusal);
        async move {
            match refusal {
                Some((status, retry_after)) => refused(status, retry_after),
                None => service.call(request).await,
            }
        }
    });
    let serving = tokio::spawn(jsonrpsee::server::serve_with_graceful_shutdown(far, service, pending::<()>()));
    // Dropped with this task; it ends what the server keeps running for the connection.
    let _server = server;
    let _serving = AbortOnDrop(serving.abort_handle());
    // Either side may end it; the other learns by the end of the stream.
    let _ = tokio::io::copy_bidirectional(&mut socket, &mut near).await;
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn refused(status: u16, retry_after: Option<u32>) -> Result<HttpResponse, Box<dyn std::error::Error + Send + Sync>> {
    let mut response = HttpResponse::builder().status(status);
    if let Some(seconds) = retry_after {
        response = response.header("retry-after", seconds);
    }
    Ok(response.body(HttpBody::empty())?)
}

fn module(shared: Arc<Shared>) -> Result<RpcModule<Arc<Shared>>, jsonrpsee::core::RegisterMethodError> {
    let mut module = RpcModule::new(shared);
    for method in METHODS {
        module.register_async_method(method, move |params, shared, _| async move {
            let params: Value = params.parse::<Option<Value>>()?.unwrap_or_else(|| Value::Array(Vec::new()));
            let answer = (*shared).answer(method, &params).await?;
            serde_json::value::to_raw_value(&answer)
                .map_err(|error| ErrorObjectOwned::owned(-32603, error.to_string(), None::<()>))
        })?;
    }
    for (finality, subscribe, notify, unsubscribe) in [
        (
            Finality::Finalized,
            "chain_subscribeFinalizedHeads",
            "chain_finalizedHead",
            "chain_unsubscribeFinalizedHeads",
        ),
        (Finality::Best, "chain_subscribeNewHeads", "chain_newHead", "chain_unsubscribeNewHeads"),
    ] {
        module.register_subscription(subscribe, notify, unsubscribe, move |_, sink, shared, _| async move {
            Arc::clone(&shared).subscription(finality, subscribe, sink).await
        })?;
    }
    module.register_subscription(
        "state_subscribeRuntimeVersion",
        "state_runtimeVersion",
        "state_unsubscribeRuntimeVersion",
        |_, sink, shared, _| async move { Arc::clone(&shared).runtime_version(sink).await },
    )?;
    Ok(module)
}

impl Shared {
    /// Notifies of the present runtime once; upgrades are not followed.
    async fn runtime_version(&self, pending_sink: PendingSubscriptionSink) -> Result<(), SubscriptionError> {
        self.log("state_subscribeRuntimeVersion", &Value::Array(Vec::new()));
        let sink = pending_sink.accept().await?;
        let version = self.chain.answer("state_getRuntimeVersion", &[]).await;
        let version = version.map_err(|error| error.message().to_owned())?;
        let message: Box<RawValue> = serde_json::value::to_raw_value(&version)?;
        if sink.send(message).await.is_ok() {
            sink.closed().await;
        }
        Ok(())
    }

    fn log(&self, method: &str, params: &Value) {
        if self.keep_calls {
            self.calls().push(Call { method: method.to_owned(), params: params.clone() });
        }
        *self.tally().entry(method.to_owned()).or_default() += 1;
    }

    async fn answer(&self, method: &str, params: &Value) -> Result<Value, ErrorObjectOwned> {
        self.log(method, params);
        let admitted = self.limiter.admit();
        if !self.latency.is_zero() {
            sleep(self.latency).await;
        }
        let _under_way = admitted?;
        let list = params.as_array().map_or(&[][..], Vec::as_slice);
        match self.script.next(method) {
            Answer::Real => self.chain.answer(method, list).await,
            Answer::Value(value) => Ok(value),
            Answer::Edited(edit) => self.chain.answer(method, list).await.map(|value| edit(value)),
            Answer::Error { code, message } => Err(ErrorObjectOwned::owned(code, message, None::<()>)),
            Answer::Late(delay) => {
                sleep(delay).await;
                self.chain.answer(method, list).await
            }
            Answer::Never => pending().await,
            Answer::HangUp => {
                self.listener.hang_up();
                pending().await
            }
        }
    }

    /// Notifies of the current head and of each that follows, until the subscriber leaves.
    async fn subscription(
        &self,
        finality: Finality,
        method: &str,
        pending_sink: PendingSubscriptionSink,
    ) -> Result<(), SubscriptionError> {
        self.log(method, &Value::Array(Vec::new()));
        match self.script.next(method) {
            Answer::Error { code, message } => {
                pending_sink.reject(ErrorObjectOwned::owned(code, message, None::<()>)).await;
                return Ok(());
            }
            Answer::HangUp => {
                self.listener.hang_up();
                return Ok(());
            }
            // A subscription that is accepted and then silent.
            Answer::Never => {
                let sink = pending_sink.accept().await?;
                sink.closed().await;
                return Ok(());
            }
            _ => {}
        }
        let sink = pending_sink.accept().await?;
        let source = self.chain.source();
        let from = source.head(finality).await?.number;
        let mut heads = match finality {
            Finality::Finalized => {
                source.finalized(from).map(|block| block.map(|block| Some(block.header.header))).boxed()
            }
            Finality::Best => source
                .best(from)
                .map(|update| {
                    update.map(|update| match update {
                        BestUpdate::Applied(block) => Some(block.header.header),
                        BestUpdate::RolledBack { .. } => None,
                    })
                })
                .boxed(),
        };
        loop {
            let next = Box::pin(heads.next());
            let closed = Box::pin(sink.closed());
            match future::select(next, closed).await {
                Either::Left((Some(Ok(Some(header))), _)) => {
                    let message: Box<RawValue> = serde_json::value::to_raw_value(&header_json(&header))?;
                    if sink.send(message).await.is_err() {
                        return Ok(());
                    }
                }
                Either::Left((Some(Ok(None)), _)) => {}
                Either::Left((Some(Err(error)), _)) => return Err(error.into()),
                // A chain that ended has no more heads, but the subscription stays.
                Either::Left((None, _)) => {
                    sink.closed().await;
                    return Ok(());
                }
                Either::Right(_) => return Ok(()),
            }
        }
    }
}
