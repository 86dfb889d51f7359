//! Documents → objects: what each one is and what it is called.

use std::{collections::BTreeMap, fmt, sync::Arc};

use plan::DEFAULT_NAMESPACE;

use super::{
    field,
    mistake::{Mistake, Place, Position},
    tree::{Node, Value},
};

/// An object of the Kubernetes API and where it was written.
#[derive(Clone, Debug)]
pub struct Object<T> {
    /// Its file.
    pub file: Arc<str>,
    /// What was written.
    pub node: Node,
    /// What it is called.
    pub identity: Identity,
    /// What it says.
    pub value: T,
}

/// What tells objects apart. The version is no part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The API group; empty for the core.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl fmt::Display for Identity {
    /// As messages name an object: `KIND/NAME`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// The version in an object's `apiVersion`.
pub(super) type Untyped = Object<String>;

impl<T> Object<T> {
    /// Where this field was written, or the nearest of its parents.
    pub fn place(&self, path: &str) -> Place {
        Place {
            file: Arc::clone(&self.file),
            position: self.node.nearest(&field::parse(path)),
        }
    }

    /// A mistake of this field.
    pub fn mistake(&self, path: &str, what: impl Into<String>, mend: impl Into<String>) -> Mistake {
        Mistake::error(self.place(path), what, mend).of(self.identity.to_string(), path)
    }

    /// The same object with what it says in another form.
    pub fn with<U>(self, value: U) -> Object<U> {
        Object {
            file: self.file,
            node: self.node,
            identity: self.identity,
            value,
        }
    }
}

/// Finds out what each document is. Lists are opened; what cannot be identified is a mistake.
pub(super) fn identify(
    documents: Vec<(Arc<str>, Node)>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Untyped> {
    let mut objects = Vec::new();
    for (file, node) in documents {
        let is_list = node.field("kind").and_then(|kind| kind.node.text()) == Some("List");
        if !is_list {
            objects.extend(identify_one(&file, node, mistakes));
            continue;
        }
        match node.field("items").map(|items| &items.node.value) {
            Some(Value::List(items)) => {
                for item in items {
                    objects.extend(identify_one(&file, item.clone(), mistakes));
                }
            }
            _ => mistakes.push(Mistake::error(
                at(&file, node.position),
                "this List has no items",
                "add `items:` with a list of objects, or leave it out",
            )),
        }
    }
    objects
}

fn identify_one(file: &Arc<str>, node: Node, mistakes: &mut Vec<Mistake>) -> Option<Untyped> {
    if !matches!(node.value, Value::Map(_)) {
        mistakes.push(Mistake::error(
            at(file, node.position),
            "this is no Kubernetes object",
            "an object begins with `apiVersion:` and `kind:`",
        ));
        return None;
    }
    let mut missing = Vec::new();
    let mut wanted = |path: &str, mend: &str| {
        let found = lookup(&node, path);
        if found.is_none() {
            missing.push((path.to_owned(), mend.to_owned()));
        }
        found.map(str::to_owned)
    };
    let api_version = wanted(
        "apiVersion",
        "write for example `apiVersion: secureftp.dev/v1alpha1`",
    );
    let kind = wanted("kind", "write for example `kind: SecureFtpEndpoint`");
    // Objects of other kinds are skipped, and it is not for us to demand their names.
    let ours = kind
        .as_deref()
        .is_some_and(|kind| super::kinds::is_served(api_version.as_deref(), kind));
    let name = if ours || kind.is_none() {
        wanted(
            "metadata.name",
            "write `metadata: { name: … }` with a name of your choice",
        )
    } else {
        Some(
            lookup(&node, "metadata.name")
                .unwrap_or_default()
                .to_owned(),
        )
    };
    for (path, mend) in missing {
        let what = "is missing, or is no text (a number needs quotes, and so do words like yes)";
        let position = node.nearest(&field::parse(&path));
        let subject = kind.clone().unwrap_or_default();
        mistakes.push(Mistake::error(at(file, position), what, mend).of(subject, path));
    }
    let (api_version, kind, name) = (api_version?, kind?, name?);
    let namespace = lookup(&node, "metadata.namespace")
        .unwrap_or(DEFAULT_NAMESPACE)
        .to_owned();
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    Some(Object {
        file: Arc::clone(file),
        identity: Identity {
            group: group.to_owned(),
            kind,
            namespace,
            name,
        },
        value: version.to_owned(),
        node,
    })
}

/// The text of a field that is not empty.
fn lookup<'a>(node: &'a Node, path: &str) -> Option<&'a str> {
    path.split('.')
        .try_fold(node, |node, name| Some(&node.field(name)?.node))?
        .text()
        .filter(|text| !text.is_empty())
}

/// Where each object was written first. A second one of the same name is a mistake.
pub(super) fn declared(
    objects: &[Untyped],
    mistakes: &mut Vec<Mistake>,
) -> BTreeMap<Identity, Place> {
    let mut declared = BTreeMap::new();
    for object in objects {
        if !super::kinds::is_served_group(&object.identity) {
            continue;
        }
        let place = object.place("metadata.name");
        match declared.get(&object.identity) {
            None => {
                declared.insert(object.identity.clone(), place);
            }
            Some(first) => {
                let what = format!(
                    "namespace {} has this object twice, first in {first}",
                    object.identity.namespace
                );
                mistakes.push(object.mistake(
                    "metadata.name",
                    what,
                    "rename one of the two, or leave it out",
                ));
            }
        }
    }
    declared
}

fn at(file: &Arc<str>, position: Position) -> Place {
    Place {
        file: Arc::clone(file),
        position,
    }
}
