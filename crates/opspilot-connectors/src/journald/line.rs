//! Writes an entry as a line of JSON, the form in which both readers hand entries on.

use super::entry::FIELDS;

/// The fields of one entry. It can be used for one after the other.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The values, behind each other.
    values: Vec<u8>,
    /// Which field of [`FIELDS`], and where its value ends.
    places: Vec<(usize, usize)>,
}

impl Line {
    /// Forgets the entry before.
    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.places.clear();
    }

    /// Adds a value of a field, if anybody asks for that. A field may have several.
    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        if let Some(index) = FIELDS.iter().position(|field| field.as_bytes() == name) {
            self.values.extend_from_slice(value);
            self.places.push((index, self.values.len()));
        }
    }

    /// Writes the entry with its cursor and the microseconds since the Unix epoch when it was received.
    pub(super) fn write(
        &self,
        (cursor, time): (&str, &str),
        out: &mut Vec<u8>,
    ) -> Result<(), serde_json::Error> {
        out.extend_from_slice(b"{\"__CURSOR\":");
        serde_json::to_writer(&mut *out, cursor)?;
        out.extend_from_slice(b",\"__REALTIME_TIMESTAMP\":");
        serde_json::to_writer(&mut *out, time)?;
        for (index, name) in FIELDS.iter().enumerate() {
            self.write_field(index, name, out)?;
        }
        out.extend_from_slice(b"}\n");
        Ok(())
    }

    /// All values of one field, as a list.
    fn write_field(
        &self,
        index: usize,
        name: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), serde_json::Error> {
        let (mut start, mut count) = (0, 0);
        for (field, end) in &self.places {
            let value = self.values.get(start..*end).unwrap_or_default();
            start = *end;
            if *field != index {
                continue;
            }
            if count == 0 {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\":[");
            } else {
                out.push(b',');
            }
            count += 1;
            match std::str::from_utf8(value) {
                Ok(text) => serde_json::to_writer(&mut *out, text)?,
                Err(_) => serde_json::to_writer(&mut *out, value)?,
            }
        }
        if count > 0 {
            out.push(b']');
        }
        Ok(())
    }
}
