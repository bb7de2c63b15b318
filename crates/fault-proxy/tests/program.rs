//! The program `trunkline-fault-proxy`, as a test in another language drives it: one line says where it
//! listens, and every command is answered by one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

const DOCUMENT: &str = include_str!("../../../docs/fault-proxy.md");

/// How long a read may take before a test gives up.
const DEADLINE: Duration = Duration::from_secs(20);

struct Program {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    address: SocketAddr,
    seed: u64,
}

impl Program {
    /// A proxy in front of this upstream.
    fn new(upstream: &TcpListener, options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_trunkline-fault-proxy"))
            .args(["--upstream", &upstream.local_addr().expect("it is bound").to_string()])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let commands = child.stdin.take();
        let mut answers = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut ready = String::new();
        answers.read_line(&mut ready).expect("it says that it is ready");
        let ready = ready.trim().strip_prefix("ready listen=").expect("it says where it listens");
        let (address, seed) = ready.split_once(" seed=").expect("it says its seed");
        let address = address.parse().expect("an address");
        let seed = seed.parse().expect("a number");
        Self { child, commands, answers, address, seed }
    }

    /// The answer to a command.
    fn tell(&mut self, command: &str) -> String {
        let commands = self.commands.as_mut().expect("they have not ended");
        writeln!(commands, "{command}").expect("it reads its commands");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it answers");
        answer.trim_end().to_owned()
    }

    /// A connection through it, from both ends.
    fn connect(&self, upstream: &TcpListener) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.address).expect("it listens");
        let (server, _) = upstream.accept().expect("it connects");
        for socket in [&client, &server] {
            socket.set_read_timeout(Some(DEADLINE)).expect("a socket can");
        }
        (client, server)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already where a test has seen to that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listener() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).expect("there is a free port")
}

fn pass(from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]) {
    from.write_all(bytes).expect("it can be sent");
    let mut arrived = vec![0; bytes.len()];
    to.read_exact(&mut arrived).expect("it arrives");
    assert_eq!(arrived, bytes);
}

fn read_error(socket: &mut TcpStream) -> std::io::ErrorKind {
    socket.read(&mut [0]).expect_err("it fails").kind()
}

#[test]
fn commands_take_effect_before_they_are_answered() {
    let upstream = listener();
    let mut program = Program::new(&upstream, &[]);
    let (mut client, mut server) = program.connect(&upstream);
    pass(&mut client, &mut server, b"ping");

    assert_eq!(program.tell("black-hole stall to-client"), "ok");
    server.write_all(b"held").unwrap();
    pass(&mut client, &mut server, b"other way");
    client.set_nonblocking(true).unwrap();
    assert_eq!(read_error(&mut client), std::io::ErrorKind::WouldBlock);
    client.set_nonblocking(false).unwrap();
    assert_eq!(program.tell("heal"), "ok");
    let mut held = [0; 4];
    client.read_exact(&mut held).unwrap();
    assert_eq!(&held, b"held");

    assert_eq!(program.tell("connections"), "ok 1");
    assert_eq!(program.tell("reset"), "ok");
    assert_eq!(read_error(&mut client), std::io::ErrorKind::ConnectionReset);
    assert_eq!(read_error(&mut server), std::io::ErrorKind::ConnectionReset);

    assert_eq!(program.tell("refuse"), "ok");
    // It may be reset before it has heard that it is connected.
    let refused = TcpStream::connect(program.address).and_then(|mut client| {
        client.set_read_timeout(Some(DEADLINE))?;
        client.read(&mut [0])
    });
    assert_eq!(refused.expect_err("it is reset").kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(program.tell("accept"), "ok");

    let other = listener();
    let command = format!("upstream {}", other.local_addr().unwrap());
    assert_eq!(program.tell(&command), "ok");
    let (mut client, mut server) = program.connect(&other);
    pass(&mut server, &mut client, b"from the other one");
}

#[test]
fn a_wrong_command_is_answered_with_an_error_and_changes_nothing() {
    let upstream = listener();
    let mut program = Program::new(&upstream, &[]);
    assert!(program.tell("explode").starts_with("error: `explode` is no command"));
    assert!(program.tell("latency 5").starts_with("error: latency: `5` is no time"));
    assert!(program.tell("").starts_with("error: "));
    let (mut client, mut server) = program.connect(&upstream);
    pass(&mut client, &mut server, b"ping");
}

#[test]
fn options_are_the_faults_to_begin_with_and_the_seed_repeats_them() {
    let corrupted = |options: &[&str]| {
        let upstream = listener();
        let program = Program::new(&upstream, options);
        let (mut client, mut server) = program.connect(&upstream);
        client.write_all(&[0; 5000]).unwrap();
        let mut arrived = vec![0; 5000];
        server.read_exact(&mut arrived).unwrap();
        (program.seed, arrived)
    };
    let (seed, once) = corrupted(&["--corrupt", "0.01"]);
    assert!(once.iter().any(|&byte| byte != 0), "seed {seed}");
    let (_, again) = corrupted(&["--corrupt", "0.01", "--seed", &seed.to_string()]);
    assert!(once == again, "seed {seed}");
}

#[test]
fn the_end_of_commands_ends_it() {
    let upstream = listener();
    let mut program = Program::new(&upstream, &[]);
    let (mut client, _server) = program.connect(&upstream);
    program.commands = None;
    assert_eq!(read_error(&mut client), std::io::ErrorKind::ConnectionReset);
    assert!(program.child.wait().unwrap().success());
}

#[test]
fn without_commands_it_runs_on() {
    let upstream = listener();
    let mut program = Program::new(&upstream, &["--no-commands"]);
    program.commands = None;
    let (mut client, mut server) = program.connect(&upstream);
    pass(&mut client, &mut server, b"ping");
}

#[test]
fn a_port_that_is_taken_is_told_with_exit_code_2() {
    let taken = listener();
    let address = taken.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_trunkline-fault-proxy"))
        .args(["--listen", &address, "--upstream", "127.0.0.1:1"])
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(2));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.starts_with(&format!("trunkline-fault-proxy: {address}: ")), "{words}");
}

#[test]
fn every_documented_command_is_one() {
    let upstream = listener();
    let mut program = Program::new(&upstream, &[]);
    let rows = DOCUMENT.lines().filter_map(|line| line.strip_prefix("| `"));
    let commands = rows.filter_map(|row| row.split_once('`')).map(|(command, _)| command);
    let mut count = 0;
    for command in commands {
        let answer = program.tell(command);
        assert!(answer == "ok" || answer == "ok 0", "{command}: {answer}");
        count += 1;
    }
    assert!(count >= 14, "{count} commands are documented");
}
