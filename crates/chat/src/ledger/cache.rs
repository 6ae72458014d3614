//! A cache that forgets what was not used for a while, at a cost that does not depend on its size.

use std::collections::HashMap;
use std::hash::Hash;

/// A map of at most `entries_max` entries in two generations: what is used moves to the young one; when that is full, it
/// becomes the old one and the old one is dropped. Never iterated, so that the order of a hash map shows nowhere.
#[derive(Debug)]
pub(super) struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation_max: usize,
}

impl<K: Hash + Eq, V> Generations<K, V> {
    pub(super) fn new(entries_max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation_max: (entries_max / 2).max(1) }
    }

    pub(super) fn get(&mut self, key: &K) -> Option<&mut V> {
        if !self.old.is_empty()
            && let Some((key, value)) = self.old.remove_entry(key)
        {
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation_max && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        } else {
            self.old.remove(&key);
        }
        self.young.insert(key, value);
    }

    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_goes() {
        let mut cache = Generations::new(20);
        for i in 0..1000 {
            cache.insert(i, i);
            assert_eq!(cache.get(&0), Some(&mut 0), "used every time");
            assert!(cache.young.len() + cache.old.len() <= 20);
        }
        assert_eq!(cache.get(&500), None);
        assert_eq!(cache.get(&999), Some(&mut 999));
    }

    #[test]
    fn a_newer_value_hides_the_one_in_the_old_generation() {
        let mut cache = Generations::new(4);
        cache.insert('a', 1);
        cache.insert('b', 1);
        cache.insert('c', 1);
        cache.insert('a', 2);
        assert_eq!(cache.get(&'a'), Some(&mut 2));
        cache.clear();
        assert_eq!(cache.get(&'a'), None);
    }
}
