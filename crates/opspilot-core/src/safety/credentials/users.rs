//! Adding, changing, removing and recognising users.

use async_trait::async_trait;

use super::index::recent;
use super::trail::Entry;
use super::user::{StoredUser, draw};
use super::work::{Audited, Change};
use super::{CredentialError, Credentials, Invalid, NewUser, Password, Source, User, UserName};
use crate::bus::Tx;
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::safety::identity::{Identity, Role};
use crate::storage::Cursor;

impl Credentials {
    /// Adds a user on behalf of `by`.
    ///
    /// # Errors
    /// [`CredentialError::Exists`], or when it cannot be stored.
    pub async fn add_user(&self, by: &Identity, new: NewUser) -> Result<User, CredentialError> {
        let hashed = self.hashing.hash(new.password).await?;
        let stored = StoredUser::new((new.name, new.role), hashed, by, self.clock.now())?;
        self.transact(by, AddUser(stored)).await?
    }

    /// One page of users, newest first.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn users(
        &self,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<(Vec<User>, Option<Cursor>), CredentialError> {
        let (users, next) = self.users.query(&recent(after, limit)).await?;
        Ok((users.into_iter().map(|stored| stored.user).collect(), next))
    }

    /// Says whether anybody signs in by password.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn has_user(&self) -> Result<bool, CredentialError> {
        Ok(!self.users(None, 1).await?.0.is_empty())
    }

    /// Sets the password of the user `name` on behalf of `by`, which ends their sessions.
    ///
    /// # Errors
    /// [`CredentialError::NotFound`], or when the change cannot be stored.
    pub async fn change_password(
        &self,
        by: &Identity,
        name: &str,
        password: Password,
    ) -> Result<User, CredentialError> {
        let name = known(name)?;
        let (hashed, generation) = (self.hashing.hash(password).await?, draw()?);
        let edit = move |stored: &mut StoredUser, now| {
            stored.password = hashed;
            stored.generation = generation;
            stored.user.password_set_at = now;
            entry("user.passwordChanged", &stored.user)
        };
        self.transact(by, ChangeUser { name, edit }).await?
    }

    /// Gives the user `name` another role on behalf of `by`, from the next request on.
    ///
    /// # Errors
    /// [`CredentialError::NotFound`], or when the change cannot be stored.
    pub async fn change_role(
        &self,
        by: &Identity,
        name: &str,
        role: Role,
    ) -> Result<User, CredentialError> {
        let name = known(name)?;
        let edit = move |stored: &mut StoredUser, _| {
            let old = std::mem::replace(&mut stored.user.role, role);
            entry("user.roleChanged", &stored.user)
                .with("from", old)
                .with("role", role)
        };
        self.transact(by, ChangeUser { name, edit }).await?
    }

    /// Removes the user `name` on behalf of `by`, which ends their sessions.
    ///
    /// # Errors
    /// [`CredentialError::NotFound`], or when the change cannot be stored.
    pub async fn remove_user(&self, by: &Identity, name: &str) -> Result<User, CredentialError> {
        self.transact(by, RemoveUser(known(name)?)).await?
    }

    /// The user `name`, if `password` is theirs, and what a session of theirs begins with. Takes as long for somebody
    /// who is no user.
    ///
    /// # Errors
    /// [`CredentialError::Busy`], or when the storage cannot be read.
    pub async fn check_password(
        &self,
        name: &str,
        password: Secret,
    ) -> Result<Result<(User, Source), Invalid>, CredentialError> {
        // Names that nobody can have are looked for as well.
        let found = self.users.get(&name.to_ascii_lowercase()).await?;
        let stored = found.map(|(stored, _)| stored);
        let kept = stored.as_ref().map(|stored| stored.password.clone());
        let fits = self.hashing.fits(password, kept).await?;
        Ok(match stored {
            Some(stored) if fits => {
                let source = stored.source();
                Ok((stored.user, source))
            }
            Some(_) => Err(Invalid::Password),
            None => Err(Invalid::Unknown),
        })
    }

    /// The user `name`, if their password is still the one of `generation`.
    ///
    /// # Errors
    /// When the storage cannot be read.
    pub async fn live_user(
        &self,
        name: &str,
        generation: &str,
    ) -> Result<Result<User, Invalid>, CredentialError> {
        let found = self.users.get(name).await?;
        Ok(match found {
            Some((stored, _)) if stored.generation == generation => Ok(stored.user),
            Some(_) | None => Err(Invalid::Revoked),
        })
    }
}

/// A name that somebody may have.
fn known(name: &str) -> Result<String, CredentialError> {
    let parsed = UserName::parse(name).map_err(|_| CredentialError::missing("user", name))?;
    Ok(parsed.as_str().to_owned())
}

fn entry(action: &'static str, user: &User) -> Entry {
    Entry::new(action, format!("user {}", user.name))
}

struct AddUser(StoredUser);

#[async_trait]
impl Change for AddUser {
    type Output = Result<User, CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let Self(stored) = self;
        let users = &cx.credentials.users;
        if tx.get(users, &stored.user.name).await?.is_some() {
            return Err(CredentialError::Exists {
                kind: "user",
                id: stored.user.name,
            });
        }
        let added = entry("user.created", &stored.user).with("role", stored.user.role);
        cx.note(tx, added).await?;
        tx.put(users, &stored)?;
        Ok(stored.user)
    }
}

/// A change of one user: `edit` makes it, and says what the audit log is told.
struct ChangeUser<E> {
    name: String,
    edit: E,
}

#[async_trait]
impl<E> Change for ChangeUser<E>
where
    E: FnOnce(&mut StoredUser, Timestamp) -> Entry + Send + 'static,
{
    type Output = Result<User, CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let mut stored = find(tx, cx, &self.name).await?;
        let changed = (self.edit)(&mut stored, tx.now());
        cx.note(tx, changed).await?;
        tx.put(&cx.credentials.users, &stored)?;
        Ok(stored.user)
    }
}

struct RemoveUser(String);

#[async_trait]
impl Change for RemoveUser {
    type Output = Result<User, CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let stored = find(tx, cx, &self.0).await?;
        cx.note(tx, entry("user.removed", &stored.user)).await?;
        tx.delete(&cx.credentials.users, &self.0);
        Ok(stored.user)
    }
}

async fn find(tx: &mut Tx, cx: &Audited<()>, name: &str) -> Result<StoredUser, CredentialError> {
    let found = tx.get(&cx.credentials.users, name).await?;
    found.ok_or_else(|| CredentialError::missing("user", name))
}
