//! tnftp, the FTP program of the BSDs: in clear.

use std::process::Command;

use anyhow::Result;

use crate::{
    door::{Door, Passive},
    program::{Ended, run_with},
    setup::PASSWORD,
};

/// Runs the lines of `script` in tnftp after logging in. It ends well whatever happens: look at what it says.
pub fn run_tnftp(door: &Door, script: &str) -> Result<Ended> {
    let epsv = match door.passive {
        Passive::Epsv => "",
        // The word switches EPSV off, or on again.
        Passive::Pasv => "epsv4\n",
    };
    let mut command = Command::new("tnftp");
    command
        .args(["-n", "-i", "-v", &door.host(), &door.port()])
        .env("HOME", &door.home);
    let script = format!("{epsv}user {} \"{PASSWORD}\"\n{script}quit\n", door.user);
    run_with(&mut command, script.as_bytes())
}
