//! The gateway as a program: `secureftp-gateway serve FOLDER` and `secureftp-gateway drain`.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use gateway::{
    admin::{Admin, Heartbeat, Subject},
    control::{self, Control},
    drain::Arrivals,
    logging,
    reload::FolderWatch,
    server::Server,
};
use prometheus::Registry;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, timeout_at},
};

/// Where the control socket is, if its folder exists.
const CONTROL_SOCKET: &str = "/run/secureftp/control.sock";

/// How long files that are on their way may take. A kubelet brings them within seconds once the operator has annotated the
/// pod, which it does as soon as the pod runs; and it ends whoever does not answer its probes for a minute.
const ARRIVAL_TIME: Duration = Duration::from_secs(30);

/// SFTP in front of one storage.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the configuration in a folder until SIGTERM or SIGINT; a second signal ends at once
    Serve {
        /// The folder with endpoint.json, users and host-keys; its changes are picked up
        folder: PathBuf,
        /// Address of the admin port with /livez, /readyz, /metrics and /served, for example 127.0.0.1:9090; none by default
        #[arg(long, value_name = "ADDRESS")]
        admin: Option<SocketAddr>,
        /// Unix socket at which `drain` finds this gateway; by default /run/secureftp/control.sock if its folder exists
        #[arg(long, value_name = "SOCKET")]
        control: Option<PathBuf>,
    },
    /// Lets the transfers of a running gateway end; returns when no client is left or the deadline has passed
    Drain {
        /// Unix socket of the gateway
        #[arg(long, value_name = "SOCKET", default_value = CONTROL_SOCKET)]
        control: PathBuf,
        /// How long transfers may take, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 1800)]
        deadline: u64,
        /// What happens to clients that arrive meanwhile
        #[arg(long, value_enum, default_value_t = ArrivalsArgument::Refuse)]
        arrivals: ArrivalsArgument,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ArrivalsArgument {
    /// They are told that the gateway is stopping
    Refuse,
    /// They are served until they fall silent
    Serve,
}

fn main() -> anyhow::Result<()> {
    allocator::return_large();
    let arguments = Arguments::parse();
    logging::start();
    let runtime = tokio::runtime::Runtime::new().context("the runtime does not start")?;
    let outcome = runtime.block_on(async {
        match arguments.command {
            Command::Serve {
                folder,
                admin,
                control,
            } => serve(&folder, admin, control.as_deref()).await,
            Command::Drain {
                control,
                deadline,
                arrivals,
            } => drain(&control, Duration::from_secs(deadline), arrivals).await,
        }
    });
    // A call that hangs in a volume must not keep the process.
    runtime.shutdown_background();
    outcome
}

async fn serve(
    folder: &Path,
    admin: Option<SocketAddr>,
    control: Option<&Path>,
) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
    let registry = Registry::new();
    let server = tokio::select! {
        server = start(folder, &registry) => server?,
        _early = terminate.recv() => return Ok(()),
        _early = interrupt.recv() => return Ok(()),
    };
    let _control = control_path(control)
        .map(|path| Control::start(path, server.drain_handle()))
        .transpose()?;
    let _admin = admin
        .map(|address| start_admin(address, &server, &registry))
        .transpose()?;
    tokio::select! {
        _first = terminate.recv() => {}
        _first = interrupt.recv() => {}
    }
    server.drain(server.drain_timeout(), Arrivals::Refuse);
    tracing::info!(
        waiting_for = %server.waiting_for(),
        "stopping; a second signal ends at once"
    );
    tokio::select! {
        () = server.finished() => tracing::info!("stopped"),
        _second = terminate.recv() => tracing::warn!("ended at once"),
        _second = interrupt.recv() => tracing::warn!("ended at once"),
    }
    Ok(())
}

/// Starts as soon as the folder is whole.
async fn start(folder: &Path, registry: &Registry) -> anyhow::Result<Server> {
    let deadline = Instant::now() + ARRIVAL_TIME;
    // The watch is older than what is loaded, so no change falls between them.
    let mut watch = FolderWatch::new(folder).await;
    loop {
        match Server::start(folder, registry).await {
            Err(error) if error.may_pass() && Instant::now() < deadline => {
                let error = format!("{:#}", anyhow::Error::from(error));
                tracing::warn!(error, "waiting for files that may be on their way");
                // Either way it is time for another try.
                let _changed = timeout_at(deadline, watch.changed()).await;
            }
            outcome => return Ok(outcome?),
        }
    }
}

/// The path that was given, or the default one where its folder exists.
fn control_path(given: Option<&Path>) -> Option<&Path> {
    given.or_else(|| {
        let usual = Path::new(CONTROL_SOCKET);
        usual.parent().is_some_and(Path::is_dir).then_some(usual)
    })
}

fn start_admin(address: SocketAddr, server: &Server, registry: &Registry) -> anyhow::Result<Admin> {
    let subject = Subject {
        heartbeat: Heartbeat::start(),
        is_ready: Box::new(server.readiness()),
        registry: registry.clone(),
        served: Box::new(server.serving()),
    };
    let admin = Admin::start(address, subject)?;
    tracing::info!(address = %admin.address(), "admin port");
    Ok(admin)
}

async fn drain(
    control: &Path,
    deadline: Duration,
    arrivals: ArrivalsArgument,
) -> anyhow::Result<()> {
    let arrivals = match arrivals {
        ArrivalsArgument::Refuse => Arrivals::Refuse,
        ArrivalsArgument::Serve => Arrivals::Serve,
    };
    let mut output = std::io::stdout();
    control::drain(control, deadline, arrivals, |count| {
        // Whoever closed the output does not want to read it.
        let _written = writeln!(output, "waiting for {count}");
    })
    .await?;
    Ok(())
}
