//! How a user gets in: the password and the keys that the manifests and their Secrets name.

use std::collections::{BTreeMap, BTreeSet};

use crds::{AuthorizedKeysReference, PasswordReference, SecureFtpUser};
use gateway_config::AuthorizedKey;

use crate::{
    KeyMistake, Mistake, PasswordHashes, PasswordValue, Plaintext, Problem, SecretKey, Secrets,
    Sources, parse_authorized_key, password_value, problem::namespace_of, selection::selected,
};

const PASSWORD_FIELD: &str = "spec.authentication.passwordSecretRef";
const KEYS_FIELD: &str = "spec.authentication.authorizedKeys.secretRef";

/// The optional entries that the endpoint's users name and that do not exist. Whoever wants to may make them (a key
/// pair's public half) and [`Secrets::set`] them before [`crate::compile`].
pub fn absent_optional_secrets(sources: Sources<'_>) -> BTreeSet<SecretKey> {
    selected(sources)
        .into_iter()
        .filter_map(|user| Some((user, keys_reference(user)?)))
        .filter(|(_, reference)| reference.optional)
        .map(|(user, reference)| keys_entry(user, reference))
        .filter(|entry| sources.secrets.value(entry).is_err())
        .collect()
}

/// The passwords of the endpoint's users that are no hashes yet. Their hashes go into [`crate::compile`].
pub fn plaintext_passwords(sources: Sources<'_>) -> BTreeMap<SecretKey, Plaintext> {
    selected(sources)
        .into_iter()
        .filter_map(password_of)
        .filter_map(|entry| {
            let value = sources.secrets.value(&entry).ok()?;
            match password_value(value).ok()? {
                PasswordValue::Plaintext(plaintext) => Some((entry, plaintext)),
                PasswordValue::Hash(_) => None,
            }
        })
        .collect()
}

/// What opens one account.
pub(crate) struct Credentials {
    pub(crate) password_hash: Option<String>,
    pub(crate) authorized_keys: Vec<AuthorizedKey>,
}

/// Finds what opens this account. What is broken becomes a problem, and the rest still opens it.
pub(crate) fn credentials(
    user: &SecureFtpUser,
    secrets: &Secrets,
    hashes: &PasswordHashes,
    problems: &mut Vec<Problem>,
) -> Credentials {
    let mut report = |field: &str, mistake| problems.push(Problem::of_user(user, field, mistake));
    let password_hash = password_of(user).and_then(|entry| {
        password_hash(&entry, secrets, hashes)
            .map_err(|mistake| report(PASSWORD_FIELD, mistake))
            .ok()
    });
    let mut authorized_keys = inline_keys(user, &mut report);
    if let Some(reference) = keys_reference(user) {
        authorized_keys.extend(secret_keys(user, reference, secrets, &mut report));
    }
    Credentials {
        password_hash,
        authorized_keys,
    }
}

fn password_hash(
    entry: &SecretKey,
    secrets: &Secrets,
    hashes: &PasswordHashes,
) -> Result<String, Mistake> {
    // What is known from an earlier turn need not be read again.
    if let Some(hash) = hashes.get(entry) {
        return Ok(hash.clone());
    }
    let value = password_value(secrets.value(entry)?).map_err(|mistake| Mistake::Password {
        secret: entry.secret.clone(),
        key: entry.key.clone(),
        mistake,
    })?;
    match value {
        PasswordValue::Hash(hash) => Ok(hash),
        PasswordValue::Plaintext(_) => Err(Mistake::PasswordNotHashed {
            secret: entry.secret.clone(),
            key: entry.key.clone(),
        }),
    }
}

fn inline_keys(user: &SecureFtpUser, report: &mut impl FnMut(&str, Mistake)) -> Vec<AuthorizedKey> {
    let lines = user.spec.authentication.authorized_keys.iter();
    let lines = lines.flat_map(|keys| keys.inline.iter()).enumerate();
    lines
        .filter_map(|(index, line)| {
            parse_authorized_key(line).unwrap_or_else(|mistake| {
                let field = format!("spec.authentication.authorizedKeys.inline[{index}]");
                report(&field, Mistake::InlineKey(mistake));
                None
            })
        })
        .collect()
}

fn secret_keys(
    user: &SecureFtpUser,
    reference: &AuthorizedKeysReference,
    secrets: &Secrets,
    report: &mut impl FnMut(&str, Mistake),
) -> Vec<AuthorizedKey> {
    let entry = keys_entry(user, reference);
    let value = match secrets.value(&entry) {
        Ok(value) => value,
        Err(_) if reference.optional => return Vec::new(),
        Err(mistake) => {
            report(KEYS_FIELD, mistake);
            return Vec::new();
        }
    };
    let mut keys = Vec::new();
    let mut lines = value.split(|byte| *byte == b'\n').enumerate();
    while let Some((index, line)) = lines.next() {
        match str::from_utf8(line).map_or(Err(KeyMistake::NotText), parse_authorized_key) {
            Ok(key) => keys.extend(key),
            Err(mistake) => {
                if matches!(mistake, KeyMistake::PrivateKey | KeyMistake::OtherFormat) {
                    // One problem for the whole block, not one for each of its lines.
                    lines.by_ref().find(|(_, line)| ends_block(line));
                }
                let mistake = Mistake::SecretLine {
                    secret: entry.secret.clone(),
                    key: entry.key.clone(),
                    line: index.saturating_add(1),
                    mistake,
                };
                report(KEYS_FIELD, mistake);
            }
        }
    }
    keys
}

fn ends_block(line: &[u8]) -> bool {
    line.starts_with(b"-----END") || line.starts_with(b"---- END")
}

/// The entry with the password of a user, if there is one.
pub(crate) fn password_of(user: &SecureFtpUser) -> Option<SecretKey> {
    Some(password_entry(user, password_reference(user)?))
}

/// The entry with the public keys of a user, if there is one.
pub(crate) fn keys_of(user: &SecureFtpUser) -> Option<SecretKey> {
    Some(keys_entry(user, keys_reference(user)?))
}

fn password_reference(user: &SecureFtpUser) -> Option<&PasswordReference> {
    user.spec.authentication.password_secret_ref.as_ref()
}

fn keys_reference(user: &SecureFtpUser) -> Option<&AuthorizedKeysReference> {
    let keys = user.spec.authentication.authorized_keys.as_ref()?;
    keys.secret_ref.as_ref()
}

fn password_entry(user: &SecureFtpUser, reference: &PasswordReference) -> SecretKey {
    SecretKey {
        namespace: namespace_of(&user.metadata).to_owned(),
        secret: reference.name.clone(),
        key: reference.key.clone(),
    }
}

fn keys_entry(user: &SecureFtpUser, reference: &AuthorizedKeysReference) -> SecretKey {
    SecretKey {
        namespace: namespace_of(&user.metadata).to_owned(),
        secret: reference.name.clone(),
        key: reference.key.clone(),
    }
}
