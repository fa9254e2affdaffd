//! An HTTP endpoint that passes requests on to a node, but answers one method with bytes of the test's choice.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

/// What the node behind the relay is made to say.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// A JSON-RPC answer with this text as its result.
    Result(String),
    /// A JSON-RPC answer with this text as its error.
    Error(String),
    /// These bytes, whatever the request was.
    Raw(Vec<u8>),
}

/// Starts a relay to `node` (its HTTP address) that answers `method` with `body`; it lives as long as the process.
pub(crate) fn start(node: SocketAddr, method: &'static str, body: Body) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // A client that hangs up early is the client's affair.
            let _ = answer(client, node, method, &body);
        }
    });
    Ok(address)
}

fn answer(client: TcpStream, node: SocketAddr, method: &str, body: &Body) -> io::Result<()> {
    let request = request(&client)?;
    let asked: Value = serde_json::from_slice(&request)?;
    let mut client = client;
    if asked["method"] != method {
        let mut node = TcpStream::connect(node)?;
        send(&mut node, "POST / HTTP/1.1\r\nHost: node", &[&request])?;
        // The node closes when it has said everything.
        io::copy(&mut node, &mut client)?;
        return Ok(());
    }
    let head = |key: &str| format!("{{\"jsonrpc\":\"2.0\",\"id\":{},\"{key}\":", asked["id"]);
    let ok = "HTTP/1.1 200 OK";
    match body {
        Body::Result(text) => send(&mut client, ok, &[head("result").as_bytes(), text.as_bytes(), b"}"]),
        Body::Error(text) => send(&mut client, ok, &[head("error").as_bytes(), text.as_bytes(), b"}"]),
        Body::Raw(bytes) => send(&mut client, ok, &[bytes]),
    }
}

fn send(to: &mut TcpStream, first_line: &str, parts: &[&[u8]]) -> io::Result<()> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let headers =
        format!("{first_line}\r\nContent-Type: application/json\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n");
    to.write_all(headers.as_bytes())?;
    parts.iter().try_for_each(|part| to.write_all(part))
}

/// The body of a request.
fn request(client: &TcpStream) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::new(client);
    let mut len = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            len = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body)?;
    Ok(body)
}
