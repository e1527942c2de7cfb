use std::{
    future::{pending, poll_fn},
    pin::pin,
    task::Poll,
};

use tokio::sync::watch;

use super::*;
use crate::{
    domain::{Timestamp, Wait},
    ingest::limits::{Limit, Spent},
    rate::Level,
};

const S: Duration = Duration::from_secs(1);

/// Moved by hand.
struct HandClock(watch::Sender<Duration>);

impl HandClock {
    fn advance(&self, by: Duration) {
        self.0.send_modify(|elapsed| *elapsed += by);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::default().plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        *self.0.borrow()
    }

    fn sleep_until(&self, at: Timestamp) -> Wait<'_> {
        let (wake, mut elapsed) = (at.since(Timestamp::default()), self.0.subscribe());
        Box::pin(async move { drop(elapsed.wait_for(|elapsed| *elapsed >= wake).await) })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    Silent,
    Broken,
}

/// What several processes draw from.
struct Common {
    clock: Arc<HandClock>,
    mood: Mutex<Mood>,
    levels: Mutex<HashMap<String, Level>>,
    draws: Mutex<u32>,
}

#[async_trait]
impl Rates for Arc<Common> {
    async fn draw(&self, draw: RateDraw) -> Result<RateDrawn, StoreError> {
        *self.draws.lock().unwrap() += 1;
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Well => {}
            Mood::Silent => pending().await,
            Mood::Broken => return Err(StoreError::Unavailable("away".to_owned())),
        }
        let (now, mut levels) = (self.clock.now(), self.levels.lock().unwrap());
        let level = levels.entry(draw.rate).or_default();
        if let Some(back) = draw.back {
            level.give_back(draw.pace, now, back.cells, back.drawn_at);
        }
        let (cells, wait) = level.draw(draw.pace, now, draw.cells);
        Ok(RateDrawn { cells, at: now, wait })
    }
}

struct Scene {
    common: Arc<Common>,
    clock: Arc<HandClock>,
}

impl Scene {
    fn set() -> Self {
        let clock = Arc::new(HandClock(watch::Sender::new(100 * S)));
        let common = Arc::new(Common {
            clock: Arc::clone(&clock),
            mood: Mutex::new(Mood::Well),
            levels: Mutex::default(),
            draws: Mutex::default(),
        });
        Scene { common, clock }
    }

    /// The limit as one process has it.
    fn process(&self, source: u32, sender: u32) -> Limit {
        let rates = Arc::new(Arc::clone(&self.common));
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Limit::shared("in/shop/other", source, sender, Till { rates, clock })
    }

    async fn takes(&self, limit: &Limit, account: &str) -> Result<bool, Spent> {
        let taken = limit.take(Sender::Account(account.into()), self.clock.monotonic()).await;
        taken.map(|share| share.alone)
    }

    fn feels(&self, mood: Mood) {
        *self.common.mood.lock().unwrap() = mood;
    }

    fn draws(&self) -> u32 {
        *self.common.draws.lock().unwrap()
    }
}

#[tokio::test]
async fn several_processes_let_in_together_what_the_limit_allows() {
    for (limit, lets_in) in [(1, 1), (7, 7), (250, 247), (1_000, 990)] {
        let scene = Scene::set();
        let processes =
            [scene.process(limit, limit), scene.process(limit, limit), scene.process(limit, limit)];
        let mut taken = 0;
        for n in 0..3 * limit as usize {
            taken += u32::from(scene.takes(&processes[n % 3], "a").await.is_ok());
        }
        assert_eq!(taken, lets_in, "of {limit}");
        let Err(Spent { wait, .. }) = scene.takes(&processes[0], "a").await else { panic!("there is none") };
        let gone = |wait| scene.clock.advance(wait);
        gone(wait - Duration::from_micros(1));
        assert!(scene.takes(&processes[0], "a").await.is_err(), "{limit}");
        gone(Duration::from_millis(1));
        assert_eq!(scene.takes(&processes[0], "a").await, Ok(false), "{limit}");
    }
}

#[tokio::test]
async fn each_sender_has_its_share_over_all_processes() {
    let scene = Scene::set();
    let (one, two) = (scene.process(3, 1), scene.process(3, 1));
    assert_eq!(scene.takes(&one, "a").await, Ok(false));
    let refused = |by, seconds| Err(Spent { by, wait: seconds * S });
    for _ in 0..20 {
        assert_eq!(scene.takes(&two, "a").await, refused("this account", 60));
    }
    assert_eq!(scene.draws(), 3, "a flood is not asked about");
    // What it was refused was not taken from its source.
    assert_eq!((scene.takes(&two, "b").await, scene.takes(&one, "c").await), (Ok(false), Ok(false)));
    assert_eq!(scene.takes(&two, "d").await, refused("this source", 20));
}

#[tokio::test]
async fn where_the_limit_is_large_few_deliveries_wait_for_an_answer() {
    let scene = Scene::set();
    let limit = scene.process(10_000, 10_000);
    for _ in 0..1_000 {
        assert_eq!(scene.takes(&limit, "a").await, Ok(false));
    }
    assert_eq!(scene.draws(), 10);
    scene.feels(Mood::Silent);
    assert_eq!(scene.draws(), 10);
    scene.feels(Mood::Well);
    assert_eq!(scene.takes(&limit, "a").await, Ok(false));
    // With cells at hand nothing is waited for, whatever the store does.
    scene.feels(Mood::Silent);
    let mut next = pin!(scene.takes(&limit, "a"));
    assert_eq!(poll_fn(|cx| Poll::Ready(next.as_mut().poll(cx))).await, Poll::Ready(Ok(false)));
}

#[tokio::test]
async fn what_is_given_back_is_there_for_every_process() {
    for limit in [2, 200] {
        let scene = Scene::set();
        let (one, two) = (scene.process(limit, limit), scene.process(limit, limit));
        for _ in 0..500 {
            let share = one.take(Sender::Account("a".into()), scene.clock.monotonic()).await.unwrap();
            share.give_back().await;
        }
        let mut taken = 0;
        while scene.takes(&two, "a").await.is_ok() {
            taken += 1;
        }
        // Of the larger one the first holds a slice.
        assert_eq!(taken, if limit == 2 { 2 } else { 196 });
    }
}

#[tokio::test]
async fn without_an_answer_in_time_each_goes_by_its_own_limit_until_there_is_one() {
    for mood in [Mood::Silent, Mood::Broken] {
        let scene = Scene::set();
        let (one, two) = (scene.process(4, 4), scene.process(4, 4));
        assert_eq!((scene.takes(&one, "a").await, scene.takes(&one, "a").await), (Ok(false), Ok(false)));
        scene.feels(mood);
        if mood == Mood::Silent {
            let mut waits = pin!(scene.takes(&one, "a"));
            assert!(poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx))).await.is_pending());
            scene.clock.advance(DRAW_WITHIN);
            assert_eq!(waits.await, Ok(true));
        } else {
            assert_eq!(scene.takes(&one, "a").await, Ok(true));
        }
        let draws = scene.draws();
        assert_eq!(scene.takes(&one, "a").await, Ok(true));
        assert!(scene.takes(&one, "a").await.is_err(), "its own limit holds all the same");
        assert_eq!(scene.draws(), draws, "it does not wait again for a while");
        scene.feels(Mood::Well);
        // At worst each process lets in the limit.
        assert_eq!((scene.takes(&two, "a").await, scene.takes(&two, "a").await), (Ok(false), Ok(false)));
        assert!(matches!(scene.takes(&two, "a").await, Err(Spent { by: "this source", .. })));
        scene.clock.advance(15 * S);
        assert_eq!(scene.takes(&one, "a").await, Ok(false), "it is asked again");
        assert!(scene.takes(&two, "a").await.is_err());
    }
}

#[tokio::test]
async fn however_many_senders_there_are_memory_is_bounded() {
    let scene = Scene::set();
    let limit = scene.process(1_000_000, 1);
    for n in 0..SENDERS_MAX + 100 {
        let _ = scene.takes(&limit, &n.to_string()).await;
    }
    let senders = limit.shared.as_ref().and_then(|shared| shared.senders.as_ref()).unwrap();
    assert_eq!(senders.known.lock().unwrap().limits.len(), SENDERS_MAX + 1);
    assert_eq!(scene.common.levels.lock().unwrap().len(), SENDERS_MAX + 2, "and the source's own");
    scene.clock.advance(200 * S);
    let late = senders.of(&Slot::Own(Sender::Account("late".into())), scene.clock.monotonic());
    assert!(late.name.starts_with("in/shop/other/") && !late.name.contains("late"), "{}", late.name);
    assert_eq!(senders.known.lock().unwrap().limits.len(), 1, "what was idle made room");
}
