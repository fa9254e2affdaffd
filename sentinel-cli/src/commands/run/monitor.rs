//! What a run tells those who watch it over HTTP: `/metrics`, `/alive`, `/ready`.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use sentinel_core::engine::Progress;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::exit::CliError;

/// Where it listens when nothing is said: on this machine alone.
pub(super) const DEFAULT: &str = "127.0.0.1:9464";

/// When the run last came forward.
#[derive(Debug)]
pub(super) struct Freshness {
    limit: Duration,
    last: Mutex<(u64, Instant)>,
}

impl Freshness {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, last: Mutex::new((0, Instant::now())) }
    }

    pub(super) fn note(&self, progress: &Progress) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = progress.done.max(progress.block);
        if mark != last.0 {
            *last = (mark, Instant::now());
        }
    }

    /// Whether it did lately, and how long ago.
    fn look(&self) -> (bool, Duration) {
        let age = self.last.lock().unwrap_or_else(PoisonError::into_inner).1.elapsed();
        (age < self.limit, age)
    }
}

/// Reads an address: `9464`, `:9464` or `0.0.0.0:9464`. Without a host it is this machine alone.
pub(super) fn address(text: &str) -> Result<SocketAddr, CliError> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    text.parse()
        .map_err(|_| CliError::Usage(format!("--metrics is `{text}`: expected a port, or an address as in {DEFAULT}")))
}

/// Serves until the task is aborted.
pub(super) async fn serve(at: SocketAddr, fresh: Arc<Freshness>) -> Result<JoinHandle<()>, CliError> {
    let failed = |what: String| move |source: std::io::Error| CliError::File { what, source };
    let listener = TcpListener::bind(at).await.map_err(failed(format!("cannot serve metrics on {at}")))?;
    let bound = listener.local_addr().map_err(failed(format!("cannot serve metrics on {at}")))?;
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        return Err(CliError::Failed("metrics are served already".to_owned()));
    }
    sentinel_core::metrics::describe();
    tracing::warn!("metrics on http://{bound}/metrics, with /alive and /ready");
    Ok(tokio::spawn(accept(listener, handle, fresh)))
}

async fn accept(listener: TcpListener, handle: PrometheusHandle, fresh: Arc<Freshness>) {
    let mut upkeep = tokio::time::interval(Duration::from_secs(5));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            _ = upkeep.tick() => {
                handle.run_upkeep();
                continue;
            }
        };
        let (handle, fresh) = (handle.clone(), Arc::clone(&fresh));
        tokio::spawn(async move {
            let answer = service_fn(move |request| {
                let response = respond(&request, &handle, &fresh);
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answer);
            // Who hangs up, or is too slow, asks again.
            let _ = tokio::time::timeout(Duration::from_secs(10), connection).await;
        });
    }
}

fn respond(request: &Request<Incoming>, handle: &PrometheusHandle, fresh: &Freshness) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => {
            (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", handle.render())
        }
        (&Method::GET | &Method::HEAD, "/alive") => {
            (StatusCode::OK, "application/json", "{\"alive\":true}\n".to_owned())
        }
        (&Method::GET | &Method::HEAD, "/ready") => {
            let (ready, age) = fresh.look();
            let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            let body = format!("{{\"ready\":{ready},\"seconds_since_progress\":{:.1}}}\n", age.as_secs_f64());
            (status, "application/json", body)
        }
        (&Method::GET | &Method::HEAD, _) => {
            (StatusCode::NOT_FOUND, "text/plain", "there are /metrics, /alive and /ready\n".to_owned())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "only GET\n".to_owned()),
    };
    let response = Response::builder().status(status).header(hyper::header::CONTENT_TYPE, kind);
    response.body(Full::new(Bytes::from(body))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_host_it_is_this_machine_alone() {
        for text in ["9464", ":9464", "127.0.0.1:9464"] {
            assert_eq!(address(text).unwrap(), "127.0.0.1:9464".parse().unwrap());
        }
        assert_eq!(address("0.0.0.0:1").unwrap(), "0.0.0.0:1".parse().unwrap());
        assert!(address("everywhere").is_err());
    }

    #[test]
    fn what_does_not_come_forward_is_not_fresh() {
        let fresh = Freshness::new(Duration::from_millis(20));
        assert!(fresh.look().0);
        std::thread::sleep(Duration::from_millis(30));
        assert!(!fresh.look().0);
        fresh.note(&Progress { block: 7, ..Progress::default() });
        assert!(fresh.look().0);
    }
}
