//! The file that keeps the signing key.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::SigningKey;

/// Why there is no signing key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The operating system has no random numbers.
    #[error("cannot make a signing key: the operating system gives no random numbers")]
    Entropy,
    /// Others can read the key, and so could write a log that looks genuine.
    #[error(
        "signing key `{}` can be read by others (mode {mode:04o}): `chmod 600` it, and if somebody may have read it, \
         do not trust what it signed since",
        path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else.
    #[error("`{}` is not an Ed25519 key in PKCS#8 form: put the file back from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("cannot {verb} signing key `{}`", path.display())]
    Io {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl SigningKey {
    /// The name of the file in the data folder.
    pub const FILE: &str = "audit-signing.key";

    /// Reads the key in the file `path`.
    ///
    /// # Errors
    /// When there is none, or it is damaged, or others can read it.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::Io {
            verb: "read",
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::Exposed {
                path: path.to_owned(),
                mode,
            });
        }
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut io::Read::take(file, 4_096), &mut bytes).map_err(failed)?;
        Self::from_pkcs8(&bytes).ok_or_else(|| KeyError::Damaged {
            path: path.to_owned(),
        })
    }

    /// Reads the key in the file `path`; at the first start makes one, which only the owner may read.
    ///
    /// # Errors
    /// As [`SigningKey::load`], or when the file cannot be written.
    pub fn load_or_create(path: &Path) -> Result<Self, KeyError> {
        if !fs::exists(path).unwrap_or(true) {
            let bytes = Self::generate()?;
            create(path, &bytes).map_err(|source| KeyError::Io {
                verb: "write",
                path: path.to_owned(),
                source,
            })?;
        }
        Self::load(path)
    }
}

/// Writes the whole key or none, and never over another: the file gets its name when it is on the disk.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let fresh = path.with_extension("key.new");
    if let Err(error) = fs::remove_file(&fresh)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // A hard link fails where the name is taken, which a rename would not.
    let named = fs::hard_link(&fresh, path);
    fs::remove_file(&fresh)?;
    match named {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_first_start_makes_a_key_for_the_owner_alone_and_later_ones_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/audit-signing.key");
        let first = SigningKey::load_or_create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let parent = path.parent().unwrap();
        assert_eq!(fs::metadata(parent).unwrap().mode() & 0o7777, 0o700);
        assert_eq!(fs::read_dir(parent).unwrap().count(), 1);
        let second = SigningKey::load_or_create(&path).unwrap();
        assert_eq!(first.public_key(), second.public_key());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit-signing.key");
        SigningKey::load_or_create(&path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o666] {
            set_mode(&path, mode);
            let error = SigningKey::load_or_create(&path).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(&format!("mode {mode:04o}")), "{text}");
            assert!(text.contains("chmod 600"), "{text}");
        }
        set_mode(&path, 0o400);
        SigningKey::load_or_create(&path).unwrap();
    }

    #[test]
    fn a_damaged_key_is_neither_used_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit-signing.key");
        for content in [&b""[..], b"hello", &[0x30; 83]] {
            fs::write(&path, content).unwrap();
            set_mode(&path, 0o600);
            let error = SigningKey::load_or_create(&path).unwrap_err();
            assert!(matches!(error, KeyError::Damaged { .. }), "{error}");
            assert_eq!(fs::read(&path).unwrap(), content);
        }
    }

    #[test]
    fn what_a_crash_left_of_a_key_is_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("audit-signing.key.new"), "half").unwrap();
        let path = folder.path().join("audit-signing.key");
        SigningKey::load_or_create(&path).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key = SigningKey::of_tests();
        let shown = format!("{key:?}");
        assert_eq!(
            shown,
            format!("SigningKey {{ public: {}, .. }}", key.public_key())
        );
    }
}
