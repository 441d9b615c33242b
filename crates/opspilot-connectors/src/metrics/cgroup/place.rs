//! Where the files of a cgroup are.

use crate::metrics::text;
use crate::metrics::tree::Tree;

/// The folders of a cgroup and of those above it, which limit it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Below the root of the tree, the cgroup itself first.
    folders: Vec<String>,
}

/// Where cgroup v2 is mounted, and which cgroup is seen there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    root: String,
    folder: String,
}

impl Place {
    /// The cgroup's own folder.
    pub(super) fn own(&self) -> &str {
        self.folders.first().map_or("", String::as_str)
    }

    /// A file of the cgroup.
    pub(super) fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.own())
    }

    /// The lowest limit that `name` states, here or above. `parse` gives nothing for a file that limits nothing.
    pub(super) fn lowest<T: PartialOrd>(
        &self,
        tree: &mut Tree,
        name: &str,
        parse: fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let limits = self
            .folders
            .iter()
            .filter_map(|folder| tree.glance(&format!("{folder}/{name}"), parse));
        limits.reduce(|lowest, limit| if limit < lowest { limit } else { lowest })
    }
}

/// Finds the cgroup called `wanted`, or that of this process if it is empty; says why there is none.
pub(super) fn find(tree: &mut Tree, wanted: &str) -> Option<Place> {
    let Some(mount) = tree.read("proc/self/mountinfo", |text| Some(mounted(text)))? else {
        let message = "no cgroup v2 is mounted: start the machine with `systemd.unified_cgroup_hierarchy=1`, mount one \
                       (type `cgroup2`), or set `view: host`";
        tree.fault(message.to_owned());
        return None;
    };
    let inner = if wanted.is_empty() {
        let own = tree.read("proc/self/cgroup", |text| Some(own(text)))??;
        let Some(inner) = below(&own, &mount.root) else {
            tree.fault(format!(
                "the cgroup `{own}` that OpsPilot runs in is not below `/{}`: name one that is with `cgroup`, or set \
                 `view: host`",
                mount.folder
            ));
            return None;
        };
        inner.to_owned()
    } else {
        wanted.to_owned()
    };
    let place = place(&mount.folder, &inner);
    if !tree.has(place.own()) {
        tree.fault(format!(
            "there is no cgroup `/{}`: start what runs in it, or mend `cgroup`",
            place.own()
        ));
        return None;
    }
    Some(place)
}

/// The first mount of cgroup v2.
fn mounted(mountinfo: &[u8]) -> Option<Mount> {
    text::lines(mountinfo).find_map(|line| {
        let mut words = text::words(line);
        let root = text::unescaped(words.nth(3)?);
        let folder = text::unescaped(words.next()?);
        words.find(|word| *word == b"-")?;
        (words.next()? == b"cgroup2").then_some(())?;
        Some(Mount {
            root: String::from_utf8(root).ok()?,
            folder: String::from_utf8(folder)
                .ok()?
                .trim_start_matches('/')
                .to_owned(),
        })
    })
}

/// The cgroup of version 2 that a process is in: the line `0::PATH`.
fn own(cgroup: &[u8]) -> Option<String> {
    let path = text::lines(cgroup).find_map(|line| line.strip_prefix(b"0::"))?;
    String::from_utf8(path.to_vec()).ok()
}

/// `path` as it is called below `root`; nothing if it is not there.
fn below<'a>(path: &'a str, root: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(root.trim_end_matches('/'))?;
    let is_inside = rest.is_empty() || rest.starts_with('/');
    (is_inside && !rest.split('/').any(|part| part == "..")).then_some(rest)
}

fn place(folder: &str, inner: &str) -> Place {
    let mut path = format!("{folder}/{}", inner.trim_matches('/'));
    path.truncate(path.trim_end_matches('/').len());
    let mut folders = vec![path.clone()];
    while path.len() > folder.len() {
        let end = path.rfind('/').unwrap_or(0);
        path.truncate(end);
        folders.push(path.clone());
    }
    Place { folders }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_seen_from_the_mount() {
        let check = |path, root, expected| assert_eq!(below(path, root), expected, "{path} {root}");
        check("/", "/", Some("/"));
        check("/a/b", "/", Some("/a/b"));
        check("/docker/1", "/docker/1", Some(""));
        check("/docker/12", "/docker/1", None);
        check("/../other", "/", None);
    }

    #[test]
    fn a_cgroup_is_limited_by_those_above() {
        let folders = |inner| place("sys/fs/cgroup", inner).folders;
        let mount = "sys/fs/cgroup".to_owned();
        assert_eq!(folders("/"), std::slice::from_ref(&mount));
        assert_eq!(
            folders("/a.slice/b"),
            ["sys/fs/cgroup/a.slice/b", "sys/fs/cgroup/a.slice", &mount]
        );
    }

    #[test]
    fn the_mount_may_have_any_name() {
        let text = b"31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
                     41 31 0:38 /a\\040b /sys/fs/my\\040cgroup rw shared:9 - cgroup2 cgroup2 rw\n";
        let mount = mounted(text).unwrap();
        assert_eq!(
            (mount.root.as_str(), mount.folder.as_str()),
            ("/a b", "sys/fs/my cgroup")
        );
        assert_eq!(
            mounted(b"32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"),
            None
        );
        assert_eq!(
            own(b"9:name=systemd:/x\n0::/a/b\n").as_deref(),
            Some("/a/b")
        );
    }
}
