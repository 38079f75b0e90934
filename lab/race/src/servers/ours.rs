//! Our web: the fixture's binary, run as one is deployed.

use std::{os::unix::process::CommandExt as _, process::Command};

use bare_testkit::process::free_port;

use crate::{
    binaries,
    child::{Variables, say},
};

/// Says where it will listen, and becomes web.
pub fn serve(profile: &str, variables: &Variables) -> anyhow::Result<()> {
    let mut web = Command::new(binaries::path("fixture-web", profile)?);
    let port = free_port().to_string();
    say(&format!("127.0.0.1:{port}"))?;
    web.env_clear().envs(variables.iter().cloned());
    web.env("HOST", "127.0.0.1").env("PORT", port);
    Err(web.exec().into())
}
