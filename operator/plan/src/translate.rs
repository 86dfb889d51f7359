//! The words of the manifests in the words of the gateway, one for one.

use gateway_config as gateway;

pub(crate) fn protocol(protocol: crds::Protocol) -> gateway::Protocol {
    match protocol {
        crds::Protocol::Sftp => gateway::Protocol::Sftp,
        crds::Protocol::FtpsExplicit => gateway::Protocol::FtpsExplicit,
        crds::Protocol::FtpsImplicit => gateway::Protocol::FtpsImplicit,
    }
}

/// None for SFTP.
pub(crate) fn tls(listener: &crds::Listener) -> Option<gateway::Tls> {
    let crds::Tls {
        min_version,
        // Files of their own.
        secret_ref: _,
        issuer_ref: _,
        dns_names: _,
    } = listener.tls.as_ref()?;
    Some(gateway::Tls {
        encryption: match listener.encryption.unwrap_or_default() {
            crds::Encryption::Required => gateway::Encryption::Required,
            crds::Encryption::ControlRequired => gateway::Encryption::ControlRequired,
            crds::Encryption::Optional => gateway::Encryption::Optional,
        },
        min_version: match min_version {
            crds::TlsVersion::V1_2 => gateway::TlsVersion::V1_2,
            crds::TlsVersion::V1_3 => gateway::TlsVersion::V1_3,
        },
    })
}

pub(crate) fn binding(binding: crds::Binding) -> gateway::Binding {
    match binding {
        crds::Binding::TlsRequired => gateway::Binding::TlsRequired,
        crds::Binding::TlsPreferred => gateway::Binding::TlsPreferred,
        crds::Binding::Address => gateway::Binding::Address,
        crds::Binding::None => gateway::Binding::None,
    }
}

pub(crate) fn active(active: &crds::Active) -> gateway::Active {
    let crds::Active { mode, message } = active;
    gateway::Active {
        mode: match mode {
            crds::ActiveMode::Deny => gateway::ActiveMode::Deny,
        },
        message: message.clone(),
    }
}

pub(crate) fn proxy_mode(mode: crds::ProxyMode) -> gateway::ProxyMode {
    match mode {
        crds::ProxyMode::Disabled => gateway::ProxyMode::Disabled,
        crds::ProxyMode::Optional => gateway::ProxyMode::Optional,
        crds::ProxyMode::Required => gateway::ProxyMode::Required,
    }
}

pub(crate) fn ssh(ssh: &crds::Ssh) -> gateway::Ssh {
    let crds::Ssh {
        policy,
        authentication_methods,
        host_keys: _, // Files of their own.
    } = ssh;
    gateway::Ssh {
        policy: match policy {
            crds::SshPolicy::Modern => gateway::SshPolicy::Modern,
            crds::SshPolicy::Intermediate => gateway::SshPolicy::Intermediate,
        },
        authentication_methods: authentication_methods
            .iter()
            .map(|method| match method {
                crds::AuthenticationMethod::PublicKey => gateway::AuthenticationMethod::PublicKey,
                crds::AuthenticationMethod::Password => gateway::AuthenticationMethod::Password,
                crds::AuthenticationMethod::KeyboardInteractive => {
                    gateway::AuthenticationMethod::KeyboardInteractive
                }
            })
            .collect(),
    }
}

pub(crate) fn limits(limits: &crds::Limits) -> gateway::Limits {
    let crds::Limits {
        sessions_per_replica,
        sessions_per_user_per_replica,
        sessions_per_address_per_replica,
        half_open_per_replica,
        login_seconds,
        idle_seconds,
        login_failures,
        ban_seconds,
        memory_per_session_bytes,
    } = *limits;
    gateway::Limits {
        sessions: sessions_per_replica,
        sessions_per_user: sessions_per_user_per_replica,
        connections_per_address: sessions_per_address_per_replica,
        half_open: half_open_per_replica,
        login_seconds: login_seconds.into(),
        idle_seconds: idle_seconds.into(),
        login_failures,
        ban_seconds: ban_seconds.into(),
        memory_per_session_bytes,
    }
}

pub(crate) fn uploads(uploads: crds::Uploads) -> gateway::Uploads {
    match uploads {
        crds::Uploads::Direct => gateway::Uploads::Direct,
        crds::Uploads::Atomic => gateway::Uploads::Atomic,
    }
}

pub(crate) fn durability(durability: crds::Durability) -> gateway::Durability {
    match durability {
        crds::Durability::Written => gateway::Durability::Written,
        crds::Durability::Sync => gateway::Durability::Sync,
    }
}

pub(crate) fn permission(permission: crds::Permission) -> gateway::Permission {
    match permission {
        crds::Permission::List => gateway::Permission::List,
        crds::Permission::Read => gateway::Permission::Read,
        crds::Permission::Write => gateway::Permission::Write,
        crds::Permission::Overwrite => gateway::Permission::Overwrite,
        crds::Permission::Append => gateway::Permission::Append,
        crds::Permission::Delete => gateway::Permission::Delete,
        crds::Permission::Rename => gateway::Permission::Rename,
        crds::Permission::MakeDirectory => gateway::Permission::MakeDirectory,
        crds::Permission::RemoveDirectory => gateway::Permission::RemoveDirectory,
        crds::Permission::SetAttributes => gateway::Permission::SetAttributes,
        crds::Permission::Link => gateway::Permission::Link,
    }
}
