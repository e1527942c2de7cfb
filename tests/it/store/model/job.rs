//! A job of the model, and what it is to the store.

use hookyard::{
    domain::{JobId, JobState, Lane, Lease},
    store::{NewJob, Start},
};

use crate::store::given::{dead, waiting};

use super::steps::Born;

#[derive(Debug, Clone)]
pub struct Job {
    pub id: JobId,
    pub lane: Lane,
    pub route: u8,
    pub state: JobState,
    pub due: u64,
    pub attempts: u32,
    pub lost: u32,
    pub crashes: u32,
    pub begun: bool,
    pub in_doubt: bool,
    /// Something is in its history.
    pub tried: bool,
    pub lease: Option<Held>,
    /// The line it stands in, or once stood in, and whose place it shares there: the index of a route job.
    pub place: Option<(u8, usize)>,
    pub newest: Option<u8>,
    pub sweep: Option<u8>,
    /// Of an action.
    pub action: Option<Action>,
}

#[derive(Debug, Clone)]
pub struct Action {
    /// Which plan of its event it belongs to.
    pub version: u32,
    /// Those it follows: indexes of jobs.
    pub after: Vec<usize>,
    pub destination: Option<u8>,
    /// Ticks between its release and its due time.
    pub delay: u64,
}

#[derive(Debug, Clone, Copy)]
pub struct Held {
    pub lease: Lease,
    pub until: u64,
    pub alone: bool,
}

impl Job {
    pub fn new(id: JobId, lane: Lane, route: u8, state: JobState, due: u64) -> Self {
        Job {
            id,
            lane,
            route,
            state,
            due,
            attempts: 0,
            lost: 0,
            crashes: 0,
            begun: false,
            in_doubt: false,
            tried: false,
            lease: None,
            place: None,
            newest: None,
            sweep: None,
            action: None,
        }
    }

    pub fn destination(&self) -> Option<u8> {
        self.action.as_ref()?.destination
    }
}

/// The state of a job that is born like this.
pub fn state_of(born: Born) -> JobState {
    match born {
        Born::Ready => JobState::Ready,
        Born::Waiting => JobState::Waiting,
        Born::Dead => JobState::Dead,
    }
}

/// `job`, born like this.
pub fn born(job: NewJob, born: Born) -> NewJob {
    match born {
        Born::Ready => NewJob { start: Start::Ready, ..job },
        Born::Waiting => waiting(job),
        Born::Dead => dead(job, hookyard::domain::Cause::Unrenderable),
    }
}

pub fn route_name(route: u8) -> String {
    format!("route{route}")
}

pub fn destination_name(destination: u8) -> String {
    format!("destination{destination}")
}
