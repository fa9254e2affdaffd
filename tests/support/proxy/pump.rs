//! Bytes between a client's socket and what answers it: counted, cut and damaged to the byte.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Action;
use super::damage::flip;
use super::director::{Cut, Director};

/// How long a connection that is being closed may take to notice.
const LINGER: Duration = Duration::from_secs(5);

/// Copies until one side ends, or the script ends it.
pub(super) async fn pump(
    mut socket: TcpStream,
    pipe: DuplexStream,
    director: &Arc<Director>,
    connection: u64,
    mut cuts: mpsc::UnboundedReceiver<Cut>,
) {
    let (mut from_server, mut to_server) = tokio::io::split(pipe);
    let cut = {
        let (mut from_client, mut to_client) = socket.split();
        let up = async {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(len @ 1..) = from_client.read(&mut buffer).await {
                director.bytes_up(len);
                if to_server.write_all(&buffer[..len]).await.is_err() {
                    break;
                }
            }
            None
        };
        let down = async {
            let mut buffer = vec![0; 64 << 10];
            while let Ok(len @ 1..) = from_server.read(&mut buffer).await {
                let (send, cut) = harm(director, connection, &mut buffer[..len]);
                if to_client.write_all(&buffer[..send]).await.is_err() || cut.is_some() {
                    return cut;
                }
            }
            Some(Cut::Fin)
        };
        tokio::select! {
            end = up => end,
            end = down => end,
            cut = cuts.recv() => cut,
        }
    };
    // The server's side ends here; what it still wanted to say is lost.
    drop((from_server, to_server));
    director.disconnected(connection);
    match cut {
        Some(Cut::Rst) => {
            let _ = socket.set_zero_linger();
        }
        Some(Cut::Fin) => {
            let _ = socket.shutdown().await;
            let _ = timeout(LINGER, swallow(&mut socket)).await;
        }
        // Nothing comes from here any more, and whatever comes in is lost.
        Some(Cut::HalfOpen) => swallow(&mut socket).await,
        None => {}
    }
}

async fn swallow(socket: &mut TcpStream) {
    let mut nobody = tokio::io::sink();
    let _ = tokio::io::copy(socket, &mut nobody).await;
}

/// Does to a piece of the stream what the script says; gives how much of it is sent, and whether that was the last.
fn harm(director: &Director, connection: u64, bytes: &mut [u8]) -> (usize, Option<Cut>) {
    let mut actions = director.bytes_down(bytes.len()).into_iter();
    while let Some((at, action)) = actions.next() {
        let cut = match &action {
            Action::Fin => Cut::Fin,
            Action::Rst => Cut::Rst,
            Action::HalfOpen => Cut::HalfOpen,
            Action::FlipBits(bits) => {
                let end = bytes.len().min(at + 16);
                flip(&mut director.rng(at as u64), &mut bytes[at.min(end)..end], *bits);
                director.did(&action);
                continue;
            }
            _ => {
                director.strike(action, Some(connection));
                continue;
            }
        };
        director.did(&action);
        // What was to happen to bytes behind the cut happens to those that come in their place.
        director.not_sent(bytes.len() - at, actions.map(|(later, action)| (later - at, action)));
        return (at, Some(cut));
    }
    (bytes.len(), None)
}
