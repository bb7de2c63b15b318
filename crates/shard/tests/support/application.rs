//! An application that answers what the test says, when it says it.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel as pipe};

use trunkline_core::application::{About, Application, Call, Calls, Headers, Objection, Response};
use trunkline_core::backend::Completion;
use trunkline_core::identity::{Identity, UserId};

use super::waiting::PATIENCE;

/// What the node holds of it.
pub(crate) struct Questions {
    calls: Calls,
    asks: Mutex<Sender<Question>>,
}

/// The test's end: questions in their order.
pub(crate) struct Asked(Receiver<Question>);

/// One question, and where the answer goes.
pub(crate) struct Question {
    pub(crate) about: About,
    pub(crate) headers: Headers,
    pub(crate) call: Call,
    done: Completion<Result<Response, Objection>>,
}

/// An application that is asked this.
pub(crate) fn asked(calls: Calls) -> (Questions, Asked) {
    let (asks, questions) = pipe();
    (Questions { calls, asks: Mutex::new(asks) }, Asked(questions))
}

impl Asked {
    /// The next question.
    #[track_caller]
    pub(crate) fn next(&self) -> Question {
        self.0.recv_timeout(PATIENCE).expect("a question")
    }

    /// Whether nothing was asked.
    pub(crate) fn is_silent(&self) -> bool {
        self.0.try_recv().is_err()
    }
}

impl Question {
    pub(crate) fn answer(self, answer: Result<Response, Objection>) {
        (self.done)(answer);
    }

    /// It is this user.
    pub(crate) fn is(self, user: &str) {
        let identity = Identity { user: UserId::new(user), ..Identity::default() };
        self.answer(Ok(Response::Connect { identity: Box::new(identity), age_ms: 0 }));
    }
}

impl Application for Questions {
    fn calls(&self) -> Calls {
        self.calls
    }

    fn call(
        &self,
        about: About,
        headers: Headers,
        call: Call,
        done: Completion<Result<Response, Objection>>,
    ) {
        let question = Question { about, headers, call, done };
        // A test that is over asks for nothing more.
        let _ = self.asks.lock().expect("sound").send(question);
    }
}
