//! How much memory there is for this process.

#[cfg(any(target_os = "linux", test))]
use std::path::Path;

/// Half of what the machine has, or half of the lowest limit that a control group sets; nothing where the system does
/// not tell.
pub(super) fn half() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        available(Path::new("/")).map(|bytes| bytes / 2)
    }
    #[cfg(not(target_os = "linux"))]
    {
        None
    }
}

/// Memory of a Linux machine, whose files are below `root`, for a process in its control group.
#[cfg(any(target_os = "linux", test))]
fn available(root: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text.lines().find(|l| l.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    let machine = kib.saturating_mul(1024);
    let groups = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let limits = groups.lines().filter_map(|line| limit(root, line));
    Some(limits.fold(machine, u64::min))
}

/// The lowest limit of a control group and those it is in, of a line `number:controllers:path`.
#[cfg(any(target_os = "linux", test))]
fn limit(root: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, group) = (parts.next()?, parts.next()?);
    let (tree, file) = match controllers {
        // Version 2 has one tree for all controllers, version 1 one for each.
        "" => ("sys/fs/cgroup", "memory.max"),
        many if many.split(',').any(|c| c == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let top = root.join(tree);
    // Within a container the path may be that of the machine outside: then only the top is seen.
    let plain = group
        .split('/')
        .filter(|part| !part.is_empty() && *part != "..");
    let mut folder = top.clone();
    let mut folders = vec![top];
    for part in plain {
        folder = folder.join(part);
        folders.push(folder.clone());
    }
    let read = |folder: &std::path::PathBuf| -> Option<u64> {
        // "max" is no number, and no limit.
        let text = std::fs::read_to_string(folder.join(file)).ok()?;
        text.trim().parse().ok()
    };
    folders.iter().filter_map(read).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> Option<u64> {
        let dir = tempfile::tempdir().expect("folder");
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            std::fs::write(path, text).expect("file");
        }
        available(dir.path())
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:  4096 kB\nMemFree: 1 kB\n");

    #[test]
    fn the_lowest_limit_of_nested_groups_counts() {
        assert_eq!(machine(&[MEMINFO]), Some(4 << 20));
        let nested = [
            MEMINFO,
            ("proc/self/cgroup", "0::/slice/job\n"),
            ("sys/fs/cgroup/memory.max", "max\n"),
            ("sys/fs/cgroup/slice/memory.max", "1000000\n"),
            ("sys/fs/cgroup/slice/job/memory.max", "2000000\n"),
        ];
        assert_eq!(machine(&nested), Some(1_000_000));
        let old = [
            MEMINFO,
            ("proc/self/cgroup", "3:cpu,cpuacct:/\n2:memory:/docker/x\n"),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            (
                "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes",
                "3000\n",
            ),
        ];
        assert_eq!(machine(&old), Some(3000));
        let hidden = [
            MEMINFO,
            ("proc/self/cgroup", "0::/../../elsewhere\n"),
            ("sys/fs/cgroup/memory.max", "5000\n"),
        ];
        assert_eq!(machine(&hidden), Some(5000));
    }

    #[test]
    fn what_cannot_be_read_is_no_limit() {
        assert_eq!(machine(&[]), None);
        assert_eq!(machine(&[("proc/meminfo", "MemTotal: many kB")]), None);
        let strange = [
            MEMINFO,
            ("proc/self/cgroup", "\n0\n:::\n0::/x\n"),
            ("sys/fs/cgroup/x/memory.max", "-5\n"),
        ];
        assert_eq!(machine(&strange), Some(4 << 20));
    }
}
