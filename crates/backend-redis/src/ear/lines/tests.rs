//! Lines as they are wanted, asked for, confirmed and lost.

use super::*;

fn lines(wanted: &[&str]) -> Lines {
    let mut lines = Lines::default();
    for line in wanted {
        let channel = ChannelName::parse(line.rsplit(':').next().unwrap()).unwrap();
        assert!(
            lines.listen((*line).into(), Subject::Channel(channel), Box::new(|_| ())).is_none()
        );
    }
    lines
}

/// What is asked for, until nothing more may be; `-` stands before lines that are left.
fn steps(lines: &mut Lines) -> Vec<String> {
    let mut steps = Vec::new();
    while let Some(step) = lines.step(Instant::now()) {
        steps.push(match step {
            Step::Subscribe(batch) => batch.join(" "),
            Step::Unsubscribe(batch) => format!("-{}", batch.join(" ")),
        });
    }
    steps
}

#[test]
fn a_batch_holds_lines_of_one_partition() {
    let mut lines = lines(&["p:{00}:line:a", "p:{01}:line:b", "p:{00}:line:c"]);
    lines.begin("p:{00}:probe:n");
    assert_eq!(steps(&mut lines), ["p:{00}:line:a p:{00}:line:c p:{00}:probe:n", "p:{01}:line:b"]);
    assert!(!lines.is_complete());
    for line in ["p:{00}:line:a", "p:{00}:line:c", "p:{00}:probe:n", "p:{01}:line:b"] {
        assert_eq!(lines.confirmed(line).1, None, "nothing was missed before the first time");
    }
    assert!(lines.is_complete());
}

#[test]
fn after_an_interruption_every_line_may_have_missed_something() {
    let mut lines = lines(&["p:{00}:line:a"]);
    lines.begin("p:{00}:probe:n");
    steps(&mut lines);
    lines.confirmed("p:{00}:line:a");
    lines.end();
    lines.begin("p:{00}:probe:n");
    assert_eq!(steps(&mut lines).len(), 1);
    let (_, missed) = lines.confirmed("p:{00}:line:a");
    assert_eq!(missed, ChannelName::parse("a").ok());
    let (_, missed) = lines.confirmed("p:{00}:probe:n");
    assert_eq!(missed, None);
}

#[test]
fn who_changes_his_mind_causes_no_traffic() {
    let mut lines = lines(&["p:{00}:line:a"]);
    lines.unlisten("p:{00}:line:a");
    assert_eq!(steps(&mut lines), [""; 0]);
    assert!(lines.subject("p:{00}:line:a").is_none());
}

#[test]
fn a_line_left_while_it_was_asked_for_is_left_once_it_is_confirmed() {
    let mut lines = lines(&["p:{00}:line:a"]);
    steps(&mut lines);
    lines.unlisten("p:{00}:line:a");
    assert_eq!(steps(&mut lines), [""; 0]);
    lines.confirmed("p:{00}:line:a");
    assert_eq!(steps(&mut lines), ["-p:{00}:line:a"]);
    assert!(!lines.left("p:{00}:line:a"), "it was asked for");
    assert!(lines.subject("p:{00}:line:a").is_none());
}

#[test]
fn a_line_wanted_again_while_it_is_being_left_is_asked_for_again() {
    let mut lines = lines(&["p:{00}:line:a"]);
    steps(&mut lines);
    lines.confirmed("p:{00}:line:a");
    lines.unlisten("p:{00}:line:a");
    assert_eq!(steps(&mut lines), ["-p:{00}:line:a"]);
    let channel = ChannelName::parse("a").unwrap();
    let told = lines.listen("p:{00}:line:a".into(), Subject::Channel(channel), Box::new(|_| ()));
    assert!(told.is_none(), "it is not heard now");
    assert_eq!(steps(&mut lines), [""; 0]);
    lines.left("p:{00}:line:a");
    assert_eq!(steps(&mut lines), ["p:{00}:line:a"]);
    assert!(lines.confirmed("p:{00}:line:a").1.is_some(), "something was missed in between");
}

#[test]
fn a_line_that_the_server_lets_go_is_asked_for_again() {
    let mut lines = lines(&["p:{00}:line:a"]);
    steps(&mut lines);
    lines.confirmed("p:{00}:line:a");
    assert!(lines.left("p:{00}:line:a"), "nobody asked for it");
    assert_eq!(steps(&mut lines), ["p:{00}:line:a"]);
    assert!(lines.confirmed("p:{00}:line:a").1.is_some());
}

#[test]
fn lines_that_move_take_along_who_waits_and_what_they_have_missed() {
    let mut before = lines(&["p:{00}:line:a", "p:{01}:line:b"]);
    steps(&mut before);
    before.confirmed("p:{00}:line:a");
    let taken = before.take(|line| line.contains("{00}"));
    assert_eq!(taken.len(), 1);
    let mut after = Lines::default();
    taken.into_iter().for_each(|(line, moved)| after.take_over(line, moved));
    assert_eq!(steps(&mut after), ["p:{00}:line:a"]);
    assert!(after.confirmed("p:{00}:line:a").1.is_some());
    assert_eq!(steps(&mut before), ["-p:{00}:line:a"]);
}

#[test]
fn those_who_wait_are_told_when_it_takes_too_long() {
    let mut lines = lines(&["p:{00}:line:a"]);
    assert!(lines.when_heard("p:{00}:line:a", Box::new(|_| ())).is_none());
    assert_eq!(lines.expire(Instant::now()).len(), 0);
    assert_eq!(lines.expire(Instant::now() + 2 * SUBSCRIBE_DEADLINE).len(), 2);
    assert!(lines.when_heard("p:{00}:line:other", Box::new(|_| ())).is_some(), "nobody wants it");
}
