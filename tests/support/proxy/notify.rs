//! What the node announces, on its way to the client of one WebSocket.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};

use super::Action;
use super::relay::{Out, Relay};
use super::upstream::Notification;

/// How long a notification waits for the next, to change places with it.
const SWAP: Duration = Duration::from_secs(2);

/// What the client of one WebSocket knows of, so that it hears of nothing else.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    known: HashSet<String>,
    early: HashMap<String, Vec<Notification>>,
    /// What waits for the next notification, and how long it does.
    held: Option<(Vec<Vec<u8>>, Instant)>,
}

impl Subscriptions {
    /// The messages that go out next; `None` when no more will come.
    pub(super) async fn next(
        &mut self,
        relay: &Relay,
        outgoing: &mut mpsc::UnboundedReceiver<Out>,
    ) -> Option<Vec<Vec<u8>>> {
        let out = match &self.held {
            None => outgoing.recv().await?,
            Some((_, until)) => match timeout_at(*until, outgoing.recv()).await {
                Ok(out) => out?,
                // Nothing came to change places with.
                Err(_) => return Some(self.held.take().map(|(texts, _)| texts).unwrap_or_default()),
            },
        };
        let mut messages = Vec::new();
        let notifications = match out {
            Out::Message(text) => return Some(vec![text]),
            Out::Notification(one) if self.known.contains(&one.subscription) => vec![one],
            Out::Notification(early) => {
                self.early.entry(early.subscription.clone()).or_default().push(early);
                return Some(messages);
            }
            Out::Subscribed(subscription) => {
                relay.director.subscribed(relay.connection, &subscription);
                let early = self.early.remove(&subscription).unwrap_or_default();
                self.known.insert(subscription);
                early
            }
        };
        for notification in notifications {
            self.announce(relay, notification, &mut messages).await;
        }
        Some(messages)
    }

    async fn announce(&mut self, relay: &Relay, mut notification: Notification, messages: &mut Vec<Vec<u8>>) {
        let director = &relay.director;
        let Some(actions) = director.notification(relay.connection, &notification.subscription) else { return };
        let (mut times, mut hold) = (1, false);
        for action in actions {
            match &action {
                Action::SkipNotification => times = 0,
                Action::DupNotification => times = 2,
                Action::SwapNotifications => hold = true,
                Action::HeadRegress(by) => {
                    if let Some(earlier) = relay.earlier_header(&notification.result, *by).await {
                        notification.result = earlier;
                    }
                }
                Action::Delay(delay) => sleep(*delay).await,
                _ => {
                    director.strike(action, Some(relay.connection));
                    continue;
                }
            }
            director.did(&action);
        }
        let texts = std::iter::repeat_n(notification.message().into_bytes(), times);
        let before = self.held.take().map(|(texts, _)| texts).unwrap_or_default();
        if hold {
            messages.extend(before);
            self.held = Some((texts.collect(), Instant::now() + SWAP));
        } else {
            messages.extend(texts.chain(before));
        }
    }
}
