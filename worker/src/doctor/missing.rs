//! What the sandbox would use and does not have here, in words for programs; from what
//! the worker has found out when it began, without trying anything again.

use crate::sandbox::abi::ABIS;
use crate::sandbox::containment::Containment;
use crate::sandbox::namespaces::Shut;
use policy::Controller;

/// Each thing that is missing.
pub(crate) fn missing(abi: u32, containment: &Containment, shut: Shut) -> Vec<String> {
    let newer = ABIS.iter().filter(|row| row.used && row.number > abi);
    let mut all: Vec<String> = newer
        .map(|row| format!("landlock_abi_{}", row.number))
        .collect();
    let base = match containment {
        Containment::Cgroup(base) => Some(base),
        Containment::PidNamespace { .. } | Containment::Subreaper => None,
    };
    if base.is_none() {
        all.push("cgroup".to_owned());
    }
    let lacking = |one: &&Controller| !base.is_some_and(|base| base.has(**one));
    let controllers = Controller::ALL.iter().filter(lacking);
    all.extend(controllers.map(|one| format!("cgroup_{one}")));
    if shut == Shut::Never {
        all.push("mount_namespace".to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_kernel_lacks_nothing_of_landlock() {
        let newest = missing(u32::MAX, &Containment::Subreaper, Shut::Prepared);
        assert!(
            newest.iter().all(|one| one.starts_with("cgroup")),
            "{newest:?}"
        );
        let none = missing(0, &Containment::Subreaper, Shut::Never);
        for word in [
            "landlock_abi_1",
            "cgroup",
            "cgroup_memory",
            "mount_namespace",
        ] {
            assert!(none.iter().any(|one| one == word), "{word}: {none:?}");
        }
        assert!(!none.iter().any(|one| one == "landlock_abi_8"), "{none:?}");
    }
}
