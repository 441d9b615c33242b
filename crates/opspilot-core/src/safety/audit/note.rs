//! Checkpoints: the end of the chain as a signed note. Source: <https://c2sp.org/signed-note>; the text has the lines of
//! <https://c2sp.org/tlog-checkpoint>, with the hash of the newest entry in the place of a tree's root.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key::{NAME, PublicKey, SigningKey};
use crate::clock::Timestamp;
use crate::safety::action::Digest;

/// The most bytes of a note that are read.
const LIMIT: usize = 16 * 1024;

/// More entries than there can ever be: whoever reads a size may add to it.
const SIZE_LIMIT: u64 = 1 << 62;

/// What a signature line begins with: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// The end of the chain at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The number of the newest entry; 0 when there is none.
    pub size: u64,
    /// Its hash.
    pub hash: Digest,
    /// When it was signed.
    pub at: Timestamp,
    /// In the last line of an export: the first and the last entry of it. Without entries, the last stands one before
    /// the first.
    pub export: Option<(u64, u64)>,
    /// The signed note.
    pub note: String,
}

/// Why a text is not a checkpoint of this log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// It has another form.
    #[error("it is not a signed checkpoint: {0}")]
    Form(&'static str),
    /// It is signed with other keys.
    #[error("it is signed with another key than {0}")]
    Foreign(PublicKey),
    /// Its text is not the one that was signed.
    #[error("its signature does not fit its text")]
    Signature,
}

impl Checkpoint {
    pub(super) const fn new(size: u64, hash: Digest, at: Timestamp) -> Self {
        Self {
            size,
            hash,
            at,
            export: None,
            note: String::new(),
        }
    }

    /// The same checkpoint with its signed note.
    pub(super) fn signed(mut self, key: &SigningKey) -> Self {
        let text = self.text();
        let signature = [&key.public_key().id()[..], &key.sign(&text)].concat();
        self.note = format!("{text}\n{DASH}{NAME} {}\n", STANDARD.encode(signature));
        self
    }

    fn text(&self) -> String {
        let hash = STANDARD.encode(self.hash.as_bytes());
        let export = self
            .export
            .map(|(first, last)| format!("export {first}-{last}\n"));
        format!(
            "{NAME}\n{}\n{hash}\ntime {}\n{}",
            self.size,
            self.at,
            export.unwrap_or_default()
        )
    }

    /// Reads a signed note, if `key` signed it.
    ///
    /// # Errors
    /// When it has another form, is signed with other keys only, or was changed.
    pub fn open(note: &str, key: &PublicKey) -> Result<Self, NoteError> {
        if note.len() > LIMIT {
            return Err(NoteError::Form("it is too long"));
        }
        let split = note.rsplit_once("\n\n");
        let (text, signatures) = split.ok_or(NoteError::Form("it has no signature"))?;
        let text = format!("{text}\n");
        check_signature(&text, signatures, key)?;
        let mut checkpoint =
            parse(&text).ok_or(NoteError::Form("its lines are not the documented ones"))?;
        note.clone_into(&mut checkpoint.note);
        Ok(checkpoint)
    }
}

/// Looks for the signature of `key`; those of other keys do not count, so that others may sign the note too.
fn check_signature(text: &str, signatures: &str, key: &PublicKey) -> Result<(), NoteError> {
    let lines = signatures.strip_suffix('\n');
    let lines = lines.ok_or(NoteError::Form("its last line has no end"))?;
    for line in lines.split('\n') {
        let signature = line
            .strip_prefix(DASH)
            .and_then(|line| line.split_once(' '));
        let (name, signature) = signature.ok_or(NoteError::Form("a signature line is damaged"))?;
        let bytes = STANDARD.decode(signature);
        let bytes = bytes.map_err(|_| NoteError::Form("a signature is damaged"))?;
        let (id, signature) = bytes.split_at_checked(4).unwrap_or_default();
        if name == NAME && id == key.id() {
            let fits = key.verifies(text, signature);
            return fits.then_some(()).ok_or(NoteError::Signature);
        }
    }
    Err(NoteError::Foreign(*key))
}

fn parse(text: &str) -> Option<Checkpoint> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    if lines.next()? != NAME {
        return None;
    }
    let size = lines
        .next()?
        .parse()
        .ok()
        .filter(|size| *size < SIZE_LIMIT)?;
    let hash = STANDARD.decode(lines.next()?).ok()?;
    let hash = Digest::from_bytes(hash.try_into().ok()?);
    let at = Timestamp::parse(lines.next()?.strip_prefix("time ")?).ok()?;
    let mut checkpoint = Checkpoint::new(size, hash, at);
    // Further lines are for later versions.
    if let Some(range) = lines.next().and_then(|line| line.strip_prefix("export ")) {
        let (first, last) = range.split_once('-')?;
        checkpoint.export = Some((first.parse().ok()?, last.parse().ok()?));
    }
    Some(checkpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            export: Some((1, 7)),
            ..Checkpoint::new(7, Digest::of(b"x"), Timestamp::UNIX_EPOCH)
        }
    }

    #[test]
    fn a_signed_note_has_the_documented_form_and_opens_again() {
        let key = SigningKey::of_tests();
        let note = checkpoint().signed(&key).note;
        let expected = "opspilot-audit\n7\nLXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=\ntime 1970-01-01T00:00:00.000Z\n\
                        export 1-7\n\n\u{2014} opspilot-audit ";
        assert!(note.starts_with(expected), "{note}");
        let opened = Checkpoint::open(&note, key.public_key());
        assert_eq!(
            opened,
            Ok(Checkpoint {
                note,
                ..checkpoint()
            })
        );
    }

    #[test]
    fn no_byte_of_a_note_can_be_changed() {
        let key = SigningKey::of_tests();
        let note = checkpoint().signed(&key).note;
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                let opened = Checkpoint::open(&changed, key.public_key());
                assert!(opened.is_err(), "byte {at}: {changed}");
            }
        }
    }

    #[test]
    fn the_signature_of_another_key_does_not_count_and_does_not_disturb() {
        let key = SigningKey::of_tests();
        let other = SigningKey::ephemeral().unwrap();
        let note = checkpoint().signed(&other).note;
        assert_eq!(
            Checkpoint::open(&note, key.public_key()),
            Err(NoteError::Foreign(*key.public_key()))
        );
        let ours = checkpoint().signed(&key).note;
        let (_, line) = ours.rsplit_once("\n\n").unwrap();
        let both = format!("{note}{line}");
        assert!(Checkpoint::open(&both, key.public_key()).is_ok());
        assert!(Checkpoint::open(&both, other.public_key()).is_ok());
    }

    /// The text was made with another implementation: Python's `cryptography` and `hashlib`.
    #[test]
    fn keys_are_written_as_other_tools_write_them() {
        let key = SigningKey::of_tests();
        let text = key.public_key().to_string();
        assert_eq!(
            text,
            "opspilot-audit+0c8345e1+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"
        );
        assert_eq!(text.parse(), Ok(*key.public_key()));
        for wrong in [
            text.replace("+A", "+B"),
            text.replace("audit", "audio"),
            text.replace("+0c8345e1+", "+0c8345e2+"),
            text.chars().take(40).collect(),
            String::new(),
        ] {
            assert!(wrong.parse::<PublicKey>().is_err(), "{wrong}");
        }
    }
}
