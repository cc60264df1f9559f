//! Requests to one account: token, repetition, limits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::PutPayload;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::auth::{self, Question, Session};
use super::credentials::Credentials;
use super::failure::Failure;
use super::retry::{self, Retries};
use crate::patience;

/// Longest wait for the head of an answer, besides the time that the body of the request takes.
const PATIENCE: Duration = Duration::from_secs(120);
/// A login that was refused is not tried again so soon: accounts get locked.
const REFUSED_FOR: Duration = Duration::from_secs(10);
/// Largest answer that is read whole: logins, listings, reports.
const LARGEST_ANSWER: usize = 32 << 20;
/// Of what a cluster or Keystone tells of itself, which is held as a tree.
const LARGEST_TREE: usize = 1 << 20;
/// Longest time in which a cluster tells its limits. Uploads wait for it.
const TELLING: Duration = Duration::from_secs(10);
/// How long one that did not is not asked again.
const SILENT_FOR: Duration = Duration::from_secs(600);

/// One request below the address of the account.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) method: reqwest::Method,
    /// Escaped path and query; `""` is the account.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<PutPayload>,
}

impl Call {
    pub(super) fn new(method: reqwest::Method, target: impl Into<String>) -> Self {
        Call {
            method,
            target: target.into(),
            headers: HeaderMap::new(),
            body: None,
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn body(mut self, body: impl Into<PutPayload>) -> Self {
        self.body = Some(body.into());
        self
    }
}

/// An answer that is no error.
pub(super) struct Answer {
    pub(super) response: Response,
}

/// A refusal.
pub(super) struct Refusal {
    pub(super) failure: Failure,
    /// An earlier attempt failed in a way that leaves open whether it was carried out.
    pub(super) doubt: bool,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        refusal.failure
    }
}

/// What the cluster says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Largest object in one put, in bytes.
    pub(super) max_file_size: u64,
    /// Most segments of a large object; 0 if the cluster has none.
    pub(super) max_segments: usize,
    /// Most names in one bulk deletion; 0 if the cluster has none.
    pub(super) max_deletes: usize,
}

impl Default for Limits {
    /// What Swift has if it is not told otherwise, for clusters that do not answer; bulk
    /// deletion is then not relied on.
    fn default() -> Self {
        Limits {
            max_file_size: 5 << 30,
            max_segments: 1000,
            max_deletes: 0,
        }
    }
}

enum Login {
    None,
    Session(Arc<Session>),
    /// Failed with this, and not tried again before that time.
    Failed(Failure, Instant),
}

/// Connections, for each runtime its own: one that is kept in a pool is driven by the runtime that
/// opened it, and a request over it from elsewhere waits for ever once that runtime has gone.
struct Http {
    certificates: Vec<reqwest::Certificate>,
    /// Of the runtimes that came last.
    clients: std::sync::Mutex<VecDeque<(tokio::runtime::Id, reqwest::Client)>>,
}

/// Most runtimes whose connections are kept.
const RUNTIMES: usize = 8;

impl Http {
    /// For requests from the current runtime.
    fn client(&self) -> Result<reqwest::Client, Failure> {
        let here = tokio::runtime::Handle::current().id();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = clients.iter().find(|(runtime, _)| *runtime == here) {
            return Ok(client.clone());
        }
        let client = self.build().map_err(Failure::connection)?;
        clients.truncate(RUNTIMES - 1);
        clients.push_front((here, client.clone()));
        Ok(client)
    }

    fn build(&self) -> reqwest::Result<reqwest::Client> {
        // A redirect would carry the token elsewhere; HTTP/1.1 gives each transfer its own connection.
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .connect_timeout(Duration::from_secs(20))
            .user_agent(concat!("widefield/", env!("CARGO_PKG_VERSION")));
        let certificates = self.certificates.iter().cloned();
        certificates
            .fold(builder, reqwest::ClientBuilder::add_root_certificate)
            .build()
    }
}

/// A client of one account.
pub(super) struct Client {
    http: Http,
    credentials: Credentials,
    retries: Retries,
    login: Mutex<Login>,
    /// What the cluster told; after silence what is usual, until then.
    limits: Mutex<Option<(Limits, Option<Instant>)>>,
    /// The last request to end was given up.
    away: AtomicBool,
}

impl Client {
    pub(super) fn new(credentials: Credentials, retries: Retries) -> Result<Self, String> {
        let mut certificates = Vec::new();
        if let Some(path) = &credentials.ca_file {
            let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let pem = std::fs::read(path).map_err(|error| told(&error))?;
            certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|e| told(&e))?;
        }
        let http = Http {
            certificates,
            clients: std::sync::Mutex::default(),
        };
        // What cannot be built is told here, not at the first request.
        http.build().map_err(|error| error.to_string())?;
        Ok(Client {
            http,
            credentials,
            retries,
            login: Mutex::new(Login::None),
            limits: Mutex::new(None),
            away: AtomicBool::new(false),
        })
    }

    /// Sends `call` until it succeeds or there is no more point in trying.
    pub(super) async fn send(&self, call: &Call) -> Result<Answer, Refusal> {
        let bytes = call.body.as_ref().map_or(0, PutPayload::content_length);
        let limit = self.time(bytes as u64);
        let given_up = |_| {
            Err(Refusal {
                failure: self.given_up(limit),
                doubt: true,
            })
        };
        let sent = timeout(limit, self.attempts(call)).await;
        sent.unwrap_or_else(given_up)
    }

    /// Longest time of one request with all its attempts, which carries so many bytes.
    ///
    /// A tenth of the whole is left for those who wait for more than one request: the first that is given up says that
    /// the store is away.
    pub(super) fn time(&self, bytes: u64) -> Duration {
        patience::with_bytes(self.retries.whole.mul_f64(0.9), bytes)
    }

    /// Time of a whole call of which this account is asked.
    pub(super) fn whole(&self) -> Duration {
        self.retries.whole
    }

    /// Takes note that the store did not do something in its time.
    pub(super) fn given_up(&self, limit: Duration) -> Failure {
        self.away.store(true, Ordering::Relaxed);
        Failure::Timeout { limit }
    }

    async fn attempts(&self, call: &Call) -> Result<Answer, Refusal> {
        let (mut failed, mut renewed, mut doubt) = (0, 0, false);
        loop {
            let refusal = |failure, doubt| Refusal { failure, doubt };
            let session = self
                .session(None)
                .await
                .map_err(|failure| refusal(failure, doubt))?;
            let (failure, asked) = match self.once(&session, call).await {
                Ok(response) if response.status().is_success() => {
                    self.away.store(false, Ordering::Relaxed);
                    return Ok(Answer { response });
                }
                Ok(response) => {
                    let status = response.status();
                    let failure = Failure::Status {
                        status,
                        detail: detail(response.headers()),
                    };
                    if status == StatusCode::UNAUTHORIZED && renewed < 2 {
                        // Twice, since some servers hand out one token until its last second.
                        renewed += 1;
                        self.session(Some(&session))
                            .await
                            .map_err(|failure| refusal(failure, doubt))?;
                        continue;
                    }
                    if !retry::passes(status) {
                        return Err(refusal(failure, doubt));
                    }
                    doubt |= retry::leaves_doubt(status);
                    (failure, retry::asked(response.headers()))
                }
                Err(failure) => {
                    doubt = true;
                    (failure, None)
                }
            };
            failed += 1;
            match self.patience(failed, asked) {
                Some(wait) => sleep(wait).await,
                None => return Err(refusal(failure, doubt)),
            }
        }
    }

    /// Sends `call` and reads the answer whole, also repeating it if the body breaks.
    pub(super) async fn text(&self, call: &Call) -> Result<Bytes, Failure> {
        let attempts = async {
            let mut failed = 0;
            loop {
                let answer = self.send(call).await?;
                match whole(answer.response, LARGEST_ANSWER).await {
                    Ok(body) => return Ok(body),
                    Err(failure) => {
                        failed += 1;
                        let Some(wait) = self.patience(failed, None) else {
                            return Err(failure);
                        };
                        sleep(wait).await;
                    }
                }
            }
        };
        let limit = self.time(0);
        let text = timeout(limit, attempts).await;
        text.unwrap_or_else(|_| Err(self.given_up(limit)))
    }

    /// Wait before the next attempt after `failed` ones, for transfers that resume.
    pub(super) fn wait(&self, failed: u32) -> Option<Duration> {
        self.patience(failed, None)
    }

    /// The same, with what the server asks for.
    ///
    /// Once a request has been given up the store counts as away: others are tried once, until one
    /// succeeds. A run with hundreds of objects ends soon then, instead of being patient with each.
    fn patience(&self, failed: u32, asked: Option<Duration>) -> Option<Duration> {
        if self.away.load(Ordering::Relaxed) {
            return None;
        }
        let wait = self.retries.wait(failed, asked);
        if wait.is_none() {
            self.away.store(true, Ordering::Relaxed);
        }
        wait
    }

    async fn once(&self, session: &Session, call: &Call) -> Result<Response, Failure> {
        let url = format!("{}{}", session.storage_url, call.target);
        let token = HeaderValue::from_str(session.token.expose())
            .map_err(|_| Failure::answer("the token cannot be a header"))?;
        let mut request = self
            .http
            .client()?
            .request(call.method.clone(), url)
            .headers(call.headers.clone())
            .header("X-Auth-Token", sensitive(token));
        let mut patience = PATIENCE;
        if let Some(body) = &call.body {
            let length = body.content_length();
            patience = patience::with_bytes(patience, length as u64);
            request = request
                .header(CONTENT_LENGTH, length)
                .body(stream(body.clone()));
        }
        match timeout(patience, request.send()).await {
            Ok(sent) => sent.map_err(Failure::connection),
            Err(_) => Err(Failure::Timeout { limit: patience }),
        }
    }

    /// A usable session, other than the `refused` one. Whoever waits for a login takes its result.
    async fn session(&self, refused: Option<&Arc<Session>>) -> Result<Arc<Session>, Failure> {
        let mut login = self.login.lock().await;
        match &*login {
            Login::Session(session) => {
                let fresh = session.renew.is_none_or(|renew| Instant::now() < renew);
                let other = refused.is_none_or(|refused| !Arc::ptr_eq(refused, session));
                if fresh && other {
                    return Ok(Arc::clone(session));
                }
            }
            Login::Failed(failure, until) if Instant::now() < *until => return Err(failure.clone()),
            _ => {}
        }
        let mut result = self.log_in().await;
        if let (Some(refused), Ok(session)) = (refused, &result)
            && session.token == refused.token
        {
            // The same token again: worth a try only if it is about to end.
            if matches!(
                self.credentials.method,
                super::credentials::Method::Token { .. }
            ) {
                result = Err(refusal("the token is refused, and there is no other"));
            } else if let Some(ends) = session.ends
                && ends.saturating_duration_since(Instant::now()) < Duration::from_secs(5)
            {
                tokio::time::sleep_until((ends + Duration::from_millis(50)).into()).await;
                result = self.log_in().await;
            }
        }
        match result {
            Ok(session) => {
                let session = Arc::new(session);
                *login = Login::Session(Arc::clone(&session));
                Ok(session)
            }
            Err(failure) => {
                let pause = match &failure {
                    Failure::Login { refused: true, .. } => REFUSED_FOR,
                    _ => Duration::from_millis(200),
                };
                *login = Login::Failed(failure.clone(), Instant::now() + pause);
                Err(failure)
            }
        }
    }

    async fn log_in(&self) -> Result<Session, Failure> {
        let question = auth::question(&self.credentials).map_err(|reason| refusal(&reason))?;
        let mut failed = 0;
        loop {
            let request = match &question {
                Question::Known(_) => None,
                Question::Get { url, headers } => {
                    let mut request = self.http.client()?.get(url);
                    for (name, secret) in headers {
                        let value = HeaderValue::from_str(secret.expose())
                            .map_err(|_| refusal("user or key cannot be a header"))?;
                        request = request.header(*name, sensitive(value));
                    }
                    Some(request)
                }
                Question::Post { url, body } => Some(
                    self.http
                        .client()?
                        .post(url)
                        .header("Content-Type", "application/json")
                        .header("Accept", "application/json")
                        .body(body.expose().to_owned()),
                ),
            };
            let Some(request) = request else {
                let Question::Known(session) = question else {
                    unreachable!("only what is known needs no request")
                };
                return Ok(session);
            };
            let (failure, asked) = match timeout(PATIENCE, request.send()).await {
                Ok(Ok(response)) => {
                    let status = response.status();
                    if status.is_success() {
                        let headers = response.headers().clone();
                        match whole(response, LARGEST_TREE).await {
                            Ok(body) => {
                                return auth::answer(&self.credentials, &headers, &body)
                                    .map_err(|reason| login_failure(&reason));
                            }
                            Err(failure) => (failure, None),
                        }
                    } else if retry::passes(status) {
                        let failure = login_failure(&format!("the server answered {status}"));
                        (failure, retry::asked(response.headers()))
                    } else if matches!(status.as_u16(), 401 | 403) {
                        return Err(refusal(&format!("refused ({status})")));
                    } else {
                        return Err(login_failure(&format!("the server answered {status}")));
                    }
                }
                Ok(Err(error)) => (Failure::connection(error), None),
                Err(_) => (Failure::Timeout { limit: PATIENCE }, None),
            };
            failed += 1;
            match self.patience(failed, asked) {
                Some(wait) => sleep(wait).await,
                None => return Err(failure),
            }
        }
    }

    /// The cluster's limits, asked for once.
    pub(super) async fn limits(&self) -> Limits {
        let limit = self.time(0);
        timeout(limit, self.find_limits())
            .await
            .unwrap_or_else(|_| {
                self.given_up(limit);
                Limits::default()
            })
    }

    async fn find_limits(&self) -> Limits {
        let mut known = self.limits.lock().await;
        if let Some((limits, until)) = *known
            && until.is_none_or(|until| Instant::now() < until)
        {
            return limits;
        }
        let Ok(session) = self.session(None).await else {
            return Limits::default();
        };
        let limit = TELLING.min(self.time(0) / 4);
        *known = match timeout(limit, self.ask_limits(&session.storage_url)).await {
            // A failed connection is not remembered: the next one may be luckier.
            Ok(found) => found.map(|limits| (limits, None)),
            Err(_) => Some((Limits::default(), Some(Instant::now() + SILENT_FOR))),
        };
        known.map_or_else(Limits::default, |(limits, _)| limits)
    }

    async fn ask_limits(&self, storage_url: &str) -> Option<Limits> {
        let (base, _) = storage_url.rsplit_once("/v1")?;
        let request = self.http.client().ok()?.get(format!("{base}/info")).send();
        let response = request.await.ok()?;
        if !response.status().is_success() {
            return Some(Limits::default());
        }
        let info = serde_json::from_slice(&whole(response, LARGEST_TREE).await.ok()?).ok()?;
        Some(read_limits(&info))
    }
}

fn read_limits(info: &serde_json::Value) -> Limits {
    let default = Limits::default();
    let count = |value: &serde_json::Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
    Limits {
        max_file_size: info["swift"]["max_file_size"]
            .as_u64()
            .unwrap_or(default.max_file_size),
        max_segments: count(&info["slo"]["max_manifest_segments"]).unwrap_or(0),
        max_deletes: count(&info["bulk_delete"]["max_deletes_per_request"]).unwrap_or(0),
    }
}

fn refusal(reason: &str) -> Failure {
    Failure::Login {
        reason: reason.to_owned(),
        refused: true,
    }
}

fn login_failure(reason: &str) -> Failure {
    Failure::Login {
        reason: reason.to_owned(),
        refused: false,
    }
}

fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// The transaction by which the cluster's operators find the request in their logs.
fn detail(headers: &HeaderMap) -> String {
    headers
        .get("X-Trans-Id")
        .and_then(|value| value.to_str().ok())
        .map(|id| format!("transaction {id}"))
        .unwrap_or_default()
}

fn stream(payload: PutPayload) -> reqwest::Body {
    match payload.as_ref() {
        [] => reqwest::Body::from(Bytes::new()),
        [only] => reqwest::Body::from(only.clone()),
        _ => {
            let chunks = payload.into_iter().map(Ok::<_, std::convert::Infallible>);
            reqwest::Body::wrap_stream(futures::stream::iter(chunks))
        }
    }
}

/// The body of an answer that must be small.
async fn whole(mut response: Response, most: usize) -> Result<Bytes, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = chunk(&mut response, PATIENCE).await? {
        if body.len() + chunk.len() > most {
            return Err(Failure::answer("the answer is unreasonably long"));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// The next piece of a body, if it comes within `limit`.
pub(super) async fn chunk(
    response: &mut Response,
    limit: Duration,
) -> Result<Option<Bytes>, Failure> {
    let limit = limit.min(PATIENCE);
    match timeout(limit, response.chunk()).await {
        Ok(chunk) => chunk.map_err(Failure::connection),
        Err(_) => Err(Failure::Timeout { limit }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_are_read_and_what_is_absent_is_not_offered() {
        let info = json!({"swift": {"max_file_size": 1000},
            "slo": {"max_manifest_segments": 7}, "bulk_delete": {"max_deletes_per_request": 9}});
        let limits = read_limits(&info);
        assert_eq!(
            (
                limits.max_file_size,
                limits.max_segments,
                limits.max_deletes
            ),
            (1000, 7, 9)
        );
        let limits = read_limits(&json!({}));
        assert_eq!(
            (
                limits.max_file_size,
                limits.max_segments,
                limits.max_deletes
            ),
            (5 << 30, 0, 0)
        );
    }
}
