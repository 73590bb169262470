//! What is known of each flow of a link. Flows are numbered from 0 without large gaps, so a number is a place: for each packet of a
//! fleet something is looked up here several times.

/// Values by the number of a flow, walked in the order in which flows came.
#[derive(Debug)]
pub struct ByFlow<T> {
    /// By flow: where its value is, counted from 1.
    places: Vec<u32>,
    values: Vec<(u64, T)>,
}

impl<T> Default for ByFlow<T> {
    fn default() -> ByFlow<T> {
        ByFlow {
            places: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl<T> ByFlow<T> {
    fn place(&self, flow: u64) -> Option<usize> {
        let place = *self.places.get(usize::try_from(flow).ok()?)?;
        (place as usize).checked_sub(1)
    }

    /// What is known of a flow.
    #[must_use]
    pub fn get(&self, flow: u64) -> Option<&T> {
        self.place(flow).map(|place| &self.values[place].1)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, flow: u64) -> Option<&mut T> {
        self.place(flow).map(|place| &mut self.values[place].1)
    }

    /// The same; a flow that is new begins with `first`.
    pub fn get_or_insert_with(&mut self, flow: u64, first: impl FnOnce() -> T) -> &mut T {
        let place = self.place(flow).unwrap_or_else(|| {
            let number = usize::try_from(flow).expect("as many flows as there is room for");
            if self.places.len() <= number {
                self.places.resize(number + 1, 0);
            }
            self.values.push((flow, first()));
            self.places[number] = self.values.len() as u32;
            self.values.len() - 1
        });
        &mut self.values[place].1
    }

    /// All flows.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.values.iter().map(|(flow, value)| (*flow, value))
    }

    /// What is known of each, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.values.iter_mut().map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flow_has_what_was_put_there_and_they_come_in_order() {
        let mut flows = ByFlow::default();
        for flow in [7, 2, 7, 40] {
            *flows.get_or_insert_with(flow, || 0) += flow;
        }
        assert_eq!(flows.get(3), None);
        assert_eq!(flows.get(1_000), None);
        *flows.get_mut(2).expect("it was put there") += 1;
        let all: Vec<(u64, u64)> = flows.iter().map(|(flow, value)| (flow, *value)).collect();
        assert_eq!(all, [(7, 14), (2, 3), (40, 40)]);
    }
}
