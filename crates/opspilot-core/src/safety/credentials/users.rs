//! Adding, changing, removing and recognising users.

use async_trait::async_trait;

use super::password::Hashed;
use super::trail::Entry;
use super::user::{StoredUser, draw};
use super::work::{Audited, Change};
use super::{
    CredentialError, Credentials, Invalid, NewUser, Password, Source, User, UserName, recent,
};
use crate::bus::Tx;
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
        let change = SetPassword {
            name: known(name)?,
            hashed: self.hashing.hash(password).await?,
            generation: draw()?,
        };
        self.transact(by, change).await?
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
        self.transact(by, SetRole { name, role }).await?
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
    let parsed = UserName::parse(name);
    let parsed = parsed.map_err(|_| missing(name));
    parsed.map(|name| name.as_str().to_owned())
}

fn missing(name: &str) -> CredentialError {
    CredentialError::NotFound {
        kind: "user",
        id: name.to_owned(),
    }
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

struct SetPassword {
    name: String,
    hashed: Hashed,
    generation: String,
}

#[async_trait]
impl Change for SetPassword {
    type Output = Result<User, CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let users = &cx.credentials.users;
        let found = tx.get(users, &self.name).await?;
        let mut stored = found.ok_or_else(|| missing(&self.name))?;
        stored.password = self.hashed;
        stored.generation = self.generation;
        stored.user.password_set_at = tx.now();
        cx.note(tx, entry("user.passwordChanged", &stored.user))
            .await?;
        tx.put(users, &stored)?;
        Ok(stored.user)
    }
}

struct SetRole {
    name: String,
    role: Role,
}

#[async_trait]
impl Change for SetRole {
    type Output = Result<User, CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let users = &cx.credentials.users;
        let found = tx.get(users, &self.name).await?;
        let mut stored = found.ok_or_else(|| missing(&self.name))?;
        let old = std::mem::replace(&mut stored.user.role, self.role);
        let changed = entry("user.roleChanged", &stored.user)
            .with("from", old)
            .with("role", self.role);
        cx.note(tx, changed).await?;
        tx.put(users, &stored)?;
        Ok(stored.user)
    }
}

struct RemoveUser(String);

#[async_trait]
impl Change for RemoveUser {
    type Output = Result<User, CredentialError>;

    async fn make(self, tx: &mut Tx, cx: &Audited<()>) -> Self::Output {
        let users = &cx.credentials.users;
        let found = tx.get(users, &self.0).await?;
        let stored = found.ok_or_else(|| missing(&self.0))?;
        cx.note(tx, entry("user.removed", &stored.user)).await?;
        tx.delete(users, &self.0);
        Ok(stored.user)
    }
}
