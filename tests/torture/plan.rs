//! The plan that a seed decides: actors, steps, order and faults. It does not depend on the course of a run, so a seed
//! always gives the same plan; only the interleaving differs.

use proptest::prelude::{Rng, RngExt};
use proptest::test_runner::{RngAlgorithm, TestRng};

/// Random draws, a function of the seed and a place in the plan.
pub struct Dice(TestRng);

impl Dice {
    /// The dice for a place.
    pub fn new(seed: u64, place: [u64; 3]) -> Self {
        let mut bytes = [0; 32];
        for (part, chunk) in [seed, place[0], place[1], place[2]].into_iter().zip(bytes.chunks_mut(8)) {
            chunk.copy_from_slice(&part.to_le_bytes());
        }
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// True with this probability.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.0.random_ratio(percent, 100)
    }

    /// One of the choices.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.random_range(0..choices.len())]
    }

    /// One of the choices, by weight.
    pub fn weighted<T: Copy>(&mut self, choices: &[(u32, T)]) -> T {
        let mut place = self.0.random_range(0..choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            if place < *weight {
                return *choice;
            }
            place -= weight;
        }
        unreachable!("the place is below the sum of the weights")
    }
}

/// A step of a client.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Its action.
    pub action: Action,
    /// Selects the key among those that exist by then.
    pub pick: u64,
    /// `hl7`, `fhir` or, if `None`, JSON.
    pub format: Option<&'static str>,
    /// Whether a new container replaces the client's first.
    pub restart: bool,
}

/// An action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Create {
        kind: &'static str,
        status: &'static str,
        expiry: Expiry,
        repeatable: Repeatable,
    },
    /// Repeats an earlier request with an `Idempotency-Key`.
    Repeat,
    /// Sends a different request with the `Idempotency-Key` of an earlier one.
    Misuse,
    List,
    ListAsAdmin,
    Get,
    Rename,
    ChangeKind(&'static str),
    ChangeExpiry(Expiry),
    Pause,
    Resume,
    /// Whether it names the expected previous default.
    SetDefault {
        with_old: bool,
    },
    RemoveDefault,
    Delete,
    Rotate {
        grace: i64,
        repeatable: bool,
    },
    Usage,
    Audit,
    Verify,
    /// Whether it uses an API key instead of a JWT.
    Transcribe {
        with_key: bool,
    },
    Invalid(Invalid),
    Sweep,
}

/// The expiry of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The deployment's default.
    Default,
    Never,
    /// After this many seconds.
    In(i64),
}

/// Whether a creation has an `Idempotency-Key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeatable {
    No,
    Yes,
    /// Has one, and all clients of the user send the request.
    ByAll,
}

/// An invalid request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    NoBody,
    UnknownType,
    UnknownField,
    BadId,
    UnknownId,
    OthersKey,
    OthersList,
    NoToken,
    BadToken,
    BadFormat,
    BadIdempotencyKey,
    TooLarge,
    VerifyAsUser,
    TranscribeIncomplete,
    TranscribeForOther,
}

const SECONDS_PER_DAY: i64 = 86_400;

/// The steps of the `number`th client of a user.
pub fn steps(seed: u64, user: u64, number: u64, count: usize) -> Vec<Step> {
    (0..count as u64).map(|index| step(seed, user, number, index)).collect()
}

fn step(seed: u64, user: u64, number: u64, index: u64) -> Step {
    // Steps that all clients of a user share are drawn per user.
    let mut shared = Dice::new(seed, [user, u64::MAX, index]);
    if shared.percent(2) {
        let action = create(&mut shared, Repeatable::ByAll);
        return Step { action, pick: shared.number(), format: None, restart: false };
    }
    let mut dice = Dice::new(seed, [user, number, index]);
    let action = if index == 0 { create(&mut dice, Repeatable::Yes) } else { action(&mut dice) };
    let pick = dice.number();
    let format = if dice.percent(8) { Some(dice.one_of(&["hl7", "fhir"])) } else { None };
    Step { action, pick, format, restart: dice.percent(2) }
}

fn action(dice: &mut Dice) -> Action {
    let expiry = expiry(dice);
    let kind = dice.one_of(&["live", "test", "ai-medical-note", "t2yd"]);
    let invalid = dice.one_of(&[
        Invalid::NoBody,
        Invalid::UnknownType,
        Invalid::UnknownField,
        Invalid::BadId,
        Invalid::UnknownId,
        Invalid::OthersKey,
        Invalid::OthersList,
        Invalid::NoToken,
        Invalid::BadToken,
        Invalid::BadFormat,
        Invalid::BadIdempotencyKey,
        Invalid::TooLarge,
        Invalid::VerifyAsUser,
        Invalid::TranscribeIncomplete,
        Invalid::TranscribeForOther,
    ]);
    let repeatable = dice.one_of(&[Repeatable::No, Repeatable::Yes]);
    let create = create(dice, repeatable);
    let grace = dice.one_of(&[0, 0, 20, 300]);
    let coin = dice.percent(50);
    dice.weighted(&[
        (110, create),
        (20, Action::Repeat),
        (8, Action::Misuse),
        (50, Action::List),
        (20, Action::ListAsAdmin),
        (90, Action::Get),
        (50, Action::Rename),
        (20, Action::ChangeKind(kind)),
        (30, Action::ChangeExpiry(expiry)),
        (80, Action::Pause),
        (80, Action::Resume),
        (50, Action::SetDefault { with_old: coin }),
        (25, Action::RemoveDefault),
        (55, Action::Delete),
        (70, Action::Rotate { grace, repeatable: coin }),
        (30, Action::Usage),
        (30, Action::Audit),
        (190, Action::Verify),
        (40, Action::Transcribe { with_key: coin }),
        (45, Action::Invalid(invalid)),
        (20, Action::Sweep),
    ])
}

fn create(dice: &mut Dice, repeatable: Repeatable) -> Action {
    let kind = dice.weighted(&[(4, "live"), (3, "test"), (1, "ai-medical-note"), (1, "t2yd")]);
    let status = dice.weighted(&[(8, "active"), (1, "paused"), (1, "expired")]);
    Action::Create { kind, status, expiry: expiry(dice), repeatable }
}

fn expiry(dice: &mut Dice) -> Expiry {
    let soon = dice.one_of(&[40, 90, 200, 400, 800]);
    dice.weighted(&[
        (4, Expiry::Default),
        (2, Expiry::Never),
        (3, Expiry::In(soon)),
        // An expiry notice is due soon.
        (1, Expiry::In(7 * SECONDS_PER_DAY + soon)),
    ])
}
