//! Images from scratch, built by buildah out of one folder, and given to every node.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use super::{
    folder,
    parts::{run, system_path},
    programs::Built,
};
use crate::program::Program;

/// A build that takes longer than this hangs: on two cores it needs five minutes.
const BUILD_PATIENCE: Duration = Duration::from_mins(30);

/// The static busybox of Debian.
const BUSYBOX: &str = "/bin/busybox";

/// An image in a file, in the format that OCI calls an archive.
#[derive(Clone, Debug)]
pub struct Archive {
    /// What pods call it, for example `localhost/busybox:1`.
    pub reference: String,
    /// The file.
    pub path: PathBuf,
}

impl Archive {
    /// Builds the image `localhost/NAME:1` from the `Containerfile` in `context` into `folder`.
    pub fn build(name: &str, context: &Path, folder: &Path) -> Result<Self> {
        let recipe = context.join("Containerfile");
        Self::build_by(&recipe, (name, "1"), context, folder)
    }

    /// Builds the image `localhost/NAME:TAG` by this Containerfile. What buildah keeps meanwhile goes with the temporary
    /// folder it has, so that the images of this machine stay as they are.
    fn build_by(
        recipe: &Path,
        (name, tag): (&str, &str),
        context: &Path,
        folder: &Path,
    ) -> Result<Self> {
        let store = tempfile::tempdir_in(folder.parent().unwrap_or(folder))?;
        let buildah = || {
            let mut command = Command::new("buildah");
            command
                .env("PATH", system_path())
                .args(["--storage-driver", "vfs", "--root"])
                .arg(store.path().join("root"))
                .arg("--runroot")
                .arg(store.path().join("run"));
            command
        };
        let reference = format!("localhost/{name}:{tag}");
        let path = folder.join(format!("{name}.tar"));
        let archive = format!("oci-archive:{}:{reference}", path.display());
        let mut build = buildah();
        build.args([
            "build",
            "--quiet",
            "--isolation",
            "chroot",
            "--tag",
            &reference,
            "--file",
        ]);
        build.arg(recipe);
        run(build.arg(context)).with_context(|| format!("failed to build the image {name}"))?;
        run(buildah().args(["push", "--quiet", &reference, &archive]))?;
        Ok(Self { reference, path })
    }

    /// Builds `localhost/busybox:1` into `folder`: a shell and little servers to try things with.
    pub fn busybox(folder: &Path) -> Result<Self> {
        Self::of_program("busybox", Path::new(BUSYBOX), folder)
    }

    /// An image with one static program, `/bin/NAME`.
    pub fn of_program(name: &str, program: &Path, folder: &Path) -> Result<Self> {
        let context = tempfile::tempdir()?;
        fs::set_permissions(context.path(), fs::Permissions::from_mode(0o755))?;
        fs::copy(program, context.path().join(name))?;
        let containerfile =
            format!("FROM scratch\nCOPY {name} /bin/{name}\nENTRYPOINT [\"/bin/{name}\"]\n");
        fs::write(context.path().join("Containerfile"), containerfile)?;
        Self::build(name, context.path(), folder)
    }
}

/// The images of this repository as it is: of the operator and of the gateway, tagged with their version. Programs that are
/// built already are built anew only if their sources have changed.
pub fn of_this_repository(folder: &Path) -> Result<[Archive; 2]> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // Static, with the C library of most machines: without a target the flags would be for build scripts, too. All programs,
    // as `cargo verify build` does it: alone they would need some libraries with other features, and once more.
    let platform = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let target = folder::target();
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build
        .current_dir(&root)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .args(["build", "--quiet", "--locked", "--release"])
        .args([
            "--package",
            "operator",
            "--package",
            "gateway",
            "--package",
            "cli",
        ])
        .args(["--target", &platform, "--target-dir"])
        .arg(&target);
    Program::start(&mut build, b"")?
        .end_within(BUILD_PATIENCE)?
        .success()?;
    let programs = target.join(&platform).join("release");
    let image = |part: &str| {
        let name = format!("secureftp-{part}");
        let program = programs.join(&name);
        let context = tempfile::tempdir_in(folder)?;
        fs::hard_link(&program, context.path().join(&name))
            .or_else(|_elsewhere| fs::copy(&program, context.path().join(&name)).map(drop))?;
        let recipe = root.join(part).join("Containerfile");
        let version = env!("CARGO_PKG_VERSION");
        Archive::build_by(&recipe, (&name, version), context.path(), folder)
    };
    Ok([image("operator")?, image("gateway")?])
}

/// Builds the images that every cluster has: `localhost/pause:1`, which holds a pod, and `localhost/busybox:1`.
pub(super) fn build_own(folder: &Path, pause: &Built) -> Result<()> {
    fs::create_dir_all(folder)?;
    Archive::of_program("pause", &pause.path("pause"), folder)?;
    Archive::busybox(folder)?;
    Ok(())
}
