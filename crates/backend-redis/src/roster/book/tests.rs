//! What is written, and in which order, whatever happens meanwhile.

use trunkline_core::identity::UserId;

use super::*;

fn key(client: u128) -> Key {
    Key { channel: ChannelName::parse("room").unwrap(), client: ClientId(client) }
}

fn enter(book: &mut Book, client: u128) {
    let info = ClientInfo {
        user: UserId::new("ann"),
        client: ClientId(client),
        conn_info: None,
        chan_info: None,
    };
    book.enter(key(client), Arc::new(info), Telling::Users);
}

/// What would be written now, as `+1`, `-1`, or `(+1)` if nobody is told.
fn take(book: &mut Book) -> Vec<String> {
    let show = |write: Write| {
        let client = write.key.client.0;
        match write.deed {
            Deed::Enter(_, _, Loudness::Told) => format!("+{client}"),
            Deed::Enter(_, _, Loudness::Silent) => format!("(+{client})"),
            Deed::Exit(Loudness::Told) => format!("-{client}"),
            Deed::Exit(Loudness::Silent) => format!("(-{client})"),
        }
    };
    book.take(|_| true).into_iter().map(show).collect()
}

fn settle(book: &mut Book, client: u128, entered: bool, done: bool) -> bool {
    let key = key(client);
    let (partition, life) = (Partition::of(&key.channel), book.life());
    book.settle(&Settled { partition, key, life, entered }, done)
}

#[test]
fn who_came_and_went_before_anything_was_said_leaves_no_trace() {
    let mut book = Book::new();
    enter(&mut book, 1);
    assert!(book.take(|_| false).is_empty());
    book.exit(key(1));
    assert_eq!(take(&mut book), [""; 0]);
    assert!(book.is_calm());
}

#[test]
fn an_entry_is_written_once_at_a_time_and_as_it_is_by_then() {
    let mut book = Book::new();
    enter(&mut book, 1);
    assert_eq!(take(&mut book), ["+1"]);
    book.exit(key(1));
    enter(&mut book, 1);
    book.exit(key(1));
    assert_eq!(take(&mut book), [""; 0]);
    assert!(settle(&mut book, 1, true, true));
    assert_eq!(take(&mut book), ["-1"]);
    settle(&mut book, 1, false, true);
    assert!(book.is_calm());
}

#[test]
fn an_exit_follows_an_entry_of_which_nobody_knows_whether_it_was_made() {
    let mut book = Book::new();
    enter(&mut book, 1);
    assert_eq!(take(&mut book), ["+1"]);
    assert!(settle(&mut book, 1, true, false));
    book.exit(key(1));
    assert_eq!(take(&mut book), ["-1"]);
}

#[test]
fn what_everybody_has_heard_is_said_again_in_silence_and_in_another_life_aloud() {
    let mut book = Book::new();
    let room = Partition::of(&key(1).channel);
    enter(&mut book, 1);
    take(&mut book);
    settle(&mut book, 1, true, true);
    book.doubt(room);
    assert_eq!(take(&mut book), ["(+1)"]);
    assert!(settle(&mut book, 1, true, false));
    assert_eq!(take(&mut book), ["(+1)"]);
    settle(&mut book, 1, true, true);
    book.begin_life();
    book.say_anew(room);
    assert_eq!(take(&mut book), ["+1"]);
}

#[test]
fn who_is_found_and_not_known_is_taken_out_and_who_is_known_stays() {
    let mut book = Book::new();
    let room = Partition::of(&key(1).channel);
    enter(&mut book, 1);
    take(&mut book);
    settle(&mut book, 1, true, true);
    book.found(room, key(1));
    book.found(room, key(2));
    assert_eq!(take(&mut book), ["(-2)"]);
}

#[test]
fn whoever_makes_room_has_the_rest_written_wherever_it_is() {
    let mut book = Book::new();
    for client in 0..ROSTER_WRITES as u128 {
        enter(&mut book, client);
    }
    assert_eq!(take(&mut book).len(), ROSTER_WRITES);
    let hall = Key { channel: ChannelName::parse("hall").unwrap(), client: ClientId(1) };
    assert_ne!(Partition::of(&hall.channel), Partition::of(&key(1).channel));
    let info = ClientInfo {
        user: UserId::default(),
        client: ClientId(1),
        conn_info: None,
        chan_info: None,
    };
    book.enter(hall, Arc::new(info), Telling::Nothing);
    assert_eq!(take(&mut book), [""; 0]);
    assert!(settle(&mut book, 0, true, true));
    assert_eq!(take(&mut book), ["+1"]);
}

#[test]
fn when_the_node_leaves_everybody_goes_and_nobody_comes() {
    let mut book = Book::new();
    enter(&mut book, 1);
    take(&mut book);
    settle(&mut book, 1, true, true);
    enter(&mut book, 2);
    book.close();
    enter(&mut book, 3);
    assert_eq!(take(&mut book), ["-1"]);
}
