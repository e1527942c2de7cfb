//! The service and its stand-ins, on ports and in a directory of their own.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use secrecy::SecretString;

use crate::{
    config::{Files, FixedEnvironment},
    domain::Clock,
    engine::{CompileOptions, Reach},
    host::{self, SystemClock, Tasks},
    sandbox::{Sandbox, SandboxOptions},
    service::{Role, Service, ServiceOptions},
};

use super::super::project;

/// Secrets of the demo's own sources. They guard nothing but this demo.
pub(super) const GITHUB_SECRET: &str = "demo-github-secret";
pub(super) const STRIPE_SECRET: &str = "whsec_demo_stripe";
pub(super) const FORMS_SECRET: &str = "demo-forms-secret";
pub(super) const PARTNERS_SECRET: &str = "whsec_ZGVtby1wYXJ0bmVycy1zZWNyZXQtMDEyMzQ1Njc=";

/// What the stand-ins demand.
const TOKEN: &str = "demo-token";
const SIGNING_SECRET: &str = "whsec_ZGVtby1hbmFseXRpY3Mtc2VjcmV0LTAxMjM0NTY=";

pub(super) struct Stage {
    pub service: Service,
    pub public: SocketAddr,
    pub sandbox: Sandbox,
    pub clock: Arc<dyn Clock>,
    pub data: Temporary,
}

/// A directory that goes with this value, however the demo ends.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.0.exists()
            && let Err(error) = std::fs::remove_dir_all(&self.0)
        {
            tracing::error!(data = %self.0.display(), %error, "the demo's directory could not be removed");
        }
    }
}

impl Stage {
    pub async fn build() -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let stagehands = Tasks::default();
        let options =
            SandboxOptions::new(Arc::clone(&clock), TOKEN.into(), SecretString::from(SIGNING_SECRET));
        let sandbox = Sandbox::start(options, |work| stagehands.spawn("sandbox", work)).await?;
        let path = std::env::temp_dir().join(format!("hookyard-demo-{}", host::unique_name()));
        let data = Temporary(path.clone());
        let options = CompileOptions {
            data_dir: Some(path.clone()),
            reach: Reach::Sandbox,
            ..CompileOptions::default()
        };
        let mut engine = project::engine(&Files::embedded(), &environment(&sandbox), options)?;
        // A handful of events needs no room to speak of.
        engine.settings.store.disk_free_bytes_min = 0;
        let loopback = (Ipv4Addr::LOCALHOST, 0).into();
        let options = ServiceOptions {
            listen: loopback,
            admin_listen: loopback,
            admin_token: None,
            clock: Arc::clone(&clock),
            role: Role::All,
            project: None,
        };
        let service = Service::start(engine, options).await.context("starting the service")?;
        let public = service.public.context("the service does not listen")?;
        Ok(Stage { service, public, sandbox, clock, data })
    }

    /// Ends everything and leaves nothing behind.
    pub async fn strike(self) {
        let Stage { service, sandbox, data, .. } = self;
        service.stop().await;
        sandbox.stop().await;
        drop(data);
    }
}

/// The variables that the built-in configuration refers to, pointing at the stand-ins.
fn environment(sandbox: &Sandbox) -> FixedEnvironment {
    let urls = sandbox.urls();
    [
        ("GITHUB_WEBHOOK_SECRET", GITHUB_SECRET),
        ("STRIPE_WEBHOOK_SECRET", STRIPE_SECRET),
        ("FORMS_WEBHOOK_SECRET", FORMS_SECRET),
        ("PARTNERS_WEBHOOK_SECRET", PARTNERS_SECRET),
        ("CRM_URL", &urls.crm),
        ("CRM_TOKEN", TOKEN),
        ("HELPDESK_URL", &urls.helpdesk),
        ("HELPDESK_TOKEN", TOKEN),
        ("MAIL_URL", &urls.mail),
        ("MAIL_TOKEN", TOKEN),
        ("ANALYTICS_URL", &urls.analytics),
        ("ANALYTICS_SIGNING_SECRET", SIGNING_SECRET),
        ("SLACK_WEBHOOK_URL", &urls.slack),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}
