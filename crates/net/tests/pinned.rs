//! Workers that stay on their cores.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

use net::echo::Echo;
use net::{Options, Workers};
use std::fs;
use std::sync::Arc;

/// On which cores the thread of that name may run, as the kernel writes it.
fn cores_of(name: &str) -> Option<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let of_thread = tasks
        .filter_map(|task| Some(task.ok()?.path()))
        .find(|path| fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim() == name));
    let status = fs::read_to_string(of_thread?.join("status")).ok()?;
    status.lines().find_map(|line| Some(line.strip_prefix("Cpus_allowed_list:")?.trim().to_owned()))
}

#[test]
fn each_worker_is_on_one_core_if_that_is_wished_for_and_on_all_otherwise() {
    for (pinned, name) in [(true, "pinned"), (false, "loose")] {
        let address = "127.0.0.1:0".parse().unwrap();
        let options = Options { pinned, thread_name: name.to_owned(), ..Options::new(2, [address]) };
        let _workers = Workers::start(options, |_| Echo::new(Arc::default())).unwrap();
        let cores = [0, 1].map(|number| cores_of(&format!("{name}-{number}")).unwrap());
        let all = cores_of(fs::read_to_string("/proc/self/comm").unwrap().trim()).unwrap();
        if pinned {
            assert!(cores.iter().all(|cores| cores.parse::<u32>().is_ok()), "{cores:?}");
            assert!(all.parse::<u32>().is_ok() || cores[0] != cores[1], "{cores:?} of {all}");
        } else {
            assert!(cores.iter().all(|cores| *cores == all), "{cores:?} of {all}");
        }
    }
}
