//! Changes to DER and BER that keep the lengths around them right, so that a
//! reader gets as far as the change.

/// How deep structures are taken apart.
const DEPTH_MAX: usize = 24;

/// A value, taken apart as far as its lengths are right.
#[derive(Debug, Clone)]
struct Value {
    tag: u8,
    indefinite: bool,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Bytes(Vec<u8>),
    Values(Vec<Value>),
}

/// Random numbers (xorshift); a fuzzer's runs must repeat.
pub struct Random(u64);

impl Random {
    /// From the fuzzer's seed.
    pub fn new(seed: u32) -> Self {
        Self(u64::from(seed) << 1 | 1)
    }

    /// A number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }
}

/// The value at the front of `bytes`, and what follows it.
fn parse(bytes: &[u8], depth: usize) -> Option<(Value, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if depth > DEPTH_MAX || tag & 0x1f == 0x1f {
        return None;
    }
    if first == 0x80 {
        let mut values = Vec::new();
        let mut rest = rest;
        while !rest.starts_with(&[0, 0]) {
            let (value, after) = parse(rest, depth + 1)?;
            values.push(value);
            rest = after;
        }
        return Some((Value { tag, indefinite: true, content: Content::Values(values) }, &rest[2..]));
    }
    let (length, rest) = match first {
        0..0x80 => (usize::from(first), rest),
        _ => {
            let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = octets.iter().fold(0_u64, |length, octet| length << 8 | u64::from(*octet));
            (usize::try_from(length).ok()?, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    let inner = (tag & 0x20 != 0).then(|| parse_all(content, depth + 1)).flatten();
    let content = inner.map_or_else(|| Content::Bytes(content.to_vec()), Content::Values);
    Some((Value { tag, indefinite: false, content }, rest))
}

fn parse_all(mut bytes: &[u8], depth: usize) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    while !bytes.is_empty() {
        let (value, rest) = parse(bytes, depth)?;
        values.push(value);
        bytes = rest;
    }
    Some(values)
}

impl Value {
    fn write(&self, out: &mut Vec<u8>) {
        let content = match &self.content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::Values(values) => {
                let mut content = Vec::new();
                values.iter().for_each(|value| value.write(&mut content));
                content
            }
        };
        out.push(self.tag);
        if self.indefinite {
            out.push(0x80);
            out.extend_from_slice(&content);
            out.extend_from_slice(&[0, 0]);
            return;
        }
        match u8::try_from(content.len()) {
            Ok(length) if length < 0x80 => out.push(length),
            _ => {
                let octets = content.len().to_be_bytes();
                let octets = &octets[octets.iter().take_while(|octet| **octet == 0).count()..];
                out.push(0x80 | octets.len() as u8);
                out.extend_from_slice(octets);
            }
        }
        out.extend_from_slice(&content);
    }

    fn count(&self) -> usize {
        match &self.content {
            Content::Bytes(_) => 1,
            Content::Values(values) => 1 + values.iter().map(Self::count).sum::<usize>(),
        }
    }

    /// The value at `position` in the order of the bytes, itself counted.
    fn at(&mut self, position: &mut usize) -> Option<&mut Self> {
        if *position == 0 {
            return Some(self);
        }
        *position -= 1;
        match &mut self.content {
            Content::Bytes(_) => None,
            Content::Values(values) => values.iter_mut().find_map(|value| value.at(position)),
        }
    }
}

/// Changes one value in `bytes`; `None` where they are no structure. `change`
/// changes bytes as the fuzzer likes.
pub fn changed(
    bytes: &[u8],
    random: &mut Random,
    change: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> Option<Vec<u8>> {
    let (mut root, rest) = parse(bytes, 0)?;
    let count = root.count();
    let mut pick = || random.below(count);
    let (mut target, mut other) = (pick(), pick());
    let other = root.at(&mut other)?.clone();
    let what = random.below(10);
    let number = random.below(256);
    let value = root.at(&mut target)?;
    match (what, &mut value.content) {
        (0, _) => *value = other,
        (1, _) => value.tag = other.tag,
        (2, _) => value.tag ^= 1 << (number & 7),
        (3, _) => value.indefinite = !value.indefinite && value.tag & 0x20 != 0,
        (4, Content::Values(values)) => values.push(other),
        (5, Content::Values(values)) if !values.is_empty() => {
            let at = number % values.len();
            values.remove(at);
        }
        (6, Content::Values(values)) if !values.is_empty() => {
            let at = number % values.len();
            values.insert(at, values[at].clone());
        }
        (_, Content::Bytes(content)) => *content = change(std::mem::take(content)),
        (_, Content::Values(values)) => values.reverse(),
    }
    let mut out = Vec::new();
    root.write(&mut out);
    out.extend_from_slice(rest);
    Some(out)
}
