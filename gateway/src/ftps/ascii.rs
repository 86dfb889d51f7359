//! `TYPE A`: lines end with CR LF on the wire and with LF in files (RFC 959 §3.1.1.1).

const CR: u8 = b'\r';
const LF: u8 = b'\n';

/// From a file to the wire, chunk by chunk.
#[derive(Debug, Default)]
pub(super) struct ToWire {
    last: u8,
}

impl ToWire {
    /// The chunk as it travels. A line that ends with CR LF in the file already keeps its ending.
    pub(super) fn convert(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut wire = Vec::with_capacity(chunk.len() + chunk.len() / 16);
        for &byte in chunk {
            if byte == LF && self.last != CR {
                wire.push(CR);
            }
            wire.push(byte);
            self.last = byte;
        }
        wire
    }
}

/// From the wire to a file, chunk by chunk.
#[derive(Debug, Default)]
pub(super) struct FromWire {
    held: Held,
}

/// Whether a CR waits for what follows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Held {
    #[default]
    Nothing,
    CarriageReturn,
}

impl FromWire {
    /// The chunk as it is stored. A CR at its very end is held back: an LF may follow.
    pub(super) fn convert(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut stored = Vec::with_capacity(chunk.len() + 1);
        for &byte in chunk {
            if self.held == Held::CarriageReturn && byte != LF {
                stored.push(CR);
            }
            self.held = Held::Nothing;
            if byte == CR {
                self.held = Held::CarriageReturn;
            } else {
                stored.push(byte);
            }
        }
        stored
    }

    /// What is still held back when nothing follows.
    pub(super) fn rest(self) -> &'static [u8] {
        match self.held {
            Held::Nothing => &[],
            Held::CarriageReturn => &[CR],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_get_their_ending_for_the_wire_once() {
        let check = |chunks: &[&str], wire: &str| {
            let mut to_wire = ToWire::default();
            let converted = chunks
                .iter()
                .flat_map(|chunk| to_wire.convert(chunk.as_bytes()));
            assert_eq!(converted.collect::<Vec<u8>>(), wire.as_bytes());
        };

        check(&["a\nb\n"], "a\r\nb\r\n");
        check(&["a\r\nb\n"], "a\r\nb\r\n");
        check(&["a\r", "\nb"], "a\r\nb");
        check(&["a", "\nb"], "a\r\nb");
    }

    #[test]
    fn only_line_endings_change_on_the_way_to_a_file() {
        let check = |chunks: &[&str], stored: &str| {
            let mut from_wire = FromWire::default();
            let mut file: Vec<u8> = chunks
                .iter()
                .flat_map(|chunk| from_wire.convert(chunk.as_bytes()))
                .collect();
            file.extend_from_slice(from_wire.rest());
            assert_eq!(file, stored.as_bytes());
        };

        check(&["a\r\nb\r\n"], "a\nb\n");
        check(&["a\r", "\nb"], "a\nb");
        check(&["a\r", "b\r"], "a\rb\r");
        check(&["a\r\r\nb\n"], "a\r\nb\n");
    }

    proptest! {
        #[test]
        fn a_text_comes_back_as_it_went(text in "[a-c\n]{0,40}", cut in 0_usize..40) {
            let wire = ToWire::default().convert(text.as_bytes());

            let (first, second) = wire.split_at(cut.min(wire.len()));
            let mut from_wire = FromWire::default();
            let mut file = from_wire.convert(first);
            file.extend(from_wire.convert(second));
            file.extend_from_slice(from_wire.rest());

            prop_assert_eq!(file, text.as_bytes());
        }
    }
}
