//! Child processes that never outlive their purpose.
//!
//! Every child runs in a process group of its own, under a guard: a shell that holds one end of a pipe whose other end is
//! in this process. When the pipe closes (the step is over, or this process ended, by whatever signal), the guard ends
//! its group: first with SIGTERM, two seconds later with SIGKILL. So Ctrl-C leaves no server behind, and nothing is ever
//! killed that was not started here.

use crate::tree::Tree;
use std::ffi::OsStr;
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The guard. `$@` is the command; its output is the shell's, its input is empty.
const GUARD: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(trap '' TERM INT HUP; cat <&3; kill -TERM 0; sleep 2; kill -KILL 0) >/dev/null 2>&1 &
exec 3<&-
wait $child
"#;

/// How long a command may take unless it says otherwise.
const DEADLINE_DEFAULT: Duration = Duration::from_secs(20 * 60);

/// A command that is to run under guard, with its output in a log file.
pub(crate) struct Job {
    command: Command,
    shown: String,
    root: PathBuf,
    log: PathBuf,
    deadline: Duration,
}

impl Job {
    /// A job in the top directory of the repository. Its output is appended to the log named `log`.
    pub(crate) fn new(tree: &Tree, log: &str, program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", GUARD, "guard"]).arg(program.as_ref()).current_dir(&tree.root).process_group(0);
        let shown = Path::new(program.as_ref()).file_name().unwrap_or(program.as_ref());
        let shown = shown.to_string_lossy().into_owned();
        Self { command, shown, root: tree.root.clone(), log: tree.log(log), deadline: DEADLINE_DEFAULT }
    }

    /// Adds arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        for argument in arguments {
            self.shown.push(' ');
            self.shown.push_str(&argument.as_ref().to_string_lossy());
            self.command.arg(argument);
        }
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs in this directory of the repository.
    pub(crate) fn directory(mut self, path: &str) -> Self {
        self.command.current_dir(self.root.join(path));
        self
    }

    /// Fails when it takes longer.
    pub(crate) fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    fn start(&mut self) -> Result<Guarded, String> {
        let io = |e: std::io::Error| format!("cannot write {}: {e}", self.log.display());
        let mut log = File::options().create(true).append(true).open(&self.log).map_err(io)?;
        std::io::Write::write_all(&mut log, format!("$ {}\n", self.shown).as_bytes()).map_err(io)?;
        let errors = log.try_clone().map_err(io)?;
        let started = self.command.stdin(Stdio::piped()).stdout(log).stderr(errors).spawn();
        let mut child = started.map_err(|e| format!("cannot start `{}`: {e}", self.shown))?;
        let leash = child.stdin.take();
        Ok(Guarded { child, leash })
    }

    /// Runs to the end. The error says what was run and how it ended; the details are in the log.
    pub(crate) fn run(mut self) -> Result<(), String> {
        let Guarded { mut child, leash } = self.start()?;
        let (ended, end) = mpsc::channel();
        let waiting = std::thread::spawn(move || ended.send(child.wait()));
        let status = match end.recv_timeout(self.deadline) {
            Ok(status) => status.map_err(|e| format!("cannot wait for `{}`: {e}", self.shown)),
            Err(_) => Err(format!("`{}` took longer than {} s", self.shown, self.deadline.as_secs())),
        };
        drop(leash);
        // The guard has closed the group by now or does so within seconds; the thread only collects the exit status.
        drop(waiting);
        check(&self.shown, status?)
    }

    /// Starts a server, and returns once it accepts connections on `port` of 127.0.0.1. It ends when the result is
    /// dropped.
    pub(crate) fn serve(self, port: u16) -> Result<Server, String> {
        let listens = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        self.serve_when(&listens, &format!("did not listen on port {port}"))
    }

    /// Starts a server that does not listen on TCP, and returns once it has printed `words`.
    pub(crate) fn serve_when_it_says(self, words: &str) -> Result<Server, String> {
        let log = self.log.clone();
        let before = std::fs::metadata(&log).map_or(0, |metadata| metadata.len());
        // The first thing that comes is the line that shows the command, which may have the words in it.
        let has_said = |text: &[u8]| {
            let text = String::from_utf8_lossy(text);
            text.split_once('\n').is_some_and(|(_, said)| said.contains(words))
        };
        let speaks = || {
            let text = std::fs::read(&log).unwrap_or_default();
            usize::try_from(before).ok().and_then(|before| text.get(before..)).is_some_and(has_said)
        };
        self.serve_when(&speaks, &format!("did not say {words:?}"))
    }

    /// Starts a server, and returns once `is_ready` says so. `otherwise` is what it did not do.
    pub(crate) fn serve_when(
        mut self,
        is_ready: &dyn Fn() -> bool,
        otherwise: &str,
    ) -> Result<Server, String> {
        let mut guarded = self.start()?;
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if is_ready() {
                return Ok(Server { guarded });
            }
            if let Ok(Some(status)) = guarded.child.try_wait() {
                return Err(format!("`{}` ended before it served anything: {status}", self.shown));
            }
            if Instant::now() > until {
                return Err(format!("`{}` {otherwise} within 20 s", self.shown));
            }
            pause(Duration::from_millis(50));
        }
    }
}

fn check(shown: &str, status: ExitStatus) -> Result<(), String> {
    if status.success() { Ok(()) } else { Err(format!("`{shown}`: {status}")) }
}

/// A child and the pipe whose end ends it.
struct Guarded {
    child: Child,
    leash: Option<ChildStdin>,
}

/// A server that was started and accepts connections. Ends when dropped.
pub(crate) struct Server {
    guarded: Guarded,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.guarded.leash.take());
        // The guard signals the server at once; waiting for the shell means the port is free again afterwards.
        let _ = self.guarded.child.wait();
    }
}

/// A port of 127.0.0.1 that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| format!("no free port: {e}"))?;
    Ok(listener.local_addr().map_err(|e| format!("no free port: {e}"))?.port())
}

/// Whether a program is found on the search path.
pub(crate) fn on_path(program: &str) -> bool {
    which(program).is_some()
}

/// Where on the search path a program is.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(|file| file.is_file())
}

#[expect(clippy::disallowed_methods, reason = "this program has one thread and nothing else to do meanwhile")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree_named(name: &str) -> Tree {
        let work = std::env::temp_dir().join(format!("stoa-xtask-{name}-{}", std::process::id()));
        crate::tree::make_directory(&work.join("logs")).unwrap();
        Tree { root: work.clone(), target: work.clone(), work }
    }

    #[track_caller]
    fn wait_for(what: &str, condition: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(20);
        while !condition() {
            assert!(Instant::now() < until, "{what}");
            pause(Duration::from_millis(10));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_child_and_its_children_end_when_the_pipe_closes() {
        let tree = tree_named("guard");
        // A grandchild that nothing waits for, and that ignores the polite signal.
        let script = "(trap '' TERM; while :; do sleep 1; done) & echo $! >pid.part; mv pid.part pid; wait";
        let mut guarded = Job::new(&tree, "guard", "sh").args(["-c", script]).start().unwrap();
        wait_for("the child writes its number", || tree.root.join("pid").exists());
        let pid = std::fs::read_to_string(tree.root.join("pid")).unwrap();
        // A dead process may stay in the table as a zombie until somebody collects it.
        let stat = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
        let alive = || std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z "));
        assert!(alive());
        drop(guarded.leash.take());
        let _ = guarded.child.wait();
        wait_for("the grandchild ends", || !alive());
        std::fs::remove_dir_all(&tree.root).unwrap();
    }

    #[test]
    fn a_job_past_its_deadline_fails_and_its_output_is_kept() {
        let tree = tree_named("deadline");
        let job = Job::new(&tree, "late", "sh").args(["-c", "echo began; sleep 1000"]);
        let error = job.deadline(Duration::from_millis(300)).run().unwrap_err();
        assert!(error.ends_with("took longer than 0 s"), "{error}");
        wait_for("the output", || std::fs::read_to_string(tree.log("late")).unwrap().contains("\nbegan\n"));
        std::fs::remove_dir_all(&tree.root).unwrap();
    }

    #[test]
    fn a_failing_command_is_named_with_its_status() {
        let tree = tree_named("status");
        let error = Job::new(&tree, "status", "sh").args(["-c", "exit 3"]).run().unwrap_err();
        assert_eq!(error, "`sh -c exit 3`: exit status: 3");
        std::fs::remove_dir_all(&tree.root).unwrap();
    }

    #[test]
    fn a_server_that_ends_at_once_is_noticed() {
        let tree = tree_named("server");
        let error = Job::new(&tree, "server", "false").serve(free_port().unwrap()).err().unwrap();
        assert!(error.contains("ended before it served anything"), "{error}");
        std::fs::remove_dir_all(&tree.root).unwrap();
    }
}
