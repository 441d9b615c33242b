//! Users by name.

use std::fs;

use crate::process::Account;

/// Where users are listed (`passwd(5)`). Users of a directory service are not found here; write their numbers.
const FILE: &str = "/etc/passwd";

/// The user called `name`, or with this number.
///
/// # Errors
/// When there is none.
pub(crate) fn find(name: &str) -> Result<Account, String> {
    let users =
        fs::read_to_string(FILE).map_err(|error| format!("cannot read `{FILE}`: {error}"))?;
    search(&users, name).ok_or_else(|| format!("there is no user `{name}` in `{FILE}`"))
}

fn search(users: &str, name: &str) -> Option<Account> {
    let number: Option<u32> = name.parse().ok();
    let listed = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let login = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (login == name || number == Some(uid)).then_some(Account { uid, gid })
    });
    // A number needs no entry; its group then has the same one.
    listed.or_else(|| {
        number.map(|number| Account {
            uid: number,
            gid: number,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name_and_number() {
        let users = "root:x:0:0:root:/root:/bin/bash\nweb:x:33:34::/var/www:/bin/false\n";
        let web = Some(Account { uid: 33, gid: 34 });
        assert_eq!(search(users, "web"), web);
        assert_eq!(search(users, "33"), web);
        assert_eq!(search(users, "7"), Some(Account { uid: 7, gid: 7 }));
        for unknown in ["", "x", "roo", "root:x", "-1"] {
            assert_eq!(search(users, unknown), None, "{unknown}");
        }
    }
}
