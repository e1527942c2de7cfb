//! Which lane is served first, turn by turn: by weight, none starving.

use crate::domain::Lane;

/// Smooth weighted round-robin over the three lanes.
#[derive(Debug, Clone)]
pub struct Turns {
    weights: [i64; 3],
    credit: [i64; 3],
}

impl Turns {
    /// Weights of critical, normal and bulk; a weight below 1 counts as 1, so that no lane starves.
    pub fn new(weights: [u32; 3]) -> Self {
        Turns { weights: weights.map(|w| i64::from(w.max(1))), credit: [0; 3] }
    }

    /// Shares `slots` among the lanes by the next turns, in the order to look for work now.
    pub fn shares(&mut self, slots: u32) -> [(Lane, u32); 3] {
        let mut shares = [0; 3];
        let mut order = [Lane::Critical, Lane::Normal, Lane::Bulk];
        for turn in 0..slots {
            let lanes = self.take();
            if turn == 0 {
                order = lanes;
            }
            shares[at(lanes[0])] += 1;
        }
        order.map(|lane| (lane, shares[at(lane)]))
    }

    /// The lanes in the order to look for work now. The first is the one whose turn it is; the others follow so
    /// that a worker is never idle while any lane has work.
    fn take(&mut self) -> [Lane; 3] {
        for (credit, weight) in self.credit.iter_mut().zip(self.weights) {
            *credit += weight;
        }
        let mut order = [
            (self.credit[0], 0, Lane::Critical),
            (self.credit[1], 1, Lane::Normal),
            (self.credit[2], 2, Lane::Bulk),
        ];
        order.sort_by_key(|(credit, at, _)| (-credit, *at));
        let total: i64 = self.weights.iter().sum();
        match order[0].2 {
            Lane::Critical => self.credit[0] -= total,
            Lane::Normal => self.credit[1] -= total,
            Lane::Bulk => self.credit[2] -= total,
        }
        order.map(|(_, _, lane)| lane)
    }
}

const fn at(lane: Lane) -> usize {
    match lane {
        Lane::Critical => 0,
        Lane::Normal => 1,
        Lane::Bulk => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_the_weights() {
        let mut turns = Turns::new([8, 4, 1]);
        let first: Vec<Lane> = (0..130).map(|_| turns.take()[0]).collect();
        let count = |lane| first.iter().filter(|l| **l == lane).count();
        assert_eq!((count(Lane::Critical), count(Lane::Normal), count(Lane::Bulk)), (80, 40, 10));
    }

    #[test]
    fn many_slots_are_shared_as_many_turns_would_be() {
        let mut turns = Turns::new([8, 4, 1]);
        let mut total = [0; 3];
        for slots in [1, 5, 7, 13, 26] {
            let shares = turns.shares(slots);
            assert_eq!(shares.iter().map(|(_, share)| share).sum::<u32>(), slots);
            shares.iter().for_each(|(lane, share)| total[at(*lane)] += share);
        }
        assert_eq!(total, [32, 16, 4], "four rounds of thirteen");
    }

    #[test]
    fn every_turn_names_every_lane() {
        let mut turns = Turns::new([0, 0, 0]);
        for _ in 0..10 {
            let mut lanes = turns.take();
            lanes.sort();
            assert_eq!(lanes, [Lane::Critical, Lane::Normal, Lane::Bulk]);
        }
    }
}
