//! What `secureftp-gateway` writes about what happens. Other programs that serve start their own logging.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::filter_fn, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// Names the environment variable with the filter, for example `info,gateway=debug`.
pub const FILTER_VARIABLE: &str = "SECUREFTP_LOG";

/// Starts to log to standard error: for people where that is a terminal, else JSON, a line an event. Does nothing if
/// somebody has started already. A filter that cannot be read counts as `info`.
pub fn start() {
    let wanted = std::env::var(FILTER_VARIABLE).unwrap_or_default();
    let filter = EnvFilter::builder()
        .with_default_directive(Level::INFO.into())
        .parse_lossy(wanted);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if std::io::stderr().is_terminal() {
        lines.boxed()
    } else {
        lines.json().flatten_event(true).boxed()
    };
    let started = tracing_subscriber::registry()
        .with(lines.with_filter(filter_fn(may_be_written)))
        .with(filter)
        .try_init();
    if started.is_err() {
        tracing::debug!("logging was started already");
    }
}

/// russh writes keys and the content of packets below `warn`, whatever the filter says.
fn may_be_written(metadata: &Metadata<'_>) -> bool {
    !metadata.target().starts_with("russh") || *metadata.level() <= Level::WARN
}
