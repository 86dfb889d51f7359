//! Any configuration.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
};

use gateway_config::{
    Active, ActiveMode, AuthenticationMethod, AuthorizedKey, Binding, ClientAddress, Configuration,
    DataConnections, Durability, Encryption, Endpoint, Limits, Listener, Passive, PassivePort,
    Permission, Protocol, ProxyMode, ProxyProtocol, Ssh, SshPolicy, Storage, Tls, TlsVersion,
    Uploads, User, UserName, VERSION,
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::{
    collection::{btree_map, btree_set, vec},
    option,
    prelude::*,
    sample::{select, subsequence},
};

pub(crate) fn configuration() -> impl Strategy<Value = Configuration> {
    let users = btree_map(text(1..=64).prop_map(UserName::new), user(), 0..4);
    (endpoint(), users).prop_map(|(endpoint, users)| Configuration { endpoint, users })
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let names = (text(1..=63), text(1..=63), any::<i64>());
    (
        names,
        network_side(),
        ssh(),
        limits(),
        storage(),
        any::<u64>(),
    )
        .prop_map(
            |((namespace, name, generation), network, ssh, limits, storage, drain_seconds)| {
                let (listeners, client_address, proxy_protocol, data_connections) = network;
                Endpoint {
                    version: VERSION,
                    namespace,
                    name,
                    generation,
                    listeners,
                    client_address,
                    proxy_protocol,
                    data_connections,
                    ssh,
                    limits,
                    storage,
                    drain_seconds,
                    users: BTreeMap::new(),
                }
            },
        )
}

/// What of an endpoint clients meet first.
fn network_side() -> impl Strategy<
    Value = (
        Vec<Listener>,
        ClientAddress,
        ProxyProtocol,
        Option<DataConnections>,
    ),
> {
    (
        vec(listener(), 0..4),
        select(&[ClientAddress::Real, ClientAddress::Hidden]),
        proxy_protocol(),
        option::of(data_connections()),
    )
}

fn listener() -> impl Strategy<Value = Listener> {
    let protocol = select(&[
        Protocol::Sftp,
        Protocol::FtpsExplicit,
        Protocol::FtpsImplicit,
    ]);
    (
        text(1..=63),
        protocol,
        any::<SocketAddr>(),
        option::of(tls()),
    )
        .prop_map(|(name, protocol, address, tls)| {
            Listener {
                name,
                protocol,
                // Text has no place for a flow label.
                address: SocketAddr::new(address.ip(), address.port()),
                tls,
            }
        })
}

fn tls() -> impl Strategy<Value = Tls> {
    let encryption = select(&[
        Encryption::Required,
        Encryption::ControlRequired,
        Encryption::Optional,
    ]);
    let min_version = select(&[TlsVersion::V1_2, TlsVersion::V1_3]);
    (encryption, min_version).prop_map(|(encryption, min_version)| Tls {
        encryption,
        min_version,
    })
}

fn proxy_protocol() -> impl Strategy<Value = ProxyProtocol> {
    let mode = select(&[
        ProxyMode::Disabled,
        ProxyMode::Optional,
        ProxyMode::Required,
    ]);
    (mode, vec(network(), 0..3)).prop_map(|(mode, trusted_cidrs)| ProxyProtocol {
        mode,
        trusted_cidrs,
    })
}

fn data_connections() -> impl Strategy<Value = DataConnections> {
    let binding = select(&[
        Binding::TlsRequired,
        Binding::TlsPreferred,
        Binding::Address,
        Binding::None,
    ]);
    (binding, passive(), text(0..=64)).prop_map(|(binding, passive, message)| DataConnections {
        binding,
        passive,
        active: Active {
            mode: ActiveMode::Deny,
            message,
        },
    })
}

fn passive() -> impl Strategy<Value = Passive> {
    let port =
        any::<(u16, u16)>().prop_map(|(bound, advertised)| PassivePort { bound, advertised });
    (
        any::<IpAddr>(),
        vec(port, 0..4),
        any::<Option<Ipv4Addr>>(),
        any::<(u64, u64)>(),
    )
        .prop_map(
            |(listen, ports, address, (wait_seconds, connect_seconds))| Passive {
                listen,
                ports,
                address,
                wait_seconds,
                connect_seconds,
            },
        )
}

fn ssh() -> impl Strategy<Value = Ssh> {
    let methods = vec![
        AuthenticationMethod::PublicKey,
        AuthenticationMethod::Password,
        AuthenticationMethod::KeyboardInteractive,
    ];
    let policy = select(&[SshPolicy::Modern, SshPolicy::Intermediate]);
    (policy, subsequence(methods, 1..=3)).prop_map(|(policy, authentication_methods)| Ssh {
        policy,
        authentication_methods,
    })
}

fn limits() -> impl Strategy<Value = Limits> {
    any::<([u32; 5], [u64; 4])>().prop_map(|(counts, amounts)| {
        let [
            sessions,
            sessions_per_user,
            connections_per_address,
            half_open,
            login_failures,
        ] = counts;
        let [
            login_seconds,
            idle_seconds,
            ban_seconds,
            memory_per_session_bytes,
        ] = amounts;
        Limits {
            sessions,
            sessions_per_user,
            connections_per_address,
            half_open,
            login_seconds,
            idle_seconds,
            login_failures,
            ban_seconds,
            memory_per_session_bytes,
        }
    })
}

fn storage() -> impl Strategy<Value = Storage> {
    let uploads = select(&[Uploads::Direct, Uploads::Atomic]);
    let durability = select(&[Durability::Written, Durability::Sync]);
    (
        text(1..=64),
        uploads,
        durability,
        any::<u64>(),
        any::<u32>(),
    )
        .prop_map(
            |(volume, uploads, durability, stuck_seconds, stuck_threads_max)| Storage {
                volume: volume.into(),
                uploads,
                durability,
                stuck_seconds,
                stuck_threads_max,
            },
        )
}

fn user() -> impl Strategy<Value = User> {
    let credentials = (option::of(text(0..=64)), vec(authorized_key(), 0..3));
    let rules = (
        btree_set(select(&Permission::ALL), 0..Permission::ALL.len()),
        vec(network(), 0..3),
        any::<bool>(),
        any::<Option<i64>>(),
    );
    (text(1..=64), credentials, rules).prop_map(
        |(
            root,
            (password_hash, authorized_keys),
            (permissions, allowed_cidrs, require_tls, valid_until),
        )| {
            User {
                root,
                password_hash,
                authorized_keys,
                permissions,
                allowed_cidrs,
                require_tls,
                valid_until,
            }
        },
    )
}

fn authorized_key() -> impl Strategy<Value = AuthorizedKey> {
    (text(1..=32), text(1..=64), text(0..=32)).prop_map(|(algorithm, key, comment)| AuthorizedKey {
        algorithm,
        key,
        comment,
    })
}

fn network() -> impl Strategy<Value = IpNet> {
    let v4 = (any::<[u8; 4]>(), 0..=32_u8)
        .prop_map(|(address, prefix)| IpNet::V4(Ipv4Net::new(address.into(), prefix).unwrap()));
    let v6 = (any::<[u8; 16]>(), 0..=128_u8)
        .prop_map(|(address, prefix)| IpNet::V6(Ipv6Net::new(address.into(), prefix).unwrap()));
    prop_oneof![v4, v6]
}

fn text(characters: RangeInclusive<usize>) -> impl Strategy<Value = String> {
    vec(any::<char>(), characters).prop_map(String::from_iter)
}
