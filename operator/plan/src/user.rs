//! One user of one endpoint.

use crds::SecureFtpUser;
use gateway_config::User;
use ipnet::IpNet;

use crate::{
    Mistake, Problem,
    authentication::Credentials,
    offer::{self, Addresses, Offer},
    selection::username,
    translate,
};

const USERNAME_CHARACTERS_MAX: usize = 64;

/// Compiles one user with what opens the account; an error if nothing safe can be made of it.
pub(crate) fn compile_user(
    user: &SecureFtpUser,
    credentials: Credentials,
    offer: &Offer<'_>,
) -> Result<User, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut report = |field: &str, mistake| problems.push(Problem::of_user(user, field, mistake));
    if !is_username(username(user)) {
        report(
            "spec.username",
            Mistake::Username(username(user).to_owned()),
        );
    }
    let root = root(user);
    if !is_root(&root) {
        report("spec.root", Mistake::Root(root.clone()));
    }
    let allowed_cidrs = networks(user, offer, &mut report);
    if let Err(mistake) = way_in(&credentials, offer) {
        report("spec.authentication", mistake);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(User {
        root,
        password_hash: credentials.password_hash,
        authorized_keys: credentials.authorized_keys,
        permissions: user
            .spec
            .permissions
            .iter()
            .copied()
            .map(translate::permission)
            .collect(),
        allowed_cidrs,
        require_tls: user.spec.require_tls,
        valid_until: user
            .spec
            .valid_until
            .as_ref()
            .map(|time| time.0.as_second()),
    })
}

fn root(user: &SecureFtpUser) -> String {
    let root = user.spec.root.clone();
    root.unwrap_or_else(|| format!("/{}", username(user)))
}

// The rules of the definitions once more: an object may be older than the rule that would refuse it.

fn is_username(name: &str) -> bool {
    name.len() <= USERNAME_CHARACTERS_MAX
        && name.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte))
}

fn is_root(root: &str) -> bool {
    root.starts_with('/')
        && !root.contains(|character: char| character.is_ascii_control())
        && !root.split('/').any(|name| matches!(name, "." | ".."))
}

fn networks(
    user: &SecureFtpUser,
    offer: &Offer<'_>,
    report: &mut impl FnMut(&str, Mistake),
) -> Vec<IpNet> {
    if offer.addresses == Addresses::Hidden && !user.spec.allowed_cidrs.is_empty() {
        let endpoint = offer.endpoint.to_owned();
        report("spec.allowedCIDRs", Mistake::AddressHidden { endpoint });
    }
    let mut networks = Vec::new();
    for (index, text) in user.spec.allowed_cidrs.iter().enumerate() {
        match text.parse() {
            Ok(network) => networks.push(network),
            Err(_) => report(
                &format!("spec.allowedCIDRs[{index}]"),
                Mistake::Network(text.clone()),
            ),
        }
    }
    networks
}

/// Whether what the user has fits what the endpoint takes.
fn way_in(credentials: &Credentials, offer: &Offer<'_>) -> Result<(), Mistake> {
    let has_keys = !credentials.authorized_keys.is_empty();
    let has_password = credentials.password_hash.is_some();
    let takes_keys = offer.credentials != offer::Credentials::Passwords;
    let takes_passwords = offer.credentials != offer::Credentials::Keys;
    if (has_keys && takes_keys) || (has_password && takes_passwords) {
        return Ok(());
    }
    if !has_keys && !has_password {
        return Err(Mistake::NoWayIn);
    }
    let (has, wanted) = if has_keys {
        ("public keys", "a password")
    } else {
        ("a password", "a public key")
    };
    Err(Mistake::MethodNotOffered {
        has,
        wanted,
        endpoint: offer.endpoint.to_owned(),
    })
}
