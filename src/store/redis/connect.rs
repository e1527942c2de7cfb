//! Connections to the servers, and what is said when there is none.

use std::{path::PathBuf, time::Duration};

use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
    cluster::ClusterClient,
    io::tcp::TcpSettings,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::{remote::install_tls, store::StoreError};

use super::{
    link::Connection,
    open::{OpenError, RedisOptions},
};

/// Longest wait for an answer of the server.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Longest wait for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How often a command is sent again that a node of a Cluster refused or did not take, such as while a slot moves. Then
/// whoever asked is told, so that a node that is down holds up the work on others for a short time only.
const RETRIES: u32 = 4;

/// Longest wait before one is sent again.
const RETRY_WAIT_MS_MAX: u64 = 250;

/// Where the servers are, and by whom they must be vouched for.
pub(super) struct Servers {
    urls: Vec<String>,
    cluster: bool,
    ca: Option<TlsCertificates>,
    /// As errors name them: without users and passwords.
    places: String,
}

impl Servers {
    /// # Errors
    /// A URL is none, or there is no certificate where there should be one.
    pub fn new(options: &RedisOptions) -> Result<Self, OpenError> {
        let mut places = Vec::with_capacity(options.urls.len());
        for (n, url) in options.urls.iter().enumerate() {
            let parsed = url.as_str().into_connection_info();
            let parsed = parsed.map_err(|_| OpenError::Url { number: n + 1 })?;
            places.push(parsed.addr().to_string());
        }
        Ok(Servers {
            urls: options.urls.clone(),
            cluster: options.cluster,
            ca: options.ca.clone().map(certificates).transpose()?,
            places: places.join(", "),
        })
    }

    pub async fn connect(&self) -> Result<Connection, OpenError> {
        install_tls();
        if self.cluster {
            let mut builder = ClusterClient::builder(self.urls.iter().map(String::as_str))
                .tcp_settings(tcp())
                .connection_timeout(CONNECT_WITHIN)
                .response_timeout(ANSWER_WITHIN)
                .retries(RETRIES)
                .max_retry_wait(RETRY_WAIT_MS_MAX);
            if let Some(ca) = &self.ca {
                builder = builder.certs(ca.clone());
            }
            return Ok(Connection::Cluster(builder.build()?.get_async_connection().await?));
        }
        let url: ConnectionInfo = self.urls.first().map_or("", String::as_str).into_connection_info()?;
        let url = url.set_tcp_settings(tcp());
        let client = match &self.ca {
            Some(ca) => Client::build_with_tls(url, ca.clone())?,
            None => Client::open(url)?,
        };
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN));
        // It is waited for while nobody listens there; what else is wrong will be wrong the next time too.
        let first = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_WITHIN));
        match client.get_multiplexed_async_connection_with_config(&first).await {
            Err(error) if !error.is_connection_refusal() => return Err(error.into()),
            Ok(_) | Err(_) => {}
        }
        Ok(Connection::Server(ConnectionManager::new_with_config(client, config).await?))
    }

    /// An error of the servers with where they are, and what to do.
    pub fn explain(&self, error: OpenError) -> OpenError {
        let why = match &error {
            OpenError::Redis(error) => error.to_string(),
            OpenError::Store(StoreError::Unavailable(why)) => why.clone(),
            _ => return error,
        };
        let remedy = remedy(&why, self.ca.is_some());
        OpenError::Refused { at: self.places.clone(), why, remedy }
    }
}

/// A script is sent when it is written, and not when what went before has been confirmed. A server that confirms nothing is
/// not there any more: without that a connection through which nothing comes would be used again and again.
fn tcp() -> TcpSettings {
    let settings = TcpSettings::default().set_nodelay(true);
    #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
    let settings = settings.set_user_timeout(ANSWER_WITHIN);
    settings
}

/// The certificates in a file.
fn certificates(path: PathBuf) -> Result<TlsCertificates, OpenError> {
    let pem = match std::fs::read(&path) {
        Ok(pem) => pem,
        Err(error) => return Err(OpenError::Ca { path, why: error.to_string() }),
    };
    let mut held = CertificateDer::pem_slice_iter(&pem);
    let why = match held.next() {
        Some(Ok(_)) => return Ok(TlsCertificates { client_tls: None, root_cert: Some(pem) }),
        Some(Err(error)) => error.to_string(),
        None => "it holds no certificate in PEM, which begins with `-----BEGIN CERTIFICATE-----`".to_owned(),
    };
    Err(OpenError::Ca { path, why })
}

/// What helps, by the words that Redis and TLS use: a Cluster's client hands on nothing else.
fn remedy(why: &str, ca: bool) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if says(&["WRONGPASS", "NOAUTH", "authentication failed", "AuthenticationFailed"]) {
        "correct user and password in the URL, as redis://USER:${REDIS_PASSWORD}@HOST:PORT, with special characters of \
         the password written as in any URL (%40 for @)"
    } else if says(&["NOPERM", "NoPerm", "no permissions", "user executing the script can't"]) {
        "allow the user what config/hookyard.toml lists under [store.redis]"
    } else if says(&["certificate", "UnknownIssuer"]) {
        if ca {
            "store.redis.ca_file must hold the certificate of the authority that signed the server's, which must name the \
             host as the URL does"
        } else {
            "set store.redis.ca_file to the certificate of the authority that signed the server's"
        }
    } else {
        "see to it that Redis runs there, with rediss:// if it speaks TLS and redis:// if not, and start again"
    }
}
