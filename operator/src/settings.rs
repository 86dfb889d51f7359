//! What the operator is started with.

use std::net::SocketAddr;

use clap::{Parser, ValueEnum};
use plan::Settings;

use crate::watch::Scope;

/// Run gateways for the secureftp endpoints of a cluster
#[derive(Clone, Debug, Parser)]
#[command(name = "secureftp-operator", version, max_term_width = 100)]
pub struct Arguments {
    /// Image of the gateways, without its tag
    #[arg(long, value_name = "IMAGE", env = "SECUREFTP_GATEWAY_IMAGE")]
    gateway_image: String,
    /// Tag for endpoints that name none; by default what their gateways have, or the operator's own version
    #[arg(long, value_name = "TAG", env = "SECUREFTP_GATEWAY_VERSION")]
    gateway_version: Option<String>,
    /// When kubelets fetch the image
    #[arg(long, value_enum, default_value_t = PullPolicy::IfNotPresent)]
    image_pull_policy: PullPolicy,
    /// Secret with which kubelets fetch the image; may be repeated
    #[arg(long = "image-pull-secret", value_name = "NAME")]
    image_pull_secrets: Vec<String>,
    /// Namespace to look in; may be repeated; by default all
    #[arg(long = "watch-namespace", value_name = "NAMESPACE")]
    watch_namespaces: Vec<String>,
    /// Endpoints that have a turn at the same time
    #[arg(long, value_name = "COUNT", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// Address of /livez, /readyz and /metrics
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:9090")]
    pub(crate) admin: SocketAddr,
    /// Lease by which several operators agree who works
    #[arg(long, value_name = "NAME", default_value = "secureftp-operator")]
    pub(crate) lease: String,
    /// Namespace of the lease; by default the operator's own
    #[arg(long, value_name = "NAMESPACE", env = "POD_NAMESPACE")]
    pub(crate) lease_namespace: Option<String>,
    /// What no other operator is called; by default the name of the pod
    #[arg(
        long,
        value_name = "NAME",
        env = "HOSTNAME",
        default_value = "secureftp-operator"
    )]
    pub(crate) identity: String,
}

/// When a kubelet fetches an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum PullPolicy {
    IfNotPresent,
    Always,
    Never,
}

impl Arguments {
    /// What plans depend on.
    pub(crate) fn settings(&self) -> Settings {
        let policy = match self.image_pull_policy {
            PullPolicy::IfNotPresent => "IfNotPresent",
            PullPolicy::Always => "Always",
            PullPolicy::Never => "Never",
        };
        Settings {
            gateway_image: self.gateway_image.clone(),
            // An empty one is what a chart writes for none.
            gateway_version: self.gateway_version.clone().filter(|tag| !tag.is_empty()),
            operator_version: env!("CARGO_PKG_VERSION").to_owned(),
            image_pull_policy: policy.to_owned(),
            image_pull_secrets: self.image_pull_secrets.clone(),
        }
    }

    /// Where to look, each place once.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        let mut namespaces = self.watch_namespaces.clone();
        namespaces.sort();
        namespaces.dedup();
        if namespaces.is_empty() {
            return vec![Scope::Cluster];
        }
        namespaces.into_iter().map(Scope::Namespace).collect()
    }

    /// How many turns at the same time.
    pub(crate) fn concurrency(&self) -> usize {
        usize::from(self.concurrency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Arguments {
        let always = ["secureftp-operator", "--gateway-image", "example/gateway"];
        Arguments::parse_from(always.iter().chain(arguments))
    }

    #[test]
    fn without_a_namespace_the_whole_cluster_is_watched() {
        assert_eq!(parse(&[]).scopes(), [Scope::Cluster]);
    }

    #[test]
    fn a_namespace_that_is_named_twice_is_watched_once() {
        let arguments = [
            "--watch-namespace",
            "b2b",
            "--watch-namespace",
            "a",
            "--watch-namespace",
            "b2b",
        ];

        assert_eq!(
            parse(&arguments).scopes(),
            ["a", "b2b"].map(|name| Scope::Namespace(name.to_owned()))
        );
    }

    #[test]
    fn an_empty_version_is_none_and_policies_are_written_as_in_kubernetes() {
        let arguments = parse(&["--gateway-version", "", "--image-pull-policy", "Always"]);

        assert_eq!(arguments.settings().gateway_version, None);
        assert_eq!(arguments.settings().image_pull_policy, "Always");
    }

    #[test]
    fn at_least_one_endpoint_has_a_turn() {
        let none = [
            "secureftp-operator",
            "--gateway-image",
            "x",
            "--concurrency",
            "0",
        ];

        assert!(Arguments::try_parse_from(none).is_err());
    }
}
