//! What a service knows of the template it began from: `.template.toml`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::{
    name::Name,
    part::{self, Left, Part},
    readme, service,
    tree::{COPY, Tree},
};

const HEAD: &str =
    "# Where this service comes from. `cargo dev` writes and reads it: init, remove, upgrade.\n\n";

/// The content of the file.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Copy {
    /// The service's name, as a word.
    pub(crate) name: String,
    /// Where the template is: a URL or a path, as git takes it. Empty if that was not known.
    pub(crate) template: String,
    /// The version of the template that this service is up to date with.
    pub(crate) version: String,
    /// Its commit, if that was known.
    pub(crate) commit: String,
    /// The parts that were removed.
    pub(crate) removed: Vec<String>,
}

impl Copy {
    /// What a tree knows, or nothing in the template itself.
    pub(crate) fn of(tree: &Tree) -> anyhow::Result<Option<Self>> {
        let text = tree.text(COPY);
        text.map(|text| toml::from_str(text).context(COPY))
            .transpose()
    }

    pub(crate) fn put(&self, tree: &mut Tree) -> anyhow::Result<()> {
        tree.put(COPY, format!("{HEAD}{}", toml::to_string(self)?));
        Ok(())
    }

    /// Makes the template's tree this service's: with its name, its README, and without the removed parts.
    pub(crate) fn make(&self, tree: &mut Tree) -> anyhow::Result<Left> {
        // A part that the template itself has given up is gone already.
        let parts = self
            .removed
            .iter()
            .filter_map(|name| Part::of(tree, name).ok());
        let left = part::remove(tree, &parts.collect::<Vec<_>>())?;
        readme::replace(tree)?;
        Name::parse(&self.name)?.give(tree);
        self.put(tree)?;
        Ok(left)
    }
}

/// The version of the template that a tree is, from the manifest of one of its crates.
pub(crate) fn template_version(tree: &Tree) -> anyhow::Result<String> {
    const MANIFEST: &str = "crates/queue/Cargo.toml";
    let manifest = tree.text(MANIFEST).context(MANIFEST)?;
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("version = "));
    let Some(version) = line else {
        bail!("{MANIFEST} has no version");
    };
    Ok(version.trim_matches('"').to_owned())
}

/// Brings `Cargo.lock` up to date with the manifests: by what was downloaded, or else by the registry.
pub(crate) fn update_lock_file(folder: &Path) -> anyhow::Result<()> {
    let update = |arguments: &[&str]| {
        let mut cargo = service::cargo(folder);
        cargo.args(["update", "--workspace", "--quiet"]);
        cargo
            .args(arguments)
            .output()
            .context("cargo does not start")
    };
    let mut output = update(&["--offline"])?;
    if !output.status.success() {
        output = update(&[])?;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "Cargo.lock: {}", said.trim());
    Ok(())
}

/// Reads a list of parts with commas between them.
pub(crate) fn parse_parts(list: Option<&str>, tree: &Tree) -> anyhow::Result<Vec<String>> {
    let mut parts = Vec::new();
    for name in list.unwrap_or_default().split(',').map(str::trim) {
        if name.is_empty() || parts.iter().any(|it| it == name) {
            continue;
        }
        Part::of(tree, name)?;
        parts.push(name.to_owned());
    }
    Ok(parts)
}

/// The root of the workspace that this command runs in.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    let here = std::env::current_dir()?;
    let is_root = |folder: &&Path| {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml"));
        manifest.is_ok_and(|manifest| manifest.lines().any(|line| line == "[workspace]"))
    };
    let root = here.ancestors().find(is_root);
    root.map(Path::to_owned)
        .context("this is no folder of the service")
}
