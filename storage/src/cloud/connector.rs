//! How requests to the large providers are sent: no redirect is followed, no answer is endless.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use http_body_util::{BodyExt, Limited};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpResponseBody, HttpService,
};
use object_store::{ClientConfigKey as Key, ClientOptions};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE};
use reqwest::{ClientBuilder, Method, StatusCode};

use crate::ReadLimits;

/// Largest answer that is no object: listings, reports, logins.
const LARGEST_ANSWER: u64 = 32 << 20;
/// Largest text of an error.
const LARGEST_ERROR: u64 = 1 << 20;

/// Makes clients by the settings of `object_store`, as its own connector does, whose clients follow
/// redirects with all headers but one and collect answers without a limit.
#[derive(Debug)]
pub(crate) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = builder(options)?.build().map_err(unusable)?;
        Ok(HttpClient::new(Service(client)))
    }
}

/// A client with all settings that the environment can make.
fn builder(options: &ClientOptions) -> object_store::Result<ClientBuilder> {
    let text = |key: Key| options.get_config_value(&key);
    let flag = |key: Key| match text(key) {
        Some(value) => switch(&value).ok_or_else(|| wrong(key, &value)),
        None => Ok(false),
    };
    let time = |key: Key| parsed(options, key, |value| humantime::parse_duration(value).ok());

    // A redirect would carry a session's token and the keys of encryption elsewhere. Compressed
    // bodies have another length than the object.
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .https_only(!flag(Key::AllowHttp)?)
        .danger_accept_invalid_certs(flag(Key::AllowInvalidCertificates)?)
        .http2_keep_alive_while_idle(flag(Key::Http2KeepAliveWhileIdle)?)
        .http2_max_frame_size(parsed(options, Key::Http2MaxFrameSize, number)?);
    builder = match parsed(options, Key::UserAgent, number::<HeaderValue>)? {
        Some(agent) => builder.user_agent(agent),
        None => builder.user_agent(concat!("widefield/", env!("CARGO_PKG_VERSION"))),
    };
    if let Some(url) = text(Key::ProxyUrl) {
        let mut proxy = reqwest::Proxy::all(url).map_err(unusable)?;
        if let Some(pem) = text(Key::ProxyCaCertificate) {
            let certificate = reqwest::Certificate::from_pem(pem.as_bytes()).map_err(unusable)?;
            builder = builder.tls_certs_merge([certificate]);
        }
        if let Some(hosts) = text(Key::ProxyExcludes) {
            proxy = proxy.no_proxy(reqwest::NoProxy::from_string(&hosts));
        }
        builder = builder.proxy(proxy);
    }
    if flag(Key::NoSystemCertificates)? {
        builder = builder.tls_certs_only([]);
    }
    if let Some(limit) = time(Key::Timeout)? {
        builder = builder.timeout(limit);
    }
    if let Some(limit) = time(Key::ConnectTimeout)? {
        builder = builder.connect_timeout(limit);
    }
    if let Some(limit) = time(Key::ReadTimeout)? {
        builder = builder.read_timeout(limit);
    }
    if let Some(limit) = time(Key::PoolIdleTimeout)? {
        builder = builder.pool_idle_timeout(limit);
    }
    if let Some(most) = parsed(options, Key::PoolMaxIdlePerHost, number)? {
        builder = builder.pool_max_idle_per_host(most);
    }
    if let Some(interval) = time(Key::Http2KeepAliveInterval)? {
        builder = builder.http2_keep_alive_interval(interval);
    }
    if let Some(limit) = time(Key::Http2KeepAliveTimeout)? {
        builder = builder.http2_keep_alive_timeout(limit);
    }
    if flag(Key::Http1Only)? {
        builder = builder.http1_only();
    }
    if flag(Key::Http2Only)? {
        builder = builder.http2_prior_knowledge();
    }
    if flag(Key::RandomizeAddresses)? {
        builder = builder.dns_resolver(Arc::new(Shuffled));
    }
    Ok(builder)
}

/// What `parse` makes of a setting, if there is one.
fn parsed<T>(
    options: &ClientOptions,
    key: Key,
    parse: impl FnOnce(&str) -> Option<T>,
) -> object_store::Result<Option<T>> {
    let Some(value) = options.get_config_value(&key) else {
        return Ok(None);
    };
    parse(&value).map(Some).ok_or_else(|| wrong(key, &value))
}

fn number<T: FromStr>(value: &str) -> Option<T> {
    value.parse().ok()
}

/// The words for yes and no that `object_store` knows.
fn switch(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "on" | "yes" | "y" => Some(true),
        "0" | "false" | "off" | "no" | "n" => Some(false),
        _ => None,
    }
}

fn wrong(key: Key, value: &str) -> object_store::Error {
    object_store::Error::Generic {
        store: "settings",
        source: format!("{} cannot be {value:?}", key.as_ref()).into(),
    }
}

/// Without the address, which may hold the password of a proxy.
fn unusable(error: reqwest::Error) -> object_store::Error {
    object_store::Error::Generic {
        store: "HTTP client",
        source: Box::new(error.without_url()),
    }
}

/// Spreads connections over all addresses of a name.
struct Shuffled;

impl Resolve for Shuffled {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let look = move || (name.as_str(), 0).to_socket_addrs();
            let mut addresses: Vec<SocketAddr> =
                tokio::task::spawn_blocking(look).await??.collect();
            // Each has keys of its own.
            let order = RandomState::new();
            addresses.sort_by_cached_key(|address| order.hash_one(address));
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Sends requests, and gives no redirect and no answer without an end to those who asked.
#[derive(Debug)]
struct Service(reqwest::Client);

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let asked = Asked::of(&request);
        let response = HttpService::call(&self.0, request).await?;
        let (status, headers) = (response.status(), response.headers());
        if status.is_redirection()
            && status != StatusCode::NOT_MODIFIED
            && headers.contains_key(LOCATION)
        {
            return Err(refused(Refused::Redirect(status)));
        }
        let stated = header(headers, &CONTENT_LENGTH).and_then(number);
        let most = asked.most(status, stated);
        // Its body is not begun. A refusal is told by its status first, an answer to HEAD has no body.
        if status.is_success() && asked != Asked::Head && stated.is_some_and(|bytes| bytes > most) {
            return Err(refused(Refused::Long));
        }
        let (parts, body) = response.into_parts();
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let body = Limited::new(body, most).map_err(|error| match error.downcast() {
            Ok(error) => *error,
            Err(_) => refused(Refused::Long),
        });
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
    }
}

/// What an answer is to be, which says how long it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Head,
    /// An object, or so many bytes of it.
    Object(Option<u64>),
    /// What is held in memory whole: listings, reports, logins.
    Other,
}

impl Asked {
    fn of(request: &HttpRequest) -> Asked {
        // As `object_store` writes listings: S3 and Google `list-type=2`, Azure `comp=list`.
        let query = request.uri().query().unwrap_or_default();
        let other = |pair: &str| pair.starts_with("list-type=") || pair.starts_with("comp=");
        match *request.method() {
            Method::HEAD => Asked::Head,
            Method::GET if !query.split('&').any(other) => {
                Asked::Object(header(request.headers(), &RANGE).and_then(length))
            }
            _ => Asked::Other,
        }
    }

    /// Most bytes of an answer that states so many.
    fn most(self, status: StatusCode, stated: Option<u64>) -> u64 {
        match self {
            _ if !status.is_success() => LARGEST_ERROR,
            Asked::Object(Some(bytes)) if status == StatusCode::PARTIAL_CONTENT => bytes,
            // What is stated is all that the client takes.
            Asked::Object(_) => stated.unwrap_or(ReadLimits::default().bytes),
            Asked::Head | Asked::Other => LARGEST_ANSWER,
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Length of a range with both ends.
fn length(range: &str) -> Option<u64> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    last.checked_sub(first)?.checked_add(1)
}

/// Why an answer is not taken.
#[derive(Debug)]
enum Refused {
    Redirect(StatusCode),
    Long,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Redirect(status) => write!(
                f,
                "the server answered {status}, and a redirect to another address is not followed; \
                 are endpoint and region right?"
            ),
            Refused::Long => f.write_str("the answer is unreasonably long"),
        }
    }
}

impl std::error::Error for Refused {}

/// Of the kind that is not tried again.
fn refused(why: Refused) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_settings_are_understood_and_wrong_ones_named() {
        let settings = [
            (Key::AllowHttp, "yes", "maybe"),
            (Key::AllowInvalidCertificates, "on", "2"),
            (Key::ConnectTimeout, "1 minute", "soon"),
            (Key::Http1Only, "false", "x"),
            (Key::Http2KeepAliveInterval, "3s", "3"),
            (Key::Http2KeepAliveTimeout, "1h 2m", "-1s"),
            (Key::Http2KeepAliveWhileIdle, "Y", "x"),
            (Key::Http2MaxFrameSize, "20000", "-1"),
            (Key::NoSystemCertificates, "0", "x"),
            (Key::PoolIdleTimeout, "90s", "x"),
            (Key::PoolMaxIdlePerHost, "4", "four"),
            (Key::RandomizeAddresses, "False", "x"),
            (Key::ReadTimeout, "500ms", "x"),
            (Key::Timeout, "15 minutes", "x"),
        ];
        let mut all = ClientOptions::new()
            .with_config(Key::UserAgent, "some agent")
            .with_config(Key::ProxyExcludes, "localhost,10.0.0.0/8")
            .with_config(Key::ProxyUrl, "http://user:marker@host:1");
        for (key, right, wrong) in settings {
            all = all.with_config(key, right);
            let options = ClientOptions::new().with_config(key, wrong);
            let error = Connector.connect(&options).unwrap_err().to_string();
            assert!(error.contains(key.as_ref()), "{error}");
        }
        Connector.connect(&all).unwrap();
        Connector.connect(&ClientOptions::new()).unwrap();
        let proxy = all.with_config(Key::ProxyUrl, "http://user:marker@host:port");
        let error = Connector.connect(&proxy).unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("marker"),
            "{error:?}"
        );
    }

    #[test]
    fn only_what_is_asked_for_can_be_long() {
        assert_eq!(length("bytes=5-9"), Some(5));
        for range in [
            "bytes=5-",
            "bytes=-5",
            "bytes=9-5",
            "5-9",
            "bytes=0-18446744073709551615",
        ] {
            assert_eq!(length(range), None, "{range}");
        }
        let (ok, part) = (StatusCode::OK, StatusCode::PARTIAL_CONTENT);
        let object = Asked::Object(None);
        assert_eq!(object.most(ok, Some(1 << 40)), 1 << 40);
        assert_eq!(object.most(ok, None), ReadLimits::default().bytes);
        assert_eq!(Asked::Object(Some(5)).most(part, Some(1 << 40)), 5);
        assert_eq!(Asked::Other.most(ok, Some(1 << 40)), LARGEST_ANSWER);
        let error = object.most(StatusCode::BAD_REQUEST, Some(1 << 40));
        assert_eq!(error, LARGEST_ERROR);
    }
}
