//! A field section as it came out of QPACK: names and values in order, nothing judged.

use std::fmt;

/// What each field counts in addition to its name and value (RFC 9114 section 4.2.2). It also bounds how many fields
/// fit into a section.
pub const FIELD_OVERHEAD_BYTES: usize = 32;

/// Names and values, in the order in which they were sent. Two allocations, however many fields there are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FieldSection {
    /// All names and values, one after the other.
    pub(crate) text: Vec<u8>,
    /// Where the name and the value of each field end.
    ends: Vec<(u32, u32)>,
    /// Where the name that is being read ends.
    name_end: u32,
}

impl FieldSection {
    /// An empty section with room for what is likely to come out of so many encoded bytes, and not for more than is
    /// allowed to.
    pub(crate) fn for_encoded(bytes: usize, section_bytes_max: usize) -> Self {
        // Huffman makes three bytes of four; a reference makes one or two bytes of ten to thirty.
        let text = Vec::with_capacity((bytes * 2).min(section_bytes_max));
        Self { text, ends: Vec::with_capacity(12), name_end: 0 }
    }

    /// What was added to the text since the last field is the name of the next one.
    pub(crate) fn end_name(&mut self) {
        self.name_end = self.text.len() as u32;
    }

    /// What was added to the text since the name is its value.
    pub(crate) fn end_value(&mut self) {
        self.ends.push((self.name_end, self.text.len() as u32));
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The size that limits speak of: names + values + 32 for each field (RFC 9114 section 4.2.2).
    pub fn section_bytes(&self) -> usize {
        self.text.len() + self.ends.len() * FIELD_OVERHEAD_BYTES
    }

    /// Name and value of the field at this place.
    pub fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let (name_end, value_end) = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].1);
        Some((
            &self.text[start as usize..name_end as usize],
            &self.text[name_end as usize..value_end as usize],
        ))
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

/// Shows names and values, but not what would let a reader of a log act as somebody else.
impl fmt::Debug for FieldSection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let readable = self.iter().map(|(name, value)| {
            let value =
                if is_secret(name) { "(secret)".to_owned() } else { value.escape_ascii().to_string() };
            (name.escape_ascii().to_string(), value)
        });
        f.debug_map().entries(readable).finish()
    }
}

/// Whether the value of this field proves who somebody is.
pub(crate) fn is_secret(name: &[u8]) -> bool {
    matches!(name, b"authorization" | b"proxy-authorization" | b"cookie" | b"set-cookie")
}
