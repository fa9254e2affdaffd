//! JSON-RPC between a client and the node: each request, reply and notification by itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::Action;
use super::damage::{change, flip, message, more_methods, other_id, truncated};
use super::director::{Backend, Director, asks_for_head};
use super::notify::Subscriptions;
use super::script::Target;
use super::upstream::{Notification, Reply, Upstream};

/// How long a reply waits for the next, to change places with it.
const SWAP: Duration = Duration::from_millis(250);

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Answered {
    /// These messages, in this order; none where another reply took this one along.
    Messages(Vec<Vec<u8>>),
    /// An HTTP status.
    Status(u16, Option<u32>),
    /// No reply.
    Never,
}

#[derive(Debug, serde::Deserialize)]
struct Request<'t> {
    #[serde(borrow)]
    id: Option<&'t RawValue>,
    method: String,
    #[serde(borrow)]
    params: Option<&'t RawValue>,
}

/// A reply that waits for the next one.
#[derive(Debug)]
struct Held {
    /// Apart from others that were held before it.
    number: u64,
    id: String,
    reply: Reply,
    cross: bool,
}

#[derive(Debug)]
pub(super) struct Relay {
    pub(super) director: Arc<Director>,
    pub(super) connection: u64,
    upstream: Upstream,
    held: Mutex<(u64, Option<Held>)>,
    /// Where a WebSocket's messages go, and word of new subscriptions.
    out: Option<mpsc::UnboundedSender<Out>>,
}

#[derive(Debug)]
pub(super) enum Out {
    Message(Vec<u8>),
    /// The client knows this subscription now.
    Subscribed(String),
    Notification(Notification),
}

impl Relay {
    pub(super) async fn connect(
        director: Arc<Director>,
        connection: u64,
        out: Option<mpsc::UnboundedSender<Out>>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let Backend::Node(url) = &director.backend else { return Err("only nodes are asked by WebSocket".into()) };
        let (upstream, mut notifications) = Upstream::connect(url).await?;
        if let Some(out) = out.clone() {
            tokio::spawn(async move {
                while let Some(notification) = notifications.recv().await {
                    if out.send(Out::Notification(notification)).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { director, connection, upstream, held: Mutex::default(), out })
    }

    /// Serves one WebSocket until either side is gone.
    pub(super) async fn serve(socket: WebSocketStream<TokioIo<Upgraded>>, director: Arc<Director>, connection: u64) {
        let (mut sink, mut stream) = socket.split();
        let (out, mut outgoing) = mpsc::unbounded_channel();
        let Ok(relay) = Self::connect(director, connection, Some(out)).await else { return };
        let relay = Arc::new(relay);
        let sending = async {
            let mut known = Subscriptions::default();
            while let Some(messages) = known.next(&relay, &mut outgoing).await {
                for text in messages {
                    // As a raw frame: what was damaged need not be text any more.
                    let frame = Frame::message(Bytes::from(text), OpCode::Data(Data::Text), true);
                    if sink.send(Message::Frame(frame)).await.is_err() {
                        return;
                    }
                }
            }
        };
        let receiving = async {
            let mut requests = JoinSet::new();
            while let Some(Ok(received)) = stream.next().await {
                let Message::Text(text) = received else { continue };
                let relay = Arc::clone(&relay);
                requests.spawn(async move { relay.request(&text).await });
                while requests.try_join_next().is_some() {}
            }
        };
        tokio::select! {
            () = sending => {}
            () = receiving => {}
        }
    }

    async fn request(&self, text: &str) {
        let Answered::Messages(messages) = self.answer(text).await else { return };
        for text in messages {
            self.send(Out::Message(text));
        }
    }

    fn send(&self, out: Out) {
        if let Some(to) = &self.out {
            let _ = to.send(out);
        }
    }

    /// What a request, or a batch of them, is answered with.
    pub(super) async fn answer(&self, text: &str) -> Answered {
        if let Ok(batch) = serde_json::from_str::<Vec<&RawValue>>(text) {
            let answers = futures::future::join_all(batch.iter().map(|one| self.answer_one(one.get()))).await;
            let messages = answers.into_iter().filter_map(|answer| match answer {
                Answered::Messages(messages) => Some(messages),
                _ => None,
            });
            let all: Vec<Vec<u8>> = messages.flatten().collect();
            return Answered::Messages(vec![[b"[".as_slice(), &all.join(&b","[..]), b"]"].concat()]);
        }
        self.answer_one(text).await
    }

    async fn answer_one(&self, text: &str) -> Answered {
        let Ok(request) = serde_json::from_str::<Request<'_>>(text) else { return Answered::Never };
        let actions = self.director.request(&request.method, request.params.map(RawValue::get));
        for action in &actions {
            match (action, &self.out) {
                (Action::Http { status, retry_after }, None) => {
                    self.director.did(action);
                    return Answered::Status(*status, *retry_after);
                }
                (action, _) if matches!(action.target(), Target::Connection | Target::Notification | Target::Proxy) => {
                    self.director.strike(action.clone(), Some(self.connection));
                    if !matches!(action, Action::MuteSubscriptions) && action.target() == Target::Connection {
                        return Answered::Never;
                    }
                }
                _ => {}
            }
        }
        let Some(reply) = self.reply(&request, &actions).await else { return Answered::Never };
        let Some(id) = request.id else { return Answered::Messages(Vec::new()) };
        let subscription = subscription(&request.method, &reply);
        let messages = self.spoil(id.get(), reply, &actions).await;
        if let (Some(subscription), Some(_)) = (subscription, &self.out) {
            // In this order in one queue, so that no notification comes before the reply.
            messages.into_iter().for_each(|text| self.send(Out::Message(text)));
            self.send(Out::Subscribed(subscription));
            return Answered::Messages(Vec::new());
        }
        Answered::Messages(messages)
    }

    /// What the node says, or what is said in its place; `None` where nobody hears it.
    async fn reply(&self, request: &Request<'_>, actions: &[Action]) -> Option<Reply> {
        let instead = actions.iter().find_map(|action| match action {
            Action::RpcError { code, message, data } => {
                self.director.did(action);
                let mut error = serde_json::json!({"code": code, "message": message});
                if let Some(data) = data {
                    error["data"] = data.clone();
                }
                to_raw_value(&error).ok().map(Reply::Error)
            }
            _ => None,
        });
        let mut reply = match instead {
            Some(error) => error,
            None => self.upstream.ask(&request.method, request.params).await?,
        };
        self.learn(request, &reply);
        if request.method == "rpc_methods" && self.director.lies() {
            reply = more_methods(reply);
        }
        for action in actions {
            match action {
                Action::Delay(delay) => sleep(*delay).await,
                Action::HeadRegress(by) => {
                    reply = self.earlier_answer(request, &reply, *by).await.unwrap_or(reply);
                }
                Action::NullResult | Action::Oversize { .. } | Action::DeepJson(_) => reply = change(reply, action),
                Action::DropReply => {
                    self.director.did(action);
                    return None;
                }
                Action::ForwardThenCut => {
                    self.director.did(action);
                    self.director.cut(self.connection);
                    return None;
                }
                _ => continue,
            }
            self.director.did(action);
        }
        Some(reply)
    }

    fn learn(&self, request: &Request<'_>, reply: &Reply) {
        let Reply::Result(result) = reply else { return };
        let param = request.params.and_then(|params| serde_json::from_str::<Value>(params.get()).ok());
        let param = param.as_ref().and_then(|params| params.get(0));
        match (request.method.as_str(), param) {
            ("chain_getBlockHash", Some(Value::Number(number))) => {
                if let (Ok(hash), Some(number)) = (serde_json::from_str::<String>(result.get()), number.as_u64()) {
                    self.director.learn(&hash, number);
                }
            }
            ("chain_getHeader", Some(Value::String(hash))) => {
                if let Some(number) = height_of(result) {
                    self.director.learn(hash, number);
                }
            }
            _ => {}
        }
    }

    /// The answer about the head, if the head were so many blocks back.
    async fn earlier_answer(&self, request: &Request<'_>, reply: &Reply, by: u64) -> Option<Reply> {
        let Reply::Result(result) = reply else { return None };
        if !asks_for_head(&request.method, request.params.map(RawValue::get)) {
            return None;
        }
        if request.method == "chain_getHeader" {
            return self.earlier_header(result, by).await.map(Reply::Result);
        }
        let hash = serde_json::from_str::<String>(result.get()).ok()?;
        let head = self.ask("chain_getHeader", &Value::from(hash)).await?;
        self.ask("chain_getBlockHash", &Value::from(height_of(&head)?.saturating_sub(by))).await.map(Reply::Result)
    }

    /// The header so many blocks before this one.
    pub(super) async fn earlier_header(&self, header: &RawValue, by: u64) -> Option<Box<RawValue>> {
        let hash = self.ask("chain_getBlockHash", &Value::from(height_of(header)?.saturating_sub(by))).await?;
        self.ask("chain_getHeader", &serde_json::from_str(hash.get()).ok()?).await
    }

    async fn ask(&self, method: &str, param: &Value) -> Option<Box<RawValue>> {
        let params = to_raw_value(&[param]).ok()?;
        match self.upstream.ask(method, Some(&params)).await? {
            Reply::Result(result) => Some(result),
            Reply::Error(_) => None,
        }
    }

    /// The messages that carry a reply, and one that was held before.
    async fn spoil(&self, id: &str, reply: Reply, actions: &[Action]) -> Vec<Vec<u8>> {
        let swap = actions.iter().find(|action| matches!(action, Action::SwapReplies | Action::CrossReplies));
        if let (Some(swap), Some(_)) = (swap, &self.out) {
            return self.hold(id, reply, swap).await;
        }
        let mut text = message(id, &reply).into_bytes();
        let mut messages = Vec::new();
        for action in actions {
            match action {
                Action::WrongId => text = message(&other_id(id), &reply).into_bytes(),
                Action::Truncate => text = truncated(&String::from_utf8_lossy(&text)),
                Action::FlipBits(bits) => flip(&mut self.director.rng(text.len() as u64), &mut text, *bits),
                Action::DupReply => messages.push(text.clone()),
                _ => continue,
            }
            self.director.did(action);
        }
        messages.push(text);
        if let Some(held) = self.take_held(None) {
            let (first, second) = if held.cross { (held.id.as_str(), id) } else { (id, held.id.as_str()) };
            let own = messages.pop().unwrap_or_default();
            messages.push(if held.cross { message(first, &reply).into_bytes() } else { own });
            messages.push(message(second, &held.reply).into_bytes());
        }
        messages
    }

    async fn hold(&self, id: &str, reply: Reply, swap: &Action) -> Vec<Vec<u8>> {
        let cross = matches!(swap, Action::CrossReplies);
        let (number, before) = {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            held.0 += 1;
            let number = held.0;
            (number, held.1.replace(Held { number, id: id.to_owned(), reply, cross }))
        };
        if let Some(before) = before {
            self.send(Out::Message(message(&before.id, &before.reply).into_bytes()));
        }
        sleep(SWAP).await;
        match self.take_held(Some(number)) {
            // Nothing else came.
            Some(held) => vec![message(&held.id, &held.reply).into_bytes()],
            None => {
                self.director.did(swap);
                Vec::new()
            }
        }
    }

    fn take_held(&self, number: Option<u64>) -> Option<Held> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.1.take_if(|held| number.is_none_or(|number| held.number == number))
    }
}

/// The subscription that a reply opens.
fn subscription(method: &str, reply: &Reply) -> Option<String> {
    match reply {
        Reply::Result(result) if method.contains("_subscribe") => Some(result.get().to_owned()),
        _ => None,
    }
}

fn height_of(header: &RawValue) -> Option<u64> {
    let header: Value = serde_json::from_str(header.get()).ok()?;
    u64::from_str_radix(header["number"].as_str()?.strip_prefix("0x")?, 16).ok()
}
