//! The running version: the content of `/__version__`, see the [Dockerflow specification][spec].
//!
//! [spec]: https://github.com/mozilla-services/Dockerflow/blob/main/docs/version_object.md

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The version object of an image, and that of a checkout.
const FILES: [&str; 2] = ["/app/version.json", "version.json"];

/// The commit from the build script, or empty.
const COMMIT: &str = env!("DOCKERFLOW_COMMIT");

/// The version object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Version {
    /// The URL of the repository.
    pub source: String,
    /// The release.
    pub version: String,
    /// The git commit.
    pub commit: String,
    /// The URL of the build that made the image.
    pub build: String,
}

impl Version {
    /// Reads `/app/version.json`, or `version.json` in the working directory. Without either, the
    /// version object has the commit of the build. If it has no version, it gets that of the
    /// package.
    ///
    /// An invalid file is logged and skipped: a service that does not start is worse than one that
    /// does not know its version.
    pub fn load(crate_version: &str) -> Self {
        let version = FILES.iter().find_map(|file| read(Path::new(file)));
        let version = version.unwrap_or_else(|| Self {
            commit: COMMIT.to_owned(),
            ..Self::default()
        });
        version.or_of_package(crate_version)
    }

    fn or_of_package(mut self, crate_version: &str) -> Self {
        if self.version.is_empty() {
            crate_version.clone_into(&mut self.version);
        }
        self
    }
}

fn read(file: &Path) -> Option<Version> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "cannot read the version object");
            return None;
        }
    };
    serde_json::from_str(&text)
        .inspect_err(
            |error| tracing::warn!(file = %file.display(), %error, "the file is not a version object"),
        )
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_file_is_read_unchanged() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("version.json");
        fs::write(
            &file,
            r#"{"source":"s","version":"v","commit":"c","build":"b","more":1}"#,
        )?;
        let version = read(&file);
        let [source, version_, commit, build] = ["s", "v", "c", "b"].map(str::to_owned);
        assert_eq!(
            version,
            Some(Version {
                source,
                version: version_,
                commit,
                build
            })
        );
        Ok(())
    }

    #[test]
    fn a_file_that_is_not_a_version_object_is_skipped() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("version.json");
        assert_eq!(read(&file), None);
        fs::write(&file, "{")?;
        assert_eq!(read(&file), None);
        Ok(())
    }

    #[test]
    fn without_a_file_the_version_is_that_of_the_package() {
        assert_eq!(Version::load("1.2.3").version, "1.2.3");
    }

    #[test]
    fn a_file_without_a_version_gets_that_of_the_package() {
        let of_file = |version: &str| Version {
            version: version.to_owned(),
            commit: "c".to_owned(),
            ..Version::default()
        };
        assert_eq!(of_file("").or_of_package("1.2.3"), of_file("1.2.3"));
        assert_eq!(of_file("4").or_of_package("1.2.3"), of_file("4"));
    }
}
