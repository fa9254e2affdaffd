//! A small S3 in memory that does what a script says: refuses, breaks off, hangs, or does it and says otherwise.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sentinel_core::secret::Secret;
use sentinel_core::storage::{ObjectStorage, Patience, S3Options};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The answer has this status and code; the request has no effect.
    Refuse(u16, &'static str),
    /// It takes effect, and the answer is an error all the same.
    DoAndRefuse(u16, &'static str),
    /// The connection ends; the request has no effect.
    Cut,
    /// It takes effect, and the connection ends before the answer.
    DoAndCut,
    /// Nothing happens any more on this connection.
    Hang,
    /// It takes effect, and no answer ever comes.
    DoAndHang,
    /// Somebody else writes the object first.
    Overtaken,
}

/// One object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) bytes: Vec<u8>,
    /// The headers `x-amz-meta-…`.
    pub(crate) meta: BTreeMap<String, String>,
}

/// One object that arrives in parts.
#[derive(Debug)]
pub(crate) struct Upload {
    object: Object,
    key: String,
    parts: BTreeMap<u32, Vec<u8>>,
}

/// What the server has and has seen.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) objects: BTreeMap<String, Object>,
    /// Uploads that are neither completed nor given up, by id.
    pub(crate) uploads: BTreeMap<String, Upload>,
    /// Method and target of every request.
    pub(crate) requests: Vec<String>,
    /// What happens to the next requests of this method and, where one is given, with this word in their query.
    pub(crate) script: VecDeque<(&'static str, &'static str, Fault)>,
    /// Drop the metadata of objects, as some stores do.
    pub(crate) forgetful: bool,
    uploads_begun: u32,
}

/// A running server; it ends with this value.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state, task: task.abort_handle() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The next requests of this method meet these faults.
    pub(crate) fn script(&self, method: &'static str, faults: &[Fault]) {
        self.state().script.extend(faults.iter().map(|fault| (method, "", *fault)));
    }

    pub(crate) fn options(&self) -> S3Options {
        options(&format!("http://{}", self.address))
    }

    pub(crate) fn storage(&self) -> ObjectStorage {
        ObjectStorage::s3(&self.options()).unwrap()
    }
}

/// A bucket at this endpoint, with little patience.
pub(crate) fn options(endpoint: &str) -> S3Options {
    S3Options {
        bucket: Some("bucket".to_owned()),
        aws_access_key_id: Some("AKIDEXAMPLE".to_owned()),
        aws_secret_access_key: Some(Secret::new("hush-hush")),
        endpoint_url: Some(endpoint.to_owned()),
        patience: Patience {
            tries: 8,
            first_pause: Duration::from_millis(2),
            longest_pause: Duration::from_millis(20),
            total: Duration::from_secs(30),
        },
        timeout: Duration::from_millis(200),
        multipart_above: 8 * 1024 * 1024,
        ..S3Options::default()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Request {
    method: String,
    key: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    fn error(status: u16, code: &str) -> Self {
        let message = "because the script says so";
        Self::new(status, format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"))
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream).await {
        let fault = lock(&state).fault(&request);
        let answer = match fault {
            Some(Fault::Refuse(..) | Fault::Cut | Fault::Hang) => None,
            Some(Fault::Overtaken) => {
                let object = Object { bytes: b"theirs".to_vec(), meta: BTreeMap::new() };
                lock(&state).objects.insert(request.key.clone(), object);
                Some(lock(&state).answer(&request))
            }
            _ => Some(lock(&state).answer(&request)),
        };
        let answer = match fault {
            Some(Fault::Cut | Fault::DoAndCut) => return,
            Some(Fault::Hang | Fault::DoAndHang) => std::future::pending().await,
            Some(Fault::Refuse(status, code) | Fault::DoAndRefuse(status, code)) => Answer::error(status, code),
            Some(Fault::Overtaken) | None => answer.unwrap_or_else(|| Answer::new(500, "")),
        };
        if write(&mut stream, &request, answer).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = query.split('&').filter(|pair| !pair.is_empty());
    let query = query.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (k.to_owned(), v.to_owned()));
    let key = path.strip_prefix("/bucket").unwrap_or("").trim_start_matches('/').to_owned();
    Some(Request { method, key, query: query.collect(), headers, body })
}

async fn write(stream: &mut BufReader<TcpStream>, request: &Request, answer: Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Status\r\n", answer.status);
    let has_length = answer.headers.iter().any(|(name, _)| name == "content-length");
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if !has_length && answer.status != 204 {
        let _ = write!(head, "content-length: {}\r\n", answer.body.len());
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    if request.method != "HEAD" && answer.status != 204 {
        stream.write_all(&answer.body).await?;
    }
    stream.flush().await
}

impl State {
    fn fault(&mut self, request: &Request) -> Option<Fault> {
        let query: String = request.query.keys().map(|name| format!(" {name}")).collect();
        self.requests.push(format!("{} {}{query}", request.method, request.key));
        let at = self.script.iter().position(|(method, word, _)| {
            *method == request.method && (word.is_empty() || request.query.contains_key(*word))
        })?;
        self.script.remove(at).map(|(_, _, fault)| fault)
    }

    /// How many requests there were of this method.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.requests.iter().filter(|request| request.starts_with(method)).count()
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let upload = request.query.get("uploadId");
        match (request.method.as_str(), upload) {
            ("POST", None) if request.query.contains_key("uploads") => self.begin(request),
            ("GET", None) if request.query.contains_key("uploads") => self.unfinished(),
            ("GET", None) if request.query.contains_key("list-type") => self.list(request),
            ("PUT", Some(id)) => self.part(id, request),
            ("POST", Some(id)) => self.complete(id),
            ("DELETE", Some(id)) => match self.uploads.remove(id) {
                Some(_) => Answer::new(204, ""),
                None => Answer::error(404, "NoSuchUpload"),
            },
            ("PUT", None) => {
                if request.headers.contains_key("if-none-match") && self.objects.contains_key(&request.key) {
                    return Answer::error(412, "PreconditionFailed");
                }
                let object = Object { bytes: request.body.clone(), meta: self.meta(request) };
                self.objects.insert(request.key.clone(), object);
                tagged(200)
            }
            ("GET" | "HEAD", None) => match self.objects.get(&request.key) {
                Some(object) => {
                    let mut answer = tagged(200);
                    answer.headers.push(("content-length".to_owned(), object.bytes.len().to_string()));
                    answer.headers.push(("last-modified".to_owned(), "Tue, 01 Sep 2026 00:00:00 GMT".to_owned()));
                    answer.headers.extend(object.meta.clone());
                    answer.body = object.bytes.clone();
                    answer
                }
                None => Answer::error(404, "NoSuchKey"),
            },
            ("DELETE", None) => {
                self.objects.remove(&request.key);
                Answer::new(204, "")
            }
            _ => Answer::error(400, "InvalidRequest"),
        }
    }

    fn meta(&self, request: &Request) -> BTreeMap<String, String> {
        let meta = request.headers.iter().filter(|(name, _)| name.starts_with("x-amz-meta-") && !self.forgetful);
        meta.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn begin(&mut self, request: &Request) -> Answer {
        self.uploads_begun += 1;
        let id = format!("upload{}", self.uploads_begun);
        let object = Object { bytes: Vec::new(), meta: self.meta(request) };
        self.uploads.insert(id.clone(), Upload { object, key: request.key.clone(), parts: BTreeMap::new() });
        let (bucket, key) = ("bucket", &request.key);
        Answer::new(
            200,
            format!(
                "<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key><UploadId>{id}</UploadId>\
                 </InitiateMultipartUploadResult>"
            ),
        )
    }

    fn part(&mut self, id: &str, request: &Request) -> Answer {
        let number = request.query.get("partNumber").and_then(|number| number.parse().ok());
        match (self.uploads.get_mut(id), number) {
            (Some(upload), Some(number)) => {
                upload.parts.insert(number, request.body.clone());
                tagged(200)
            }
            _ => Answer::error(404, "NoSuchUpload"),
        }
    }

    fn complete(&mut self, id: &str) -> Answer {
        let Some(Upload { mut object, key, parts }) = self.uploads.remove(id) else {
            return Answer::error(404, "NoSuchUpload");
        };
        object.bytes = parts.into_values().flatten().collect();
        self.objects.insert(key, object);
        Answer::new(200, "<CompleteMultipartUploadResult><ETag>\"tag\"</ETag></CompleteMultipartUploadResult>")
    }

    fn unfinished(&self) -> Answer {
        let mut body = "<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>".to_owned();
        for (id, Upload { key, .. }) in &self.uploads {
            let _ = write!(
                body,
                "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>2026-09-01T00:00:00.000Z</Initiated></Upload>"
            );
        }
        body.push_str("</ListMultipartUploadsResult>");
        Answer::new(200, body)
    }

    fn list(&self, request: &Request) -> Answer {
        let prefix = request.query.get("prefix").map(|prefix| prefix.replace("%2F", "/")).unwrap_or_default();
        let mut body = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
        for (key, object) in self.objects.iter().filter(|(key, _)| key.starts_with(&prefix)) {
            let size = object.bytes.len();
            let _ = write!(
                body,
                "<Contents><Key>{key}</Key><LastModified>2026-09-01T00:00:00.000Z</LastModified><ETag>\"tag\"</ETag>\
                 <Size>{size}</Size></Contents>"
            );
        }
        body.push_str("</ListBucketResult>");
        Answer::new(200, body)
    }
}

fn tagged(status: u16) -> Answer {
    let mut answer = Answer::new(status, "");
    answer.headers.push(("etag".to_owned(), "\"tag\"".to_owned()));
    answer
}
