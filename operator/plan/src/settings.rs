//! What the operator was started with, for all endpoints.

/// What the operator was started with, for all endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The image of the gateways without its tag, for example `ghcr.io/example/secureftp-gateway`.
    pub gateway_image: String,
    /// The tag for endpoints that name none; none: what their gateways have already, or the operator's own version.
    pub gateway_version: Option<String>,
    /// The operator's own version.
    pub operator_version: String,
    /// When the kubelet fetches the image: `IfNotPresent`, `Always` or `Never`.
    pub image_pull_policy: String,
    /// The names of the Secrets with which the image is fetched.
    pub image_pull_secrets: Vec<String>,
}
