//! Finds PostgreSQL's server programs and the user to run them as.

use std::{
    env, fs, io,
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{LazyLock, Once},
};

/// The oldest major version that the service supports.
const OLDEST: u32 = 14;

/// Where packages put the programs: a folder, the prefix of a version's folder in it, and the
/// folder below that.
const PLACES: &[(&str, &str, &str)] = &[
    ("/usr/lib/postgresql", "", "bin"),         // Debian, Ubuntu, Arch
    ("/usr", "pgsql-", "bin"),                  // postgresql.org's RPMs
    ("/usr/libexec", "postgresql", ""),         // Alpine
    ("/opt/homebrew/opt", "postgresql", "bin"), // Homebrew on Apple silicon
    ("/usr/local/opt", "postgresql", "bin"),    // Homebrew on Intel
    ("/opt/local/lib", "postgresql", "bin"),    // MacPorts
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/usr/local", "pgsql", "bin"), // built from source
];

/// One installation of PostgreSQL's server.
#[derive(Debug)]
pub(super) struct Programs {
    folder: PathBuf,
    /// The major version, such as `17`.
    pub(super) major: u32,
    /// The user and group of the programs, if not those of this process: PostgreSQL refuses to run
    /// as root.
    user: Option<(u32, u32)>,
}

impl Programs {
    /// The installation in `PATH`, or the newest one in the usual places. `None` if there is none,
    /// which is printed once on stderr, or panics under `REQUIRE_POSTGRES=1`.
    pub(super) fn find() -> Option<&'static Self> {
        static FOUND: LazyLock<Option<Programs>> = LazyLock::new(|| {
            let path = env::var_os("PATH").unwrap_or_default();
            let in_path = env::split_paths(&path).find_map(|folder| at(&folder));
            in_path.or_else(|| {
                usual_folders()
                    .iter()
                    .filter_map(|it| at(it))
                    .max_by_key(|it| it.major)
            })
        });
        if FOUND.is_none() {
            say_missing();
        }
        FOUND.as_ref()
    }

    /// A command that runs one of the programs, with a clean environment.
    pub(super) fn command(&self, program: &str) -> Command {
        self.as_user(Command::new(self.path(program)))
    }

    /// The path of a program.
    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// Makes a command run as the user who may run PostgreSQL, without environment variables that
    /// could change its behaviour, in a folder that every user may enter.
    pub(super) fn as_user(&self, mut command: Command) -> Command {
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LC_ALL", "C");
        command.current_dir("/");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// Whether the programs run as another user than this process.
    pub(super) fn run_as_another(&self) -> bool {
        self.user.is_some()
    }

    /// Gives a folder and its content to the user of the programs.
    pub(super) fn give(&self, path: &Path) -> io::Result<()> {
        let Some((user, group)) = self.user else {
            return Ok(());
        };
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                self.give(&entry?.path())?;
            }
        }
        std::os::unix::fs::lchown(path, Some(user), Some(group))
    }
}

/// The installation in a folder, if it is new enough.
fn at(folder: &Path) -> Option<Programs> {
    // PATH may have links to single programs.
    let initdb = fs::canonicalize(folder.join("initdb")).ok()?;
    let folder = initdb.parent()?.to_owned();
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .output()
        .ok()?;
    let major = major_version(&String::from_utf8_lossy(&output.stdout))?;
    let user = rustix::process::geteuid()
        .is_root()
        .then(unprivileged_user)
        .flatten();
    (major >= OLDEST).then_some(Programs {
        folder,
        major,
        user,
    })
}

/// 15 from `postgres (PostgreSQL) 15.13 (Debian …)`, 18 from `postgres (PostgreSQL) 18beta1`.
fn major_version(text: &str) -> Option<u32> {
    let version = text.split_whitespace().nth(2)?;
    let digits = version
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(version.len());
    version[..digits].parse().ok()
}

/// `postgres`, who comes with the server's package, or `nobody`.
fn unprivileged_user() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    let ids = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody"))
}

fn usual_folders() -> Vec<PathBuf> {
    let versions = PLACES.iter().flat_map(|&(parent, prefix, below)| {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        entries
            .filter(move |entry| entry.file_name().to_string_lossy().starts_with(prefix))
            .map(move |entry| entry.path().join(below))
    });
    versions.collect()
}

fn say_missing() {
    static SAID: Once = Once::new();
    assert!(
        !env::var("REQUIRE_POSTGRES").is_ok_and(|value| !matches!(value.as_str(), "" | "0")),
        "REQUIRE_POSTGRES is set, and neither TEST_DATABASE_URL nor initdb of PostgreSQL {OLDEST} \
         or newer (in PATH or where packages put it) was found"
    );
    SAID.call_once(|| {
        // Not eprintln!, because the test runner shows that only if the test fails.
        let line = format!(
            "PostgreSQL {OLDEST} or newer was not found (initdb, or TEST_DATABASE_URL): only SQLite \
             is tested\n"
        );
        let _ = io::stderr().write_all(line.as_bytes());
    });
}

#[cfg(test)]
mod tests {
    use super::major_version;

    #[test]
    fn the_major_version_is_read_from_what_postgres_prints() {
        assert_eq!(
            major_version("postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(major_version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major_version("postgres (PostgreSQL) 9.6.24"), Some(9));
        assert_eq!(major_version("no version"), None);
    }
}
