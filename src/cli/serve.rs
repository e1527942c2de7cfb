//! `hookyard serve`

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context;
use clap::{Args, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    config::{self, ProcessEnvironment, Stamp},
    engine::CompileOptions,
    host::SystemClock,
    service::{Project, Role, Service, ServiceOptions},
};

use super::{
    End,
    logs::{self, LogFormat},
    project, runtime,
};

/// Run the service until it is told to stop.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Address of the public listener, instead of the configured one.
    #[arg(long, env = "HOOKYARD_LISTEN")]
    listen: Option<SocketAddr>,
    /// Address of the admin listener, instead of the configured one.
    #[arg(long, env = "HOOKYARD_ADMIN_LISTEN")]
    admin_listen: Option<SocketAddr>,
    /// Data directory, instead of the configured one.
    #[arg(long, env = "HOOKYARD_DATA")]
    data: Option<PathBuf>,
    /// What this process does of the work; several that share a Redis do it together.
    #[arg(long, env = "HOOKYARD_ROLE", value_enum, default_value = "all")]
    role: RoleArgument,
    /// How logs are written.
    #[arg(long)]
    log_format: Option<LogFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RoleArgument {
    /// Takes deliveries in.
    Ingest,
    /// Works on jobs.
    Worker,
    /// Keeps house: alarms, retention.
    Keeper,
    All,
}

impl From<RoleArgument> for Role {
    fn from(argument: RoleArgument) -> Self {
        match argument {
            RoleArgument::Ingest => Role::Ingest,
            RoleArgument::Worker => Role::Worker,
            RoleArgument::Keeper => Role::Keeper,
            RoleArgument::All => Role::All,
        }
    }
}

impl Serve {
    pub fn run(self, dir: Option<PathBuf>) -> anyhow::Result<End> {
        logs::start("info", self.log_format);
        let project = project::folder(dir.clone());
        let project =
            project.map(|dir| Project { seen: Stamp::of(&dir), dir, env: Arc::new(ProcessEnvironment) });
        let files = project::files(dir.clone())?;
        let options = CompileOptions { base: dir, data_dir: self.data, ..CompileOptions::default() };
        let engine = project::engine(&files, &ProcessEnvironment, options)?;
        let settings = engine.settings.clone();
        let address = |given: Option<SocketAddr>, configured: &str| match given {
            Some(address) => Ok(address),
            None => configured.parse().with_context(|| format!("`{configured}` is no address")),
        };
        let admin_token = match &settings.server.admin_token {
            Some(reference) => config::secret(reference, &ProcessEnvironment)?.set(),
            None => None,
        };
        let admin_listen = address(self.admin_listen, &settings.server.admin_listen)?;
        if !admin_listen.ip().is_loopback() && admin_token.is_none() {
            anyhow::bail!(
                "the admin listener on {admin_listen} needs server.admin_token, or an address on loopback"
            );
        }
        let role = Role::from(self.role);
        if role != Role::All && settings.store.redis.is_none() {
            anyhow::bail!(
                "one process alone has the embedded store, and does everything: set [store.redis] to divide it"
            );
        }
        let options = ServiceOptions {
            role,
            listen: address(self.listen, &settings.server.listen)?,
            admin_listen,
            admin_token,
            clock: Arc::new(SystemClock::new()),
            project,
        };
        let is_fixed = options.project.is_none();
        runtime()?.block_on(async {
            // Before anything takes its time: until then the signal would end the process.
            let mut hang_ups = is_fixed.then(|| signal(SignalKind::hangup())).transpose()?;
            for source in engine.sources() {
                tracing::info!(source = %source.name, scheme = source.verifier.scheme().as_str(), "source is on");
            }
            let service = Service::start(engine, options).await?;
            match service.public {
                Some(public) => tracing::info!(%public, admin = %service.admin, "ready"),
                None => tracing::info!(admin = %service.admin, "ready"),
            }
            tokio::select! {
                told = told_to_stop() => told?,
                () = explained(hang_ups.as_mut()) => {}
            }
            tracing::info!("stopping: finishing what is under way");
            service.stop().await;
            Ok(End::Well)
        })
    }
}

/// Says at each SIGHUP why nothing follows from it. Does not end.
async fn explained(hang_ups: Option<&mut Signal>) {
    let Some(hang_ups) = hang_ups else { return std::future::pending().await };
    while hang_ups.recv().await.is_some() {
        tracing::warn!(
            "SIGHUP: there are no files to look at; the service was started without a folder, on the configuration \
             that is built in"
        );
    }
    std::future::pending().await
}

/// Ctrl-C, or SIGTERM.
pub(super) async fn told_to_stop() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
