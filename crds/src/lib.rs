//! The custom resources of secureftp: what users write, and what the operator answers in their status.
//!
//! The YAML beside this crate is generated from these types (`UPDATE=1 cargo test -p crds`). What a type cannot say,
//! a CEL rule says, with a message that names the mend. The rules need Kubernetes 1.31 (`isCIDR`). This crate never
//! talks to a cluster and decides nothing.

#![expect(
    unreachable_pub,
    reason = "derive(KubeSchema) repeats a struct, with its `pub`, inside a function"
)]
#![expect(
    clippy::struct_excessive_bools,
    reason = "what is true or false in a manifest is a boolean here"
)]

mod definitions;
mod endpoint;
mod exposure;
mod ftps;
mod references;
mod status;
mod template;
mod user;

pub use definitions::all;
pub use endpoint::{
    AuthenticationMethod, Durability, HostKeys, Limits, Listener, PersistentVolumeClaim, Protocol,
    SecureFtpEndpoint, SecureFtpEndpointSpec, Selector, Ssh, SshPolicy, Storage, Uploads, Users,
};
pub use exposure::{Exposure, ExposureType, ExternalTrafficPolicy, ProxyMode, ProxyProtocol};
pub use ftps::{
    Active, ActiveMode, Binding, DataConnections, Encryption, IssuerReference, Passive, PortRange,
    Tls, TlsVersion,
};
pub use references::{AuthorizedKeysReference, PasswordReference, SecretReference};
pub use status::{
    AddressStatus, AddressType, CertificateStatus, ListenerStatus, PassiveAllocation,
    SecureFtpEndpointStatus, SecureFtpUserStatus, UserEndpointStatus,
};
pub use template::Template;
pub use user::{Authentication, AuthorizedKeys, Permission, SecureFtpUser, SecureFtpUserSpec};

/// The API group of every kind here.
pub const GROUP: &str = "secureftp.dev";

/// The version of every kind here.
pub const VERSION: &str = "v1alpha1";
