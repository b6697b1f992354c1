//! The faults of requests to the table, KMS or the event bus.

use std::time::Duration;

use tests::fault_proxy::Fault;

use crate::plan::{Action, Dice};

/// The kinds of faults. Each must occur in a full run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A delay of some milliseconds.
    Latency,
    /// The request arrives after the client has given up.
    Late,
    /// The connection is reset before the request is carried out.
    Reset,
    /// Status 500.
    InternalError,
    /// Status 503 without JSON, as from an intermediary.
    Unavailable,
    ThroughputExceeded,
    Throttled,
    RequestLimitExceeded,
    /// The request is carried out, and the connection is reset.
    AnswerLost,
    /// The request is carried out and never answered.
    TimedOutAfterWrite,
    /// The request is carried out, the connection is reset, and the next attempts are told that it is in progress.
    InProgress,
    /// Another transaction holds an item of this one.
    TransactionConflict,
    /// A transaction holds the item of this update.
    UpdateConflict,
    /// A transaction is cancelled because an item of it is throttled.
    TransactionThrottled,
    /// A batch leaves some keys unprocessed.
    UnprocessedKeys,
    KmsThrottled,
    KmsInternalError,
    KmsReset,
    BusFails,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::Latency,
        Self::Late,
        Self::Reset,
        Self::InternalError,
        Self::Unavailable,
        Self::ThroughputExceeded,
        Self::Throttled,
        Self::RequestLimitExceeded,
        Self::AnswerLost,
        Self::TimedOutAfterWrite,
        Self::InProgress,
        Self::TransactionConflict,
        Self::UpdateConflict,
        Self::TransactionThrottled,
        Self::UnprocessedKeys,
        Self::KmsThrottled,
        Self::KmsInternalError,
        Self::KmsReset,
        Self::BusFails,
    ];

    /// The proxy's faults, in order.
    fn faults(self, times: usize) -> Vec<(usize, Fault)> {
        let each = |fault| vec![(times, fault)];
        match self {
            Self::Latency => each(Fault::Delay(Duration::from_millis(30))),
            // The client waits for 2 s.
            Self::Late => each(Fault::Delay(Duration::from_millis(2_200))),
            Self::Reset | Self::KmsReset => each(Fault::Reset),
            Self::InternalError => each(Fault::error(500, "InternalServerError")),
            Self::Unavailable => each(Fault::garbage(503)),
            Self::ThroughputExceeded => each(Fault::error(400, "ProvisionedThroughputExceededException")),
            Self::Throttled | Self::KmsThrottled => each(Fault::error(400, "ThrottlingException")),
            Self::RequestLimitExceeded => each(Fault::error(400, "RequestLimitExceeded")),
            Self::AnswerLost => each(Fault::LoseAnswer),
            Self::TimedOutAfterWrite => each(Fault::WithholdAnswer),
            Self::InProgress => {
                vec![(1, Fault::LoseAnswer), (times, Fault::error(400, "TransactionInProgressException"))]
            }
            Self::TransactionConflict => each(Fault::cancellation(&["TransactionConflict", "None", "None", "None"])),
            Self::UpdateConflict => each(Fault::error(400, "TransactionConflictException")),
            Self::TransactionThrottled => each(Fault::cancellation(&["None", "ThrottlingError"])),
            Self::UnprocessedKeys => each(Fault::Process(times % 2)),
            Self::KmsInternalError => each(Fault::error(500, "KMSInternalException")),
            // The client itself sets the fault of the bus.
            Self::BusFails => Vec::new(),
        }
    }
}

/// The number of attempts with faults, so that a run ends.
pub const FAULTY_ATTEMPTS: u32 = 3;

/// The fault of a call's first requests of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The operation, such as `UpdateItem`.
    pub operation: &'static str,
    pub kind: Kind,
    times: usize,
}

impl Rule {
    /// A use is counted, and the answer is lost.
    pub const LOST_COUNT: Self = Self { operation: "UpdateItem", kind: Kind::AnswerLost, times: 1 };

    /// The faults for the proxy.
    pub fn faults(self) -> Vec<(usize, Fault)> {
        self.kind.faults(self.times)
    }
}

/// The rules for an attempt at a client's step.
pub fn rules(dice: &mut Dice, action: Action, cold: bool, attempt: u32) -> Vec<Rule> {
    let mut rules = Vec::new();
    if attempt >= FAULTY_ATTEMPTS {
        return rules;
    }
    if cold && dice.percent(40) {
        rules.push(kms(dice));
    }
    // A sweep makes many requests.
    let first = if action == Action::Sweep { 60 } else { 16 };
    let likely = [first, 40, 25].get(attempt as usize).copied().unwrap_or(0);
    if dice.percent(likely) {
        rules.push(rule(dice, action));
    }
    rules
}

fn kms(dice: &mut Dice) -> Rule {
    let kind = dice.one_of(&[Kind::KmsThrottled, Kind::KmsInternalError, Kind::KmsReset]);
    let operation = dice.weighted(&[(5, "Decrypt"), (1, "GenerateDataKeyWithoutPlaintext")]);
    Rule { operation, kind, times: dice.one_of(&[1, 2, 3]) }
}

fn rule(dice: &mut Dice, action: Action) -> Rule {
    let operation = dice.weighted(operations(action));
    let mut kinds = vec![
        (6, Kind::Latency),
        (1, Kind::Late),
        (4, Kind::Reset),
        (4, Kind::InternalError),
        (3, Kind::Unavailable),
        (3, Kind::ThroughputExceeded),
        (3, Kind::Throttled),
        (3, Kind::RequestLimitExceeded),
    ];
    kinds.extend_from_slice(match operation {
        "TransactWriteItems" => &[
            (10, Kind::AnswerLost),
            (3, Kind::TimedOutAfterWrite),
            (5, Kind::InProgress),
            (10, Kind::TransactionConflict),
            (8, Kind::TransactionThrottled),
        ],
        "UpdateItem" => &[(6, Kind::AnswerLost), (2, Kind::TimedOutAfterWrite), (6, Kind::UpdateConflict)],
        "PutItem" | "DeleteItem" => &[(6, Kind::AnswerLost), (2, Kind::TimedOutAfterWrite)],
        "BatchGetItem" => &[(12, Kind::UnprocessedKeys)],
        "PutEvents" => return Rule { operation, kind: Kind::BusFails, times: 1 },
        _ => &[],
    });
    let kind = dice.weighted(&kinds);
    // The SDK tries three times; the service itself retries conflicts.
    let times: &[(u32, usize)] = if matches!(kind, Kind::Late | Kind::TimedOutAfterWrite) {
        &[(6, 1), (1, 3)]
    } else if matches!(kind, Kind::TransactionConflict | Kind::UpdateConflict) {
        &[(3, 1), (1, 5)]
    } else {
        &[(3, 1), (1, 2), (2, 3)]
    };
    let times = dice.weighted(times);
    Rule { operation, kind, times }
}

/// The operations of a call, weighted by how often they meet a fault.
fn operations(action: Action) -> &'static [(u32, &'static str)] {
    match action {
        Action::Create { .. } | Action::Repeat | Action::Misuse => {
            &[(6, "TransactWriteItems"), (2, "UpdateItem"), (1, "GetItem")]
        }
        Action::List | Action::ListAsAdmin => &[(2, "UpdateItem"), (2, "Query"), (1, "GetItem")],
        Action::Get => &[(1, "UpdateItem"), (2, "BatchGetItem")],
        Action::Rename
        | Action::ChangeKind(_)
        | Action::ChangeExpiry(_)
        | Action::Pause
        | Action::Resume
        | Action::SetDefault { .. }
        | Action::RemoveDefault
        | Action::Delete => &[(6, "TransactWriteItems"), (2, "BatchGetItem"), (1, "UpdateItem")],
        Action::Rotate { .. } => &[(6, "TransactWriteItems"), (2, "BatchGetItem"), (1, "UpdateItem"), (1, "GetItem")],
        Action::Usage => &[(1, "UpdateItem"), (2, "GetItem")],
        Action::Audit => &[(1, "UpdateItem"), (2, "Query")],
        Action::Verify | Action::Transcribe { .. } | Action::Invalid(_) => &[(5, "UpdateItem"), (1, "GetItem")],
        Action::Sweep => &[
            (3, "TransactWriteItems"),
            (2, "BatchGetItem"),
            (2, "Query"),
            (2, "PutItem"),
            (2, "DeleteItem"),
            (7, "PutEvents"),
        ],
    }
}
