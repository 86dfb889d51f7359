//! What a cluster is asked to be.

use std::{fmt, str::FromStr};

use anyhow::{Error, bail};

/// The most nodes that the addresses have room for.
const NODES_MAX: u8 = 9;

/// What a cluster is asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Tells clusters on one machine apart: their folders and control groups.
    pub name: Name,
    /// How many machines it seems to have.
    pub nodes: Nodes,
    /// How Services reach their pods.
    pub proxy: Proxy,
    /// Whether certificates can be asked for from the start.
    pub cert_manager: CertManager,
    /// When it ends.
    pub lifetime: Lifetime,
}

/// A cluster's name: lower-case letters and digits, at most twenty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

/// A number of nodes, from one to nine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nodes(u8);

/// The mode of kube-proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Proxy {
    /// Rules of iptables, as most clusters have them.
    #[default]
    Iptables,
    /// Rules of nftables.
    Nftables,
}

/// Whether cert-manager comes with the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertManager {
    /// Its definitions and controllers are there when the cluster is.
    #[default]
    Now,
    /// It may be added later: [`super::Cluster::add_cert_manager`].
    Later,
}

/// When a cluster ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lifetime {
    /// When somebody takes it down.
    #[default]
    UntilDown,
    /// With the process that brought it up, however that ends.
    WithThisProcess,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: Name("secureftp".to_owned()),
            nodes: Nodes(2),
            proxy: Proxy::default(),
            cert_manager: CertManager::default(),
            lifetime: Lifetime::default(),
        }
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if text.is_empty() || text.len() > 20 || !text.bytes().all(fits) {
            bail!(
                "{text:?} is no name of a cluster: lower-case letters and digits, at most twenty"
            );
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Nodes {
    /// The numbers of the nodes, from 1.
    pub fn numbers(self) -> impl Iterator<Item = u8> + Clone {
        1..=self.0
    }

    /// How many they are.
    pub const fn count(self) -> usize {
        self.0 as usize
    }
}

impl FromStr for Nodes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.parse() {
            Ok(count @ 1..=NODES_MAX) => Ok(Self(count)),
            _ => bail!("{text:?} is no number of nodes: 1 to {NODES_MAX}"),
        }
    }
}

impl fmt::Display for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Proxy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "iptables" => Ok(Self::Iptables),
            "nftables" => Ok(Self::Nftables),
            _ => bail!("{text:?} is no mode of kube-proxy: iptables or nftables"),
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Iptables => "iptables",
            Self::Nftables => "nftables",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_has_one_to_nine_nodes() {
        assert_eq!("9".parse::<Nodes>().unwrap().count(), 9);
        for wrong in ["0", "10", "two", "-1", ""] {
            assert!(wrong.parse::<Nodes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_safe_in_a_path() {
        assert_eq!("stories2".parse::<Name>().unwrap().to_string(), "stories2");
        for wrong in ["", "..", "a/b", "A", "a-b", "abcdefghijklmnopqrstu"] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong}");
        }
    }
}
