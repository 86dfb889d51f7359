//! Manifests: files → trees with positions → objects that are known to be right, or all mistakes at once.
//!
//! ```text
//! source (files) → yaml (trees; scalar, tree, limits) → object (what each is) → kinds (schema, rules, types)
//!   → references (what one says of another)
//! ```
//!
//! Nothing here writes, serves or needs a cluster; what the API server would refuse is refused here with the
//! place and the mend.

mod core_schema;
mod field;
mod kinds;
mod limits;
mod mistake;
mod object;
mod references;
mod scalar;
mod schema;
mod source;
mod tree;
mod yaml;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crds::{SecureFtpEndpoint, SecureFtpUser};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret};

use yaml::End;

pub use mistake::{Mistake, Place, Position, Severity};
pub use object::{Identity, Object};
pub use references::login_name;
pub use source::Source;

/// Everything below PATH that `local` serves.
#[derive(Debug, Default)]
pub struct Manifests {
    /// Every endpoint.
    pub endpoints: Vec<Object<SecureFtpEndpoint>>,
    /// Every user.
    pub users: Vec<Object<SecureFtpUser>>,
    /// Every Secret.
    pub secrets: Vec<Object<Secret>>,
    /// Every claim.
    pub claims: Vec<Object<PersistentVolumeClaim>>,
    /// Where every object of these kinds was written, also of those that are wrong.
    pub declared: BTreeMap<Identity, Place>,
    /// Whether there may be more than could be read: then nothing is certain to be missing.
    pub is_partial: bool,
    /// How many objects of each other kind there are; they are skipped.
    pub skipped: BTreeMap<String, usize>,
}

impl Manifests {
    /// Whether there is such an object, right or wrong.
    pub fn is_declared(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.declared
            .keys()
            .any(|known| known.kind == kind && known.namespace == namespace && known.name == name)
    }
}

/// What became of reading.
#[derive(Debug)]
pub struct Reading {
    /// What could be read.
    pub manifests: Manifests,
    /// Everything wrong, by place.
    pub mistakes: Vec<Mistake>,
}

impl Reading {
    /// Adds what was found later, and keeps the order.
    pub fn report(&mut self, mistakes: impl IntoIterator<Item = Mistake>) {
        self.mistakes.extend(mistakes);
        self.mistakes.sort();
        self.mistakes.dedup();
    }

    /// Whether anything stops the start.
    pub fn is_broken(&self) -> bool {
        self.mistakes
            .iter()
            .any(|mistake| mistake.severity == Severity::Error)
    }
}

/// Reads every manifest below this path.
pub fn read(path: &Path) -> Reading {
    let mut mistakes = Vec::new();
    let sources = source::read(path, &mut mistakes);
    let mut reading = read_sources(&sources, mistakes);
    let named = |known: &Identity| known.kind == "SecureFtpEndpoint";
    if !sources.is_empty() && !reading.is_broken() && !reading.manifests.declared.keys().any(named)
    {
        let place = Place {
            file: std::sync::Arc::from(path.to_string_lossy()),
            position: Position::START,
        };
        reading.report([Mistake::error(
            place,
            "no SecureFtpEndpoint is here, so there is nothing to serve",
            "add one; examples/partners shows how",
        )]);
    }
    reading
}

/// The files that [`read`] reads.
pub fn files(path: &Path) -> Vec<PathBuf> {
    source::files(path, &mut Vec::new())
}

/// Reads manifests that are in memory, adding to these mistakes.
pub fn read_sources(sources: &[Source], mut mistakes: Vec<Mistake>) -> Reading {
    let mut documents = Vec::new();
    // A file that cannot be read is a mistake already.
    let mut is_partial = !mistakes.is_empty();
    for source in sources {
        let read = yaml::read(&source.file, &source.text, &mut mistakes);
        is_partial |= read.end == End::Early;
        for node in read.nodes {
            documents.push((std::sync::Arc::clone(&source.file), node));
        }
    }
    let objects = object::identify(documents, &mut mistakes);
    let declared = object::declared(&objects, &mut mistakes);
    let mut manifests = kinds::read(objects, &mut mistakes);
    manifests.declared = declared;
    manifests.is_partial = is_partial;
    mistakes.extend(references::missing_claims(&manifests));
    if mistakes.is_empty() {
        mistakes.extend(references::unmatched(&manifests));
    }
    let mut reading = Reading {
        manifests,
        mistakes,
    };
    reading.report([]);
    reading
}
